"""Tests of finding what is wrong with a data set."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from mmengine.registry import DATASETS, init_default_scope
from scipy.io import savemat

from mmal.datasets.checks import DatasetError, check_datasets

IMAGES = {"a": [("cat", 5, 6, 25, 26)], "b": [("dog", 1, 1, 9, 9)], "c": []}
TRAINING = [
    dict(type="mmdet.LoadAnnotations", with_bbox=True),
    dict(type="mmdet.PackDetInputs"),
]


@pytest.fixture(params=["write_voc", "write_coco"])
def config(request, tmp_path) -> dict:
    """A data set in each layout; its images are in :func:`image_path`."""
    return request.getfixturevalue(request.param)(tmp_path, IMAGES)


@pytest.fixture
def voc(write_voc, tmp_path) -> dict:
    return write_voc(tmp_path, IMAGES)


def image_path(config: dict, name: str) -> Path:
    folder = "JPEGImages" if config["type"].endswith("VOCDataset") else "images"
    return Path(config["data_root"], folder, f"{name}.jpg")


def annotation_path(config: dict, name: str) -> Path:
    """The file that says what is on an image: its own in VOC layout, that of all in COCO's."""
    if config["type"].endswith("VOCDataset"):
        return Path(config["data_root"], "Annotations", f"{name}.xml")
    return Path(config["data_root"], config["ann_file"])


def problems(*configs: dict, **kwargs) -> str:
    with pytest.raises(DatasetError) as caught:
        check_datasets(configs, **kwargs)
    return str(caught.value)


def test_good_data_sets_pass(config, write_voc, tmp_path):
    check_datasets([config, write_voc(tmp_path / "other", IMAGES, sub_dir="VOC2007/")])


def test_folder_of_images_passes(config):
    check_datasets([dict(type="mmal.ImageFolder", data_root=str(image_path(config, "a").parent))])


def test_missing_image_is_named_with_its_annotation(config):
    path = image_path(config, "b")
    path.unlink()

    message = problems(config)
    assert "has 1 problem(s)" in message
    assert f"{path} is missing (annotation: {annotation_path(config, 'b')})" in message


@pytest.mark.parametrize("content", [b"", b"no image", b"\xff\xd8\xff\xe0\x00\x10JFIF"])
def test_image_that_does_not_decode(config, content):
    path = image_path(config, "c")
    path.write_bytes(content)

    assert f"{path} cannot be decoded as an image (annotation: " in problems(config)


def test_image_that_is_a_folder(config):
    path = image_path(config, "c")
    path.unlink()
    path.mkdir()

    assert re.search(rf"{re.escape(str(path))} cannot be read: .*directory", problems(config))


@pytest.mark.parametrize("content", ["", "<annotation><object>", "{}"])
def test_annotation_that_does_not_parse(voc, content):
    path = annotation_path(voc, "a")
    path.write_text(content)

    message = problems(voc)
    assert "has 1 problem(s)" in message
    assert f"{path} does not parse: " in message


def test_coco_file_that_does_not_parse(write_coco, tmp_path):
    config = write_coco(tmp_path, IMAGES)
    path = annotation_path(config, "a")
    path.write_text(path.read_text()[:100])

    assert f"{path} does not parse: " in problems(config)


def test_missing_annotation(voc):
    path = annotation_path(voc, "a")
    path.unlink()

    list_file = Path(voc["data_root"], voc["ann_file"])
    assert f"{path} is missing (listed in {list_file})" in problems(voc)


@pytest.mark.parametrize("writer", ["write_voc", "write_coco"])
def test_unknown_classes_are_counted(writer, tmp_path, request):
    bird, fish = ("bird", 1, 1, 9, 9), ("fish", 1, 1, 9, 9)
    images = {**IMAGES, "d": [fish, bird, bird], "e": [("cat", 1, 1, 9, 9), bird]}
    config = request.getfixturevalue(writer)(tmp_path, images)

    message = problems(config)
    assert "has 1 problem(s)" in message
    ann_file = Path(config["data_root"], config["ann_file"])
    assert f"{ann_file}: 4 boxes have a class that the config does not know" in message
    assert "'bird' (3), 'fish' (1)" in message
    assert "1 boxes" in problems(config, ignore_classes=["bird"])
    check_datasets([config], ignore_classes=("bird", "fish"))


