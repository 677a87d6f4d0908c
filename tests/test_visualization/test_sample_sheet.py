"""Tests of the sheet of samples: what is drawn, and where."""

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from mmengine.registry import DATASETS, init_default_scope

from mmal.visualization import plot_samples
from mmal.visualization.annotations import GREY, palette

#: As a VOC file counts: from 1. In pixels counted from 0 the first box is 10, 8, 29, 23.
IMAGES = {"a": [("cat", 11, 9, 30, 24)], "b": [("dog", 3, 3, 9, 9), ("cat", 1, 1, 40, 38)], "c": []}


class Sheet:
    """A sheet as it was saved."""

    def __init__(self, path: Path, figure: Figure) -> None:
        self.pixels = cv2.imread(str(path))
        self.figure = figure
        self.tiles = [axes for axes in figure.axes if axes.axison]

    def at(self, axes: Axes, x: float, y: float) -> np.ndarray:
        """The colour, blue first, where a tile shows the place (x, y) of its image."""
        column, row = axes.transData.transform((x, y))
        return self.pixels[int(len(self.pixels) - row), int(column)]

    @property
    def legend(self) -> list[str]:
        return [text.get_text() for legend in self.figure.legends for text in legend.get_texts()]


def title(axes: Axes) -> str:
    return axes.get_title()


def texts(axes: Axes) -> list[str]:
    return [text.get_text() for text in axes.texts]


@pytest.fixture
def plot(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Sheet]:
    figures: list[Figure] = []
    save = Figure.savefig
    monkeypatch.setattr(
        Figure, "savefig", lambda self, *args, **kw: (figures.append(self), save(self, *args, **kw))
    )

    def run(config: dict, number: int = 12, failures: int = 0) -> Sheet:
        path = tmp_path / "sheet.png"
        found = plot_samples(build(config), path, number)
        assert len(found) == failures
        sheet = Sheet(path, figures[-1])
        sheet.failures = found
        return sheet

    return run


def build(config: dict) -> Any:
    return DATASETS.build(config)


def near(color: np.ndarray, expected: Any) -> bool:
    return bool(np.abs(np.subtract(color, expected, dtype=float)).max() < 12)


def bgr(color: tuple) -> np.ndarray:
    return np.array(to_rgb(color))[::-1] * 255


@pytest.fixture
def voc(write_voc, tmp_path) -> dict:
    return write_voc(tmp_path, IMAGES)


def test_box_is_where_the_file_says(voc, plot, tmp_path):
    sheet = plot(voc)

    axes = sheet.tiles[0]
    background = cv2.imread(str(tmp_path / "JPEGImages" / "a.jpg"))[0, 0]
    cat = bgr(palette(2)[0])
    for x, y in ((10, 15), (29, 15), (25, 8), (20, 23)):  # left, right, top, bottom
        assert near(sheet.at(axes, x, y), cat), (x, y)
    for x, y in ((20, 16), (5, 15), (34, 15), (20, 30), (12, 21)):
        assert near(sheet.at(axes, x, y), background), (x, y)


def test_names_of_classes_files_and_sizes(voc, plot):
    sheet = plot(voc)

    assert [title(axes) for axes in sheet.tiles] == [
        "a.jpg (48 x 40)",
        "b.jpg (48 x 40)",
        "c.jpg (48 x 40)",
    ]
    assert [texts(axes) for axes in sheet.tiles] == [["cat"], ["cat", "dog"], []]  # small ones last
    assert sheet.legend == ["cat", "dog"]


def test_shifted_classes_show(write_coco, tmp_path, plot):
    """MMDetection numbers classes as the COCO file does, whatever their order in the config."""
    config = write_coco(tmp_path, {"a": [("cat", 11, 9, 30, 24)]})
    config["metainfo"] = dict(classes=("dog", "cat"))
    sheet = plot(config)
    assert texts(sheet.tiles[0]) == sheet.legend == ["dog"]
    assert near(sheet.at(sheet.tiles[0], 10, 15), bgr(palette(2)[0]))


def test_what_training_ignores_is_grey_and_dashed(write_voc, tmp_path, plot):
    sheet = plot(write_voc(tmp_path, IMAGES, difficult=True))

    (box,) = sheet.tiles[0].patches
    assert box.get_linestyle() == "--"
    assert to_rgb(box.get_edgecolor()) == GREY
    assert texts(sheet.tiles[0]) == ["cat"]
    assert sheet.legend == ["ignored in training"]


def test_label_without_class(voc, plot):
    voc["pipeline"] = [*voc["pipeline"][:2], dict(type=_Relabel), voc["pipeline"][2]]
    assert texts(plot(voc).tiles[0]) == ["class 7"]


