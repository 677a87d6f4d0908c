"""Tests of the toy VOC data set, on a small copy of it."""

import inspect
import json
import logging
import random
import runpy
import sys
import xml.etree.ElementTree as ET
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("sklearn", reason="the handwritten digits come with scikit-learn")

from mmal.datasets.toy import CLASSES, make_toy_voc, toy_voc
from mmal.datasets.toy.digit_scenes import Scene, Sprite
from mmal.datasets.toy.toy_voc import EASY, HARD, is_hard, load_glyphs

TOOL = Path(__file__).parents[3] / "tools" / "misc" / "make_toy_voc.py"
SMALL = dict(num_train=60, num_test=20, size=96)
TINY = dict(num_train=2, num_test=1, size=96)


@pytest.fixture(scope="module")
def data_set(tmp_path_factory) -> Path:
    return make_toy_voc(tmp_path_factory.mktemp("data") / "deep" / "toy", **SMALL)


def read_files(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*.*")}


def read_objects(path: Path) -> list[tuple[str, list[int]]]:
    objects = ET.parse(path).getroot().findall("object")
    edges = ("xmin", "ymin", "xmax", "ymax")
    return [(o.findtext("name"), [int(o.findtext(f"bndbox/{e}")) for e in edges]) for o in objects]


def test_layout(data_set):
    lists = {s: (data_set / f"ImageSets/Main/{s}.txt").read_text().split() for s in toy_voc.SPLITS}

    assert {split: len(names) for split, names in lists.items()} == {"train": 60, "test": 20}
    names = {name for split in lists.values() for name in split}
    assert len(names) == 80
    assert {path.stem for path in (data_set / "JPEGImages").glob("*.jpg")} == names
    assert {path.stem for path in (data_set / "Annotations").glob("*.xml")} == names
    assert [path.name for path in data_set.parent.iterdir()] == ["toy"]  # no temporary folder left


def test_annotations_hold_voc_fields_only(data_set):
    for path in (data_set / "Annotations").iterdir():
        root = ET.parse(path).getroot()
        image = cv2.imread(str(data_set / "JPEGImages" / root.findtext("filename")))
        size = [int(root.findtext(f"size/{side}")) for side in ("height", "width", "depth")]
        assert tuple(size) == image.shape == (96, 96, 3)

        assert {field.tag for field in root} == {
            "folder", "filename", "size", "segmented", "object"
        }  # fmt: skip
        for item in root.findall("object"):
            tags = [field.tag for field in item]
            assert tags == ["name", "pose", "truncated", "difficult", "bndbox"]
            assert item.findtext("difficult") in ("0", "1")
        for name, (x1, y1, x2, y2) in read_objects(path):
            assert name in CLASSES
            assert 1 <= x1 < x2 <= 96
            assert 1 <= y1 < y2 <= 96


def test_boxes_count_from_one_and_include_the_last_pixel(tmp_path, monkeypatch):
    def white_on_black(rng, glyphs, style, size):
        canvas = np.zeros((size, size, 3), np.float32)
        shape = Sprite(np.ones((25, 15), np.float32), np.ones(3, np.float32), 30, 8, label=7)
        return Scene(canvas, (shape,), np.zeros((size, size, 1), np.float32))

    monkeypatch.setattr(toy_voc, "draw_scene", white_on_black)
    folder = make_toy_voc(tmp_path / "toy", **TINY)

    image = cv2.imread(str(folder / "JPEGImages/train_00000.jpg"), cv2.IMREAD_GRAYSCALE)
    rows, columns = np.nonzero(image > 127)
    seen = [columns.min() + 1, rows.min() + 1, columns.max() + 1, rows.max() + 1]
    assert read_objects(folder / "Annotations/train_00000.xml") == [("seven", seen)]


def test_colours_keep_their_order(tmp_path, monkeypatch):
    def red(rng, glyphs, style, size):
        canvas = np.zeros((size, size, 3), np.float32) + np.array([1, 0, 0], np.float32)
        return Scene(canvas, (), np.zeros((size, size, 1), np.float32))

    monkeypatch.setattr(toy_voc, "draw_scene", red)
    folder = make_toy_voc(tmp_path / "toy", **TINY)

    blue_green_red = cv2.imread(str(folder / "JPEGImages/train_00000.jpg"))[0, 0]
    np.testing.assert_allclose(blue_green_red, [0, 0, 255], atol=3)


def test_same_seed_same_bytes_whatever_the_global_state(tmp_path):
    np.random.seed(0)
    random.seed(0)
    numpy_state, python_state = np.random.get_state(), random.getstate()
    first = make_toy_voc(tmp_path / "first", **TINY)
    np.testing.assert_array_equal(np.random.get_state()[1], numpy_state[1])
    assert random.getstate() == python_state

    np.random.seed(1)
    random.seed(1)
    second = make_toy_voc(tmp_path / "second", **TINY)
    assert len(read_files(first)) == 2 * 3 + 2 + 1
    assert read_files(first) == read_files(second)


def test_seed_matters(tmp_path, data_set):
    other = read_files(make_toy_voc(tmp_path / "toy", **TINY, seed=1))

    for name in ("train_00000", "train_00001", "test_00000"):
        image = f"JPEGImages/{name}.jpg"
        assert other[image] != (data_set / image).read_bytes()


def test_an_image_does_not_depend_on_how_many_there_are(tmp_path, data_set):
    few = read_files(make_toy_voc(tmp_path / "toy", **TINY))

    shared = [name for name in few if name.endswith((".jpg", ".xml"))]
    assert len(shared) == 6
    for name in shared:
        assert few[name] == (data_set / name).read_bytes(), name


def test_no_handwriting_sample_is_in_both_splits():
    glyphs = load_glyphs()
    samples = {split: {g.tobytes() for c in glyphs[split] for g in c} for split in glyphs}

    assert [len(glyphs[split]) for split in ("train", "test")] == [10, 10]
    assert not samples["train"] & samples["test"]
    assert sum(len(c) for split in glyphs.values() for c in split) == 1797  # all of load_digits
    assert len(samples["train"]) == pytest.approx(0.7 * 1797, abs=10)


@pytest.mark.parametrize(("split", "share"), [("train", 0.3), ("test", 0.5)])
@pytest.mark.parametrize("seed", [0, 7])
def test_share_of_hard_scenes(split, share, seed):
    hard = np.array([is_hard(split, index, seed) for index in range(500)])

    assert hard.mean() == share
    # The position within a block tells nothing.
    assert np.abs(hard.reshape(-1, 10).mean(axis=0) - share).max() < 0.25


def test_rare_classes_live_in_hard_scenes(data_set):
    easy, hard = Counter(), Counter()
    for index in range(SMALL["num_train"]):
        counter = hard if is_hard("train", index, seed=0) else easy
        objects = read_objects(data_set / "Annotations" / f"train_{index:05d}.xml")
        counter.update(name for name, _ in objects)

    frequent, rare = CLASSES[:3], CLASSES[-3:]
    assert sum(easy[c] for c in frequent) > 5 * sum(easy[c] for c in rare)
    assert sum(hard[c] for c in rare) > 2 * sum(easy[c] for c in rare)
    total = easy + hard
    assert sum(total[c] for c in frequent) > 2 * sum(total[c] for c in rare)


def test_frequencies_are_a_long_tail():
    assert sum(EASY.frequencies) == pytest.approx(1)
    assert (np.diff(EASY.frequencies) < 0).all()
    # 0.72 ** 9 = 0.052: a nine is about twenty times rarer than a zero.
    assert EASY.frequencies[0] / EASY.frequencies[-1] == pytest.approx(19.2, abs=0.1)
    assert HARD.frequencies == (0.1,) * 10


def test_second_call_does_nothing(tmp_path, monkeypatch, caplog):
    folder = make_toy_voc(tmp_path / "toy", **TINY)
    monkeypatch.setattr(toy_voc, "_write_data_set", lambda *_: pytest.fail("wrote it again"))

    with caplog.at_level(logging.INFO):
        assert make_toy_voc(folder, **TINY) == folder
    assert caplog.messages == [f"{folder} already holds this data set, nothing to do."]


def test_empty_folder_is_filled(tmp_path):
    make_toy_voc(tmp_path / "toy", **TINY)
    (tmp_path / "empty").mkdir()

    assert read_files(make_toy_voc(tmp_path / "empty", **TINY)) == read_files(tmp_path / "toy")


@pytest.mark.parametrize("change", [dict(seed=1), dict(num_test=2), dict(size=97)])
def test_other_data_set_is_not_overwritten(tmp_path, change):
    folder = make_toy_voc(tmp_path / "toy", **TINY)
    before = read_files(folder)

    with pytest.raises(FileExistsError, match="Delete that folder or choose another out_dir"):
        make_toy_voc(folder, **{**TINY, **change})
    assert read_files(folder) == before


def test_data_set_of_another_version_is_not_taken_for_this_one(tmp_path):
    folder = make_toy_voc(tmp_path / "toy", **TINY)
    manifest = folder / toy_voc.MANIFEST
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "version": 0}))

    with pytest.raises(FileExistsError, match="'version': 0"):
        make_toy_voc(folder, **TINY)