@pytest.mark.parametrize(
    "missing", ["JPEGImages", "Annotations", "ImageSets/Main/train.txt", "VOC2007"]
)
def test_missing_folder_is_the_only_complaint(write_voc, tmp_path, missing):
    config = write_voc(tmp_path, IMAGES, sub_dir="VOC2007/")
    path = tmp_path / (missing if missing == "VOC2007" else f"VOC2007/{missing}")
    path.rename(tmp_path / "elsewhere")

    message = problems(config)
    assert re.search(rf"{re.escape(str(path))}/? does not exist \(data_root='{tmp_path}'", message)
    assert "VOCDataset" in message
    assert ".jpg" not in message


def test_missing_coco_files(write_coco, tmp_path):
    config = write_coco(tmp_path, IMAGES)
    (tmp_path / "images").rename(tmp_path / "elsewhere")
    (tmp_path / "instances.json").unlink()

    message = problems(config)
    assert "has 2 problem(s)" in message
    for path in ("images/", "instances.json"):
        assert f"{tmp_path}/{path} does not exist" in message


def test_problems_of_all_data_sets_are_told_ten_of_them_in_full(write_voc, tmp_path):
    images = {f"{i:02}": [] for i in range(7)}
    configs = [write_voc(tmp_path / name, images) for name in ("one", "two")]
    for config in configs:
        for path in Path(config["data_root"], "JPEGImages").iterdir():
            path.unlink()

    message = problems(*configs)
    assert "has 14 problem(s)" in message
    assert message.count("is missing") == 10
    assert message.endswith("… and 4 more")
    assert {name for name in ("one", "two") if f"/{name}/" in message} == {"one", "two"}


def test_list_is_read_as_mmdet_reads_it(write_voc, tmp_path):
    config = write_voc(tmp_path, {"with space": [("cat", 5, 6, 25, 26)], "b": []})
    assert len(DATASETS.build(config)) == 2
    check_datasets([config])

    # To mmdet an empty line is the sample '.jpg', at which the training would fail.
    ann_file = tmp_path / config["ann_file"]
    ann_file.write_text("with space\n\nb\n")
    with pytest.raises(FileNotFoundError, match=r"Annotations/\.xml"):
        DATASETS.build(config)
    assert "Annotations/.xml is missing" in problems(config)


def test_annotation_without_a_box_is_named(voc):
    path = annotation_path(voc, "a")
    path.write_text("<annotation><object><name>cat</name></object></annotation>")
    with pytest.raises(AttributeError):
        DATASETS.build(voc)

    assert f"{path} has an object whose bndbox has not all of xmin, " in problems(voc)


@pytest.mark.parametrize("box", [(5, 6, 5, 26), (5, 26, 25, 6), (7, 7, 7.9, 9)])
def test_box_without_size_is_named_where_it_would_be_trained_on(write_voc, tmp_path, box):
    voc = write_voc(tmp_path, {**IMAGES, "d": [("cat", 5, 6, 25, 26), ("dog", *box)]})
    load, pack = TRAINING
    sizes = dict(type="mmdet.FilterAnnotations", min_gt_bbox_wh=(1, 1))

    message = problems({**voc, "pipeline": [load, pack], "test_mode": False})
    assert "has 1 problem(s)" in message
    as_read = [int(corner) for corner in box]
    assert f"{annotation_path(voc, 'd')} has a box without size {as_read}" in message
    check_datasets([{**voc, "pipeline": [load, sizes, pack], "test_mode": False}])
    check_datasets([{**voc, "pipeline": [load, pack], "test_mode": True}])
    # Inside a wrapper, whose pipeline may filter.
    check_datasets([{**voc, "pipeline": [load], "test_mode": False}])