class _Relabel:
    """A transform that makes labels of which there are no classes."""

    def __call__(self, results: dict) -> dict:
        results["gt_bboxes_labels"] = results["gt_bboxes_labels"] + 7
        return results


def test_masks_film_what_they_cover(write_coco, tmp_path, plot):
    config = write_coco(tmp_path, {"a": [("dog", 11, 11, 31, 31)]})
    path = tmp_path / "instances.json"
    content = json.loads(path.read_text())
    # The lower left half of the box 10, 10, 30, 30.
    content["annotations"][0]["segmentation"] = [[10, 10, 30, 30, 10, 30]]
    path.write_text(json.dumps(content))
    load, _, pack = config["pipeline"]
    with_mask = dict(type="mmdet.LoadAnnotations", with_bbox=True, with_mask=True)
    background = cv2.imread(str(tmp_path / "images" / "a.jpg"))[0, 0]
    color = bgr(palette(2)[1])

    for polygons in (True, False):
        with_mask["poly2mask"] = not polygons
        sheet = plot({**config, "pipeline": [load, with_mask, pack]})
        axes = sheet.tiles[0]
        assert near(sheet.at(axes, 15, 25), background * 0.55 + color * 0.45)
        assert near(sheet.at(axes, 25, 15), background)


def test_photos_that_the_pipeline_normalised(voc, plot):
    normalize = dict(type="Normalize", mean=[0, 100, 255], std=[50] * 3, to_rgb=False)
    voc["pipeline"] = [*voc["pipeline"][:2], normalize, voc["pipeline"][2]]
    sheet = plot(voc)
    shown = sheet.tiles[0].images[0].get_array()
    assert shown.dtype == np.uint8
    assert len(np.unique(shown)) > 1


MPII = [dict(type="mmpose.LoadImage"), dict(type="mmpose.GetBBoxCenterScale")]


def _one_joint(write_mpii: Callable[..., dict], root: Path, x: int, y: int) -> dict:
    """A person whose only visible joint, its right knee, is the white dot of a black photo."""
    config = write_mpii(root, [("000000001.jpg", (40, 40))])
    path = root / "annotations" / "train.json"
    people = json.loads(path.read_text())
    people[0]["joints"] = [[x, y]] * 16  # MMPose counts them from 0
    people[0]["joints_vis"] = [int(i == 1) for i in range(16)]
    path.write_text(json.dumps(people))
    image = np.zeros((80, 80, 3), np.uint8)
    cv2.circle(image, (x, y), 2, (255, 255, 255), -1)
    cv2.imwrite(str(root / "images" / "000000001.jpg"), image)
    return {**config, "type": "mmpose.MpiiDataset", "data_mode": "topdown"}


@pytest.mark.parametrize("mirrored", [False, True])
def test_joints_are_where_the_pipeline_moves_the_photo(mirrored, write_mpii, tmp_path, plot):
    config = _one_joint(write_mpii, tmp_path, 50, 33)
    flip = [dict(type="mmpose.RandomFlip", prob=1.0)] if mirrored else []
    affine = dict(type="mmpose.TopdownAffine", input_size=(96, 128))
    pack = dict(type="mmpose.PackPoseInputs", pack_transformed=True)
    sheet = plot({**config, "pipeline": [*MPII, *flip, affine, pack]})

    axes = sheet.tiles[0]
    assert title(axes) == "000000001.jpg (96 x 128)"
    # In a mirrored photo the right knee is a left one.
    assert texts(axes) == ["4" if mirrored else "1"]
    image = axes.images[0].get_array()[..., 0].astype(float)
    rows, columns = np.nonzero(image > 128)
    dot = columns.mean() + 0.5, rows.mean() + 0.5
    (marker,) = axes.lines
    assert np.ravel(marker.get_xydata()) == pytest.approx(dot, abs=0.5)
    assert "1 right_knee" in sheet.legend
    assert len(sheet.legend) == 16


def test_links_between_visible_joints_only(write_mpii, tmp_path, plot):
    config = {**_one_joint(write_mpii, tmp_path, 50, 33)}
    path = tmp_path / "annotations" / "train.json"
    people = json.loads(path.read_text())
    people[0]["joints_vis"] = [1, 1, 0, 1] + [0] * 12  # ankle and knee are linked; a hip is not
    path.write_text(json.dumps(people))
    pack = dict(type="mmpose.PackPoseInputs", pack_transformed=True)
    affine = dict(type="mmpose.TopdownAffine", input_size=(64, 64))
    axes = plot({**config, "pipeline": [*MPII, affine, pack]}).tiles[0]
    assert texts(axes) == ["0", "1", "3"]
    assert len(axes.collections[0].get_segments()) == 1


