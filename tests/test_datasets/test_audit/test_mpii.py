"""What files in MPII layout say, against what MMPose makes of them."""

import json
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from audited_files import audit, change, found, path_of, text
from mmengine.registry import DATASETS, init_default_scope
from scipy.io import savemat

from mmal.datasets.audit import audit_datasets
from mmal.engine.data_config import leaf_datasets

NAN = float("nan")
JOINTS = [[10 + i, 20 + i] for i in range(16)]


@pytest.fixture(autouse=True)
def _scope() -> Iterator[None]:
    init_default_scope("mmpose")
    yield
    init_default_scope("mmdet")


@pytest.fixture
def mpii(write_mpii, tmp_path) -> dict:
    """Three people on two images, with head boxes."""
    config = write_mpii(tmp_path, [("1.jpg", (40, 40)), ("2.jpg", (30, 50)), ("2.jpg", (50, 40))])
    head_boxes = str(tmp_path / "annotations" / "train.mat")
    return {**config, "test_mode": True, "headbox_file": head_boxes}


def change_person(config: dict, **keys: object) -> None:
    """Change keys of the second person."""
    change(config, lambda people: people[1].update(keys))


@pytest.mark.parametrize("mode", ["topdown", "bottomup"])
def test_good_people_pass(mpii, mode):
    config = {**mpii, "data_mode": mode}
    if mode == "bottomup":
        del config["headbox_file"]
    report = audit(config)

    assert report.groups == []
    counts = report.sets[0]
    assert (counts.images_stated, counts.images) == (2, 2)
    assert (counts.objects_stated, counts.objects) == (3, 3)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "it is no JSON in UTF-8"),
        ("[", "it is no JSON in UTF-8"),
        ("\ufeff[]", "Unexpected UTF-8 BOM"),
        ("{}", "is {}; expected a list of people"),
        ("null", "is None; expected a list of people"),
        ("[]", "nobody"),
        ("[3]", "person 0: is 3; expected an object"),
    ],
)
def test_file_without_people(mpii, content, says):
    path_of(mpii).write_text(content)

    report = audit({**mpii, "headbox_file": None})
    assert len(found(report)) == 1
    assert next(report.of("error"))
    assert f"{path_of(mpii)}" in text(report)
    assert says in text(report)


@pytest.mark.parametrize(
    ("keys", "kind", "says"),
    [
        (dict(image="b.jpg"), "value-wrong", "1, image: is 'b.jpg'; expected a file name that is"),
        (dict(image="sub/2.jpg"), "value-wrong", "1, image: is 'sub/2.jpg'"),
        (dict(image=None), "value-wrong", "1, image: is None"),
        (dict(center=None), "value-wrong", "1 (2.jpg), center: is None; expected [x, y] in pixels"),
        (dict(center=[math.inf, 3]), "value-wrong", "1 (2.jpg), center: is [inf, 3]"),
        (dict(center=[1, 2, 3]), "value-wrong", "1 (2.jpg), center: is [1, 2, 3]"),
        (dict(scale=NAN), "value-wrong", "1 (2.jpg), scale: is nan; expected the height"),
        (dict(scale="0.2"), "value-wrong", "1 (2.jpg), scale: is '0.2'"),
        (dict(joints=None), "value-wrong", "1 (2.jpg), joints: is None"),
        (dict(joints=[["1", 2]] * 16), "value-wrong", "1 (2.jpg), joints: is [['1', 2], ['1'"),
        (dict(joints=[1, 2] * 16), "value-wrong", "1 (2.jpg), joints: is [1, 2, 1"),
        (dict(joints_vis=[None] * 16), "value-wrong", "1 (2.jpg), joints_vis: is [None, None"),
        (dict(joints_vis=[-1] * 16), "value-wrong", "1 (2.jpg), joints_vis: is [-1, -1"),
        (
            dict(joints=[[1, 2]] * 14),
            "joints-count",
            "1 (2.jpg): has 14 joints, 16 visibilities; the skeleton of mpii has 16",
        ),
        (dict(joints_vis=[1] * 15), "joints-count", "1 (2.jpg): has 16 joints, 15 visibilities"),
        (dict(joints=[], joints_vis=[]), "joints-count", "1 (2.jpg): has 0 joints;"),
        (
            dict(joints=[[NAN, 2]] * 16, joints_vis=[0] * 15 + [1]),
            "joint-not-finite",
            "1 (2.jpg): left_wrist at (nan, 2), visibility 1",
        ),
        (
            dict(joints=[*JOINTS[:4], [None, None], *JOINTS[5:]], joints_vis=[1] * 16),
            "joint-not-finite",
            "1 (2.jpg): left_knee at (nan, nan), visibility 1",
        ),
        (dict(scale=0, joints_vis=[1] * 16), "person-no-box", "1 (2.jpg): scale 0"),
        (dict(scale=-0.5, joints_vis=[1] * 16), "person-no-box", "1 (2.jpg): scale -0.5"),
        (
            dict(joints=[[-1, -2]] * 16, joints_vis=[1] * 16),
            "person-dropped",
            "1 (2.jpg): no joint has a coordinate above 0",
        ),
        (dict(joints_vis=[0] * 16), "no-joints", "1 (2.jpg): on 2.jpg"),
        (dict(joints_vis=[2] * 16), "visibility-odd", "1 (2.jpg): right_ankle at ("),
    ],
)
def test_person_with_broken_values(mpii, keys, kind, says):
    change_person(mpii, **keys)

    report = audit(mpii)
    assert found(report) == {kind: 1}
    assert f"{path_of(mpii)}, person {says}" in text(report)