@pytest.mark.parametrize("corner", ["nan", "inf", "five", ""])
def test_corner_that_is_no_number_is_named(write_voc, tmp_path, corner):
    voc = write_voc(tmp_path, {"a": [("cat", corner, 6, 25, 26)]})
    message = problems(voc)
    assert f"{annotation_path(voc, 'a')} has an object whose bndbox has not all of " in message


def test_difficult_box_without_size_is_not_trained_on(write_voc, tmp_path):
    voc = write_voc(tmp_path, {"a": [("cat", 5, 6, 5, 26)]}, difficult=True)
    check_datasets([{**voc, "pipeline": TRAINING, "test_mode": False}])


def test_configs_stay_as_they_are(config):
    before = json.dumps(config)
    check_datasets([config])

    assert json.dumps(config) == before


@pytest.fixture
def mpii(write_mpii, tmp_path) -> dict:
    """Two people, with head boxes."""
    init_default_scope("mmpose")
    config = write_mpii(tmp_path, [("1.jpg", (40, 40)), ("2.jpg", (30, 50))])
    head_boxes = str(tmp_path / "annotations" / "train.mat")
    yield {**config, "test_mode": True, "headbox_file": head_boxes}
    init_default_scope("mmdet")


def test_good_people_pass(mpii):
    check_datasets([mpii])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"scale": float("nan")}, "has a box that is not a number"),
        ({"center": [float("inf"), 3]}, "has a box that is not a number"),
        ({"joints": [[1, 2]] * 14}, "has 14 joints and 16 visibilities; the skeleton of mpii"),
        ({"joints_vis": [1] * 15}, "has 16 joints and 15 visibilities; the skeleton of mpii"),
        (
            {"joints": [[float("nan"), 2]] * 16, "joints_vis": [0] * 15 + [1]},
            "has a visible joint that is not a number",
        ),
    ],
)
def test_person_with_broken_numbers(mpii, change, message):
    path = annotation_path(mpii, "2")
    people = json.loads(path.read_text())
    people[1].update(change)
    path.write_text(json.dumps(people))

    assert f"{path}: person 1 (2.jpg) {message}" in problems(mpii)


def test_joint_that_is_not_visible_may_be_anywhere(mpii):
    path = annotation_path(mpii, "2")
    people = json.loads(path.read_text())
    people[1].update(joints=[[float("nan")] * 2] * 16, joints_vis=[0] * 16)
    path.write_text(json.dumps(people))

    check_datasets([mpii])


@pytest.mark.parametrize("content", [b"", b"no matrices"])
def test_head_boxes_that_do_not_parse(mpii, content):
    Path(mpii["headbox_file"]).write_bytes(content)

    message = problems(mpii)
    assert mpii["headbox_file"] in message
    assert "does not parse" in message


def test_head_boxes_of_another_data_set(mpii):
    savemat(mpii["headbox_file"], {"headboxes_src": np.ones((2, 2, 1))})

    assert f"{mpii['headbox_file']} does not parse: IndexError" in problems(mpii)


def test_head_boxes_of_more_people(mpii):
    savemat(mpii["headbox_file"], {"headboxes_src": np.arange(12.0).reshape(2, 2, 3)})

    assert f"{mpii['headbox_file']} has 3 head boxes, " in problems(mpii)


def test_person_with_an_empty_box_is_not_left_out_in_silence(mpii):
    path = annotation_path(mpii, "2")
    people = json.loads(path.read_text())
    people[1]["scale"] = 0
    path.write_text(json.dumps(people))

    assert f"{path}: MMPose leaves out 1 of 2 people" in problems(mpii)


def test_head_box_without_a_size(mpii):
    savemat(mpii["headbox_file"], {"headboxes_src": np.ones((2, 2, 2))})

    assert "person 0 (1.jpg) has a head box without a size" in problems(mpii)


def test_nobody(mpii):
    path = annotation_path(mpii, "2")
    path.write_text("[]")

    assert f"{path} names no people" in problems(mpii)
