"""Tests of what the toy data sets share."""

import json
import logging
from pathlib import Path

import cv2
import numpy as np
import pytest

from mmal.datasets.toy.folder import check_least, fill_folder, is_hard, make_scene_rng, write_jpeg

MANIFEST, SPEC = "toy.json", dict(size=8, seed=0, version=1)


def fill(folder: Path, text: str = "data", **changes: int) -> Path:
    def write(new: Path) -> None:
        (new / "data.txt").write_text(text)

    return fill_folder(folder, MANIFEST, SPEC | changes, write)


def read_files(folder: Path) -> dict[str, str]:
    return {p.relative_to(folder).as_posix(): p.read_text() for p in folder.rglob("*.*")}


def test_folder_holds_data_and_manifest(tmp_path):
    folder = fill(tmp_path / "deep" / "toy")

    assert folder == tmp_path / "deep" / "toy"
    files = read_files(folder)
    assert files.keys() == {"data.txt", MANIFEST}
    assert json.loads(files[MANIFEST]) == SPEC
    assert list(folder.parent.iterdir()) == [folder]  # no temporary folder left


def test_second_call_does_nothing(tmp_path, caplog):
    folder = fill(tmp_path / "toy")

    with caplog.at_level(logging.INFO):
        assert fill(folder, "other") == folder
    assert caplog.messages == [f"{folder} already holds this data set, nothing to do."]
    assert read_files(folder)["data.txt"] == "data"


def test_empty_folder_is_filled(tmp_path):
    assert read_files(fill(tmp_path))["data.txt"] == "data"


@pytest.mark.parametrize("change", [dict(seed=1), dict(version=2), dict(more=1)])
def test_other_data_set_is_not_overwritten(tmp_path, change):
    folder = fill(tmp_path / "toy")

    with pytest.raises(FileExistsError, match="Delete that folder or choose another"):
        fill(folder, "other", **change)
    assert read_files(folder)["data.txt"] == "data"


def test_foreign_folder_and_file_are_not_touched(tmp_path):
    (tmp_path / "photo.jpg").write_text("mine")

    for path in (tmp_path, tmp_path / "photo.jpg"):
        with pytest.raises(FileExistsError, match="holds something else"):
            fill(path)
    assert read_files(tmp_path) == {"photo.jpg": "mine"}


def test_interruption_leaves_nothing(tmp_path):
    def interrupt(folder: Path) -> None:
        (folder / "half.txt").write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fill_folder(tmp_path / "toy", MANIFEST, SPEC, interrupt)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("value", [0, -1, 1.5, "2"])
def test_bad_values_are_named(value):
    check_least(dict(size=1, seed=-5), size=1)

    with pytest.raises(ValueError, match=f"size must be an integer of at least 1, got {value!r}"):
        check_least(dict(size=value), size=1)


@pytest.mark.parametrize(("part", "share"), [(0, 0.3), (1, 0.5)])
@pytest.mark.parametrize("seed", [0, 7])
def test_share_of_hard_scenes(part, share, seed):
    hard = np.array([is_hard(part, index, seed) for index in range(500)])

    assert hard.mean() == share
    # The position within a block tells nothing.
    assert np.abs(hard.reshape(-1, 10).mean(axis=0) - share).max() < 0.25


def test_each_scene_has_randomness_of_its_own():
    keys = [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)]
    drawn = [make_scene_rng(*key).random() for key in keys]

    assert len(set(drawn)) == 4
    assert drawn == [make_scene_rng(*key).random() for key in keys]


def test_colours_keep_their_order(tmp_path):
    write_jpeg(tmp_path / "red.jpg", np.full((16, 16, 3), (255, 0, 0), np.uint8))

    blue_green_red = cv2.imread(str(tmp_path / "red.jpg"))[0, 0]
    np.testing.assert_allclose(blue_green_red, [0, 0, 255], atol=3)