def test_foreign_folder_and_file_are_not_touched(tmp_path):
    (tmp_path / "photo.jpg").write_bytes(b"mine")

    for path in (tmp_path, tmp_path / "photo.jpg"):
        with pytest.raises(FileExistsError, match="holds something else"):
            make_toy_voc(path, **TINY)
    assert read_files(tmp_path) == {"photo.jpg": b"mine"}


def test_interruption_leaves_nothing(tmp_path, monkeypatch):
    calls = []

    def interrupt(path, image):
        calls.append(path)
        if len(calls) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(toy_voc, "_write_image", interrupt)
    with pytest.raises(KeyboardInterrupt):
        make_toy_voc(tmp_path / "toy", **TINY)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "value", "least"),
    [("num_train", 0, 1), ("num_test", -1, 1), ("size", 95, 96), ("seed", -1, 0), ("seed", 0.5, 0)],
)
def test_bad_parameters(tmp_path, name, value, least):
    with pytest.raises(ValueError, match=f"{name} must be .* at least {least}, got {value}"):
        make_toy_voc(tmp_path / "toy", **{name: value})
    assert list(tmp_path.iterdir()) == []


def test_missing_scikit_learn_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)

    with pytest.raises(ImportError, match="pip install scikit-learn"):
        load_glyphs()