def test_joints_that_are_packed_in_coordinates_of_the_photo(write_mpii, tmp_path, plot):
    config = _one_joint(write_mpii, tmp_path, 50, 33)
    affine = dict(type="mmpose.TopdownAffine", input_size=(64, 64))
    pipeline = [*MPII, affine, dict(type="mmpose.PackPoseInputs")]
    sheet = plot({**config, "pipeline": pipeline}, failures=1)
    assert "pack_transformed=True" in sheet.failures[0]


def test_sample_that_fails_is_named(voc, plot, tmp_path):
    (tmp_path / "JPEGImages" / "b.jpg").unlink()
    sheet = plot(voc, failures=1)

    assert sheet.failures[0].startswith(f"{tmp_path}/JPEGImages/b.jpg: FileNotFoundError: ")
    assert [title(axes) for axes in sheet.tiles][1] == "b.jpg"
    assert texts(sheet.tiles[1])[0].startswith("FileNotFoundError: ")
    assert texts(sheet.tiles[0]) == ["cat"]


def test_samples_are_spread_and_repeated_ones_drawn_once(write_voc, tmp_path, plot):
    config = write_voc(tmp_path, {f"{i:02d}": [] for i in range(11)})
    repeated = dict(type="RepeatDataset", times=4, dataset=config)
    titles = [title(axes) for axes in plot(repeated, 3).tiles]
    assert titles == [f"{i} (48 x 40)" for i in ("00.jpg", "05.jpg", "10.jpg")]
    assert len(plot(repeated, 30).tiles) == 11


def test_joined_data_sets_with_other_classes_show_what_the_model_learns(write_voc, tmp_path, plot):
    first = write_voc(tmp_path / "1", {"a": [("cat", 1, 1, 9, 9)]})
    second = write_voc(tmp_path / "2", {"b": [("dog", 1, 1, 9, 9)]})
    second["metainfo"] = dict(classes=("dog", "cat"))
    sheet = plot(dict(type="mmdet.ConcatDataset", datasets=[first, second]))
    assert [texts(axes) for axes in sheet.tiles] == [["cat"], ["cat"]]


def test_mixed_images(voc, plot):
    load, annotations, pack = voc.pop("pipeline")
    mosaic = [dict(type="mmdet.Mosaic", img_scale=(48, 40)), pack]
    config = dict(
        type="mmdet.MultiImageMixDataset",
        dataset={**voc, "pipeline": [load, annotations]},
        pipeline=mosaic,
    )
    sheet = plot(config, 2)
    assert [title(axes) for axes in sheet.tiles] == ["a.jpg (96 x 80)", "c.jpg (96 x 80)"]


def test_sheets_are_equal_and_leave_no_trace(voc, tmp_path):
    flip = dict(type="mmdet.RandomFlip", prob=0.5)
    voc["pipeline"] = [*voc["pipeline"][:2], flip, voc["pipeline"][2]]
    states = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state()
    for name in "12":
        plot_samples(build(voc), tmp_path / f"{name}.png")
        random.seed(int(name))
    random.setstate(states[0])
    plot_samples(build(voc), tmp_path / "3.png")
    assert (tmp_path / "1.png").read_bytes() == (tmp_path / "2.png").read_bytes()
    assert random.getstate() == states[0]
    assert np.random.get_state()[1].tolist() == states[1]
    assert torch.equal(torch.get_rng_state(), states[2])


def test_names_with_dollars_and_bytes_that_are_no_text(write_voc, tmp_path, plot):
    name = "a$x_1$" + "n" * 60
    sheet = plot(write_voc(tmp_path, {name: []}))
    assert "…" in title(sheet.tiles[0])
    assert title(sheet.tiles[0]).startswith("a$x_1$")


@pytest.mark.parametrize(
    ("name", "number", "message"),
    [
        ("sheet.png", 0, "at least 1 sample. Got 0"),
        ("sheet.txt", 1, r"must end in one of .*png.*sheet\.txt"),
        ("sheet", 1, "must end in one of"),
    ],
)
def test_bad_arguments(name, number, message, voc, tmp_path):
    with pytest.raises(ValueError, match=message):
        plot_samples(build(voc), tmp_path / name, number)


def test_data_set_without_samples(tmp_path):
    with pytest.raises(ValueError, match="no samples to draw"):
        plot_samples([], tmp_path / "sheet.png")


@pytest.mark.parametrize("count", [0, 1, 9, 20, 80])
def test_palette_is_of_different_colors_that_are_not_grey(count):
    colors = palette(count)
    assert len(set(colors)) == count
    assert all(np.ptp(color) > 0.1 for color in colors)


@pytest.fixture(autouse=True)
def _scope() -> None:
    init_default_scope("mmdet")