@pytest.mark.parametrize("key", ["image", "center", "scale", "joints", "joints_vis"])
def test_person_without_a_key(mpii, key):
    path = path_of(mpii)
    people = json.loads(path.read_text())
    del people[1][key]
    path.write_text(json.dumps(people))

    report = audit(mpii)
    assert found(report) == {"key-missing": 1}
    name = "" if key == "image" else " (2.jpg)"
    assert f"{path}, person 1{name}: has no {key!r}" in text(report)


@pytest.mark.parametrize("nothing", [NAN, None])
def test_joint_that_is_not_visible_may_be_anywhere(mpii, nothing):
    change_person(mpii, joints=[*JOINTS[:15], [nothing] * 2], joints_vis=[1] * 15 + [0])

    report = audit(mpii)
    assert report.groups == []
    assert report.sets[0].objects == 3


def test_people_who_are_left_out_are_counted(mpii):
    change_person(mpii, scale=0, joints_vis=[1] * 16)
    assert len(DATASETS.build(mpii)) == 2

    report = audit(mpii)
    assert (report.sets[0].objects_stated, report.sets[0].objects) == (3, 2)


def test_nobody_can_be_used(mpii):
    path = path_of(mpii)
    people = json.loads(path.read_text())
    path.write_text(json.dumps([{**person, "scale": 0} for person in people]))

    report = audit(mpii)
    assert "nothing-stated" in found(report)
    assert "none of 3 people can be used" in text(report)


def test_two_names_of_one_number(mpii):
    change_person(mpii, image="01.jpg")

    report = audit(mpii)
    assert found(report) == {"id-twice": 1}
    assert "person 1, image number 1: stands for '1.jpg' and '01.jpg'" in text(report)


def test_people_of_an_image_in_two_places_of_the_list(write_mpii, tmp_path):
    people = [("1.jpg", (40, 40)), ("2.jpg", (30, 50)), ("1.jpg", (50, 40))]
    config = write_mpii(tmp_path, people)
    assert found(audit(config)) == {}

    # Bottom-up, MMPose makes two samples of the image, each with half of its people.
    config = {**config, "data_mode": "bottomup"}
    assert [info["img_id"] for info in DATASETS.build(config)._load_annotations()[1]] == [1, 2]
    assert len(DATASETS.build(config)) == 3
    assert found(audit(config)) == {"listed-twice": 1}


@pytest.mark.parametrize("content", [b"", b"no matrices"])
def test_head_boxes_that_do_not_parse(mpii, content):
    Path(mpii["headbox_file"]).write_bytes(content)

    report = audit(mpii)
    assert found(report) == {"unreadable": 1}
    assert f"{mpii['headbox_file']}: it is no file of MATLAB" in text(report)


@pytest.mark.parametrize(
    ("matrices", "says"),
    [
        ({"headboxes_src": np.ones((2, 2, 1))}, "has the shape (2, 2, 1), "),
        ({"headboxes_src": np.ones((2, 2, 4))}, "has the shape (2, 2, 4), "),
        ({"headboxes_src": np.ones((2, 2))}, "has the shape (2, 2), "),
        ({"boxes": np.ones((2, 2, 3))}, "KeyError('headboxes_src')"),
        ({"headboxes_src": np.ones((2, 2, 3))}, "person 0: has a head box without a size"),
    ],
)
def test_head_boxes_of_other_people(mpii, matrices, says):
    savemat(mpii["headbox_file"], matrices)

    report = audit(mpii)
    assert len(found(report)) == 1
    assert next(report.of("error"))
    assert mpii["headbox_file"] in text(report)
    assert says in text(report)


def test_data_sets_inside_a_combined_one(mpii, write_mpii, tmp_path):
    """Each is held to its own skeleton, whatever a KeypointConverter makes of it later."""
    other = write_mpii(tmp_path / "other", [("7.jpg", (40, 40))], split="other")
    convert = dict(type="KeypointConverter", num_keypoints=2, mapping=[(0, 0), (1, 1)])
    combined = dict(
        type="CombinedDataset",
        metainfo=dict(from_file="configs/_base_/datasets/mpii.py"),
        datasets=[mpii, {**other, "pipeline": [convert]}],
    )
    report = audit_datasets({"train": list(leaf_datasets(combined))})

    assert report.groups == []
    assert [counts.objects for counts in report.sets] == [3, 1]

    (tmp_path / "other/annotations/other.json").write_text(
        json.dumps([dict(image="7.jpg", center=[4, 4], scale=1, joints=[[1, 2]], joints_vis=[1])])
    )
    report = audit_datasets({"train": list(leaf_datasets(combined))})
    assert found(report) == {"joints-count": 1}