def run_tool(monkeypatch, *args: object) -> None:
    monkeypatch.setattr("sys.argv", [str(TOOL), *map(str, args)])
    runpy.run_path(str(TOOL), run_name="__main__")


def test_tool_writes_the_same_data_set(tmp_path, monkeypatch):
    expected = make_toy_voc(tmp_path / "expected", **TINY, seed=3)
    options = ["--num-train", 2, "--num-test", 1, "--size", 96, "--seed", 3]
    run_tool(monkeypatch, tmp_path / "toy", *options)

    assert read_files(tmp_path / "toy") == read_files(expected)


def test_tool_has_the_defaults_of_the_function(monkeypatch):
    monkeypatch.setattr("sys.argv", [str(TOOL), "somewhere"])
    options = vars(runpy.run_path(str(TOOL))["parse_args"]())

    parameters = inspect.signature(make_toy_voc).parameters.values()
    defaults = {p.name: p.default for p in parameters if p.name != "out_dir"}
    assert options == {"out_dir": "somewhere", **defaults}


def test_tool_reports_errors_and_helps(tmp_path, monkeypatch, capsys):
    with pytest.raises(SystemExit, match="error: size must be"):
        run_tool(monkeypatch, tmp_path / "toy", "--size", 10)
    with pytest.raises(SystemExit) as stop:
        run_tool(monkeypatch, "--help")
    assert stop.value.code == 0
    assert "make_toy_voc.py data/toy_voc" in capsys.readouterr().out
