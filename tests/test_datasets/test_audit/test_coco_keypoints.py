"""What COCO files say of people, against what MMPose makes of them."""

import math
from collections import Counter
from collections.abc import Iterator

import pytest
from audited_files import audit, change, found, path_of, text
from mmengine.registry import DATASETS, init_default_scope
from mmpose.datasets import CocoDataset
from people_files import HEIGHT, WIDTH, keypoints, write_people

from mmal.datasets.audit import audit_datasets

NAN = math.nan


@DATASETS.register_module()
class PeopleWithoutBoxes(CocoDataset):
    """A user's class that takes the image for the box of a person that has none."""

    def parse_data_info(self, raw_data_info: dict) -> dict | None:
        raw_data_info["raw_ann_info"].setdefault("bbox", [0, 0, WIDTH, HEIGHT])
        return super().parse_data_info(raw_data_info)


@pytest.fixture(autouse=True)
def _scope() -> Iterator[None]:
    init_default_scope("mmpose")
    yield
    init_default_scope("mmdet")


@pytest.fixture
def coco(tmp_path) -> dict:
    """Three people, two of them on the first of three images."""
    return write_people(tmp_path)


@pytest.fixture(params=["topdown", "bottomup"])
def either(request, coco) -> dict:
    return {**coco, "data_mode": request.param}


def change_person(config: dict, drop: str = "", **keys: object) -> None:
    """Change the second person."""

    def edit(content: dict) -> None:
        content["annotations"][1].update(keys)
        content["annotations"][1].pop(drop, None)

    change(config, edit)


def test_good_people_pass(either):
    report = audit(either)

    assert report.groups == []
    counts = report.sets[0]
    # The third image has nobody on it, and bottom-up tests alone are of images without people.
    assert (counts.images_stated, counts.images) == (3, 2)
    assert (counts.objects_stated, counts.objects) == (3, 3)
    images = 3 if either["data_mode"] == "bottomup" else 2
    assert audit({**either, "test_mode": True}, "test").sets[0].images == images


@pytest.mark.parametrize("content", ["", "[", "[]", "{}", '{"images": [], "annotations": []}'])
def test_file_without_people(either, content):
    path_of(either).write_text(content)

    report = audit(either)
    assert all(group.severity == "error" for group in report.groups)
    assert str(path_of(either)) in text(report)


@pytest.mark.parametrize(
    ("keys", "kind", "says"),
    [
        (dict(bbox=None), "value-wrong", ", bbox: is None; expected [x, y, width, height]"),
        (dict(bbox=[1, 2, NAN, 4]), "value-wrong", ", bbox: is [1, 2, nan, 4]"),
        (dict(bbox=[1, 2, "3", 4]), "value-wrong", ", bbox: is [1, 2, '3', 4]"),
        (dict(area="70"), "value-wrong", ", area: is '70'; expected a number"),
        (dict(iscrowd="0"), "value-wrong", ", iscrowd: is '0'; expected 0 or 1"),
        (dict(num_keypoints="17"), "value-wrong", ", num_keypoints: is '17'"),
        (dict(category_id=None), "value-wrong", ", category_id: is None"),
        (dict(keypoints=None), "value-wrong", ", keypoints: is None; expected a list of numbers"),
        (dict(keypoints=[[1, 2, 2]] * 17), "value-wrong", ", keypoints: is [[1, 2, 2], [1"),
        (dict(keypoints=["1", 2, 2] * 17), "value-wrong", ", keypoints: is ['1', 2"),
        (dict(keypoints=[10**400, 2, 2] * 17), "value-wrong", ", keypoints: is [100000"),
        (dict(keypoints=[1, 2, None] * 17), "value-wrong", ", keypoints: a visibility: is None"),
        (dict(keypoints=[1, 2, -1] * 17), "value-wrong", ", keypoints: a visibility: is -1"),
        (dict(keypoints=[1, 2, 2] * 16), "joints-count", ": has 16 joints; the skeleton of coco"),
        (dict(keypoints=[1, 2] * 17), "joints-count", ": has 11.3333 joints; the"),
        (dict(keypoints=[]), "joints-count", ": has 0 joints; the skeleton of coco has 17"),
        (
            dict(keypoints=[*keypoints()[:-3], None, 3, 2]),
            "joint-not-finite",
            ": right_ankle at (nan, 3), visibility 2",
        ),
        (
            dict(keypoints=[*keypoints()[:-3], 1e300, 3, 1]),
            "joint-not-finite",
            ": right_ankle at (inf, 3), visibility 1",
        ),
        (dict(keypoints=[3, 4, 3] * 17), "visibility-odd", ": nose at (3, 4), visibility 3"),
        (dict(keypoints=[200, 4, 2] * 17), "joint-outside", ": nose at (200, 4), visibility 2"),
        (dict(bbox=[0.1, 0.1, 0.5, 0.75]), "box-shares", ": bbox [0.1, 0.1, 0.5, 0.75]"),
    ],
)
def test_person_with_broken_values(either, keys, kind, says):
    change_person(either, **keys)

    report = audit(either)
    assert found(report) == {kind: 1}
    assert f"{path_of(either)}, annotation 8{says}" in text(report)


@pytest.mark.parametrize(
    ("keys", "kind", "says"),
    [
        (dict(iscrowd=1), "flag-ignored", "iscrowd"),
        (dict(keypoints=[0] * 51, num_keypoints=0), "no-joints", "on 1.jpg"),
        (dict(keypoints=[], num_keypoints=0), "no-joints", "has no 'keypoints' on 1.jpg"),
        (dict(num_keypoints=0), "person-dropped", "num_keypoints is 0, and 17 joints have a"),
        (dict(bbox=[3, 3, 0, 9]), "person-no-box", "bbox [3.0, 3.0, 0.0, 9.0] on 1.jpg of 60"),
        (dict(bbox=[3, 3, -2, 9]), "person-no-box", "bbox [3.0, 3.0, -2.0, 9.0]"),
        (dict(bbox=[70, 3, 8, 9]), "person-no-box", "bbox [70.0, 3.0, 8.0, 9.0]"),
        (dict(keypoints=[-1, 0, 2] * 17), "person-dropped", "no joint has a coordinate above 0"),
        (dict(drop="bbox"), "person-no-box", "has no 'bbox' on 1.jpg"),
        (dict(drop="keypoints"), "no-joints", "has no 'keypoints' on 1.jpg"),
    ],
)
def test_people_whom_top_down_loading_leaves_out(coco, keys, kind, says):
    change_person(coco, **keys)
    assert len(DATASETS.build(coco)) == 2

    report = audit(coco)
    assert found(report) == {kind: 1}
    assert f"{path_of(coco)}, annotation 8: {says}" in text(report)
    assert (report.sets[0].objects_stated, report.sets[0].objects) == (3, 2)


def test_people_without_counts_of_their_joints(coco):
    """MMPose then counts joints whose coordinates are not 0."""
    change_person(coco, "num_keypoints", keypoints=[0, 0, 2] * 17)
    assert len(DATASETS.build(coco)) == 2

    report = audit(coco)
    assert found(report) == {"person-dropped": 1}
    assert "annotation 8: 17 visible joints, all of them at (0, 0)" in text(report)


def test_bottom_up_loading_leaves_nobody_out(coco):
    config = {**coco, "data_mode": "bottomup"}
    change_person(config, bbox=[3, 3, 0, 9], num_keypoints=0, iscrowd=1)

    report = audit(config)
    assert found(report) == {"flag-ignored": 1}
    assert report.sets[0].objects == 3


def test_bottom_up_loading_puts_outlines_together(coco):
    config = {**coco, "data_mode": "bottomup"}
    change_person(config, "segmentation")
    with pytest.raises(TypeError):
        DATASETS.build(config)

    report = audit(config)
    assert found(report) == {"key-missing": 1}
    assert f"{path_of(config)}, annotation 8: has no 'segmentation'; expected a" in text(report)
    assert found(audit(coco)) == {}


def test_joints_in_shares_of_the_image(either):
    """One person may be in the corner of an image; most of a file are not."""

    def edit(content: dict) -> None:
        for number, annotation in enumerate(content["annotations"]):
            joints = [v for i in range(17) for v in (i / (20 + number), i / 17, 2)]
            annotation["keypoints"] = joints if number < 2 else keypoints()

    change(either, edit)
    report = audit(either)
    assert found(report) == {"joints-shares": 2}
    says = "joints at (0, 0), (0.05, 0.0588235), (0.1, 0.117647), box [5, 4, 35, 29.5]"
    assert f"{path_of(either)}, annotation 7: {says}" in text(report)

    change(either, lambda content: content["annotations"][0].update(keypoints=keypoints()))
    assert found(audit(either)) == {}


@pytest.mark.parametrize("margin", [0.9, 1.1])
def test_joint_far_from_the_box(either, margin):
    """By more than the longer side of the box, here that from 24 to 30; the image is 60 wide."""
    change_person(either, bbox=[24, 8, 6, 4], keypoints=[26, 9, 2] * 16 + [30 + 6 * margin, 9, 1])

    report = audit(either)
    assert found(report) == ({"joint-off-box": 1} if margin > 1 else {})
    assert margin < 1 or "annotation 8: right_ankle at (36.6, 9), visibility 1" in text(report)


def test_nobody_can_be_used(coco):
    change(coco, lambda content: [a.update(num_keypoints=0) for a in content["annotations"]])

    report = audit(coco)
    assert found(report) == {"person-dropped": 3, "nothing-stated": 1}
    assert "none of 3 people can be used" in text(report)


@pytest.mark.parametrize(
    ("edit", "kind", "says"),
    [
        (lambda c: c["images"][0].pop("width"), "key-missing", "image 1: has no 'width'"),
        (lambda c: c["images"][0].update(height="40"), "value-wrong", "image 1, height: is '40'"),
        (lambda c: c["images"][1].update(id=1), "id-twice", "images[1], id 1: stands for"),
        (lambda c: c["images"][1].update(id="2"), "value-wrong", "images[1], id: is '2'"),
        (lambda c: c["annotations"][1].update(id=7), "id-twice", "annotations[1], id 7: stands"),
        (lambda c: c["annotations"][1].update(image_id=9), "orphan", "annotation 8: image_id 9"),
        (lambda c: c["annotations"][1].update(image_id="1"), "value-wrong", "is '1'; expected the"),
        (lambda c: c.pop("annotations"), "key-missing", "has no 'annotations'"),
    ],
)
def test_ids_and_tables(either, edit, kind, says):
    change(either, edit)

    report = audit(either)
    assert kind in found(report)
    assert f"{path_of(either)}" in text(report)
    assert says in text(report)


def test_every_other_image(coco):
    report = audit({**coco, "sample_interval": 2})

    assert found(report) == {"image-filtered": 2}
    assert report.sets[0].objects == 1


def test_another_skeleton(either):
    """That of MPII has 16 joints."""
    metainfo = dict(from_file="configs/_base_/datasets/mpii.py")
    report = audit({**either, "metainfo": metainfo})

    assert found(report) == {"joints-count": 3}
    assert "annotation 7: has 17 joints; the skeleton of mpii has 16" in text(report)


def test_users_class_that_copes_with_the_file(coco):
    change_person(coco, "bbox")
    report = audit({**coco, "type": "PeopleWithoutBoxes"})

    assert "changed-by-subclass" in found(report)
    assert report.sets[0].objects == 3


def test_file_without_people_for_an_evaluator_that_needs_none(coco):
    """Then bottom-up data sets hand out images; top-down ones have nobody to hand out."""
    change(coco, lambda content: content.pop("annotations"))
    config = {**coco, "data_mode": "bottomup", "test_mode": True}
    assert len(DATASETS.build(config)) == 3

    report = audit_datasets({"test": [config]}, unscored=("test",))
    assert found(report) == {}
    assert report.sets[0].images == 3
    report = audit_datasets({"test": [{**coco, "test_mode": True}]}, unscored=("test",))
    assert found(report) == {"nothing-stated": 1}
    assert found(audit(config, "test")) == {"key-missing": 1}


def test_people_who_are_there_twice(either):
    """Under another id, or with a visibility that MMPose does not tell apart; crowds are others."""

    def edit(content: dict) -> None:
        first, second, third = content["annotations"]
        content["annotations"] += [
            *(dict(first, id=17), dict(third, id=19), dict(third, id=29)),
            *(dict(second, id=18, iscrowd=1), dict(third, id=39, keypoints=keypoints(1))),
        ]

    change(either, edit)
    people = Counter()
    for info in DATASETS.build(either):
        for box, joints, level in zip(
            info["bbox"], info["keypoints"], info["keypoints_visible"], strict=True
        ):
            people[info["img_path"], box.tobytes(), joints.tobytes(), level.tobytes()] += 1
    crowds = int(either["data_mode"] == "bottomup")  # handed out, and masked

    report = audit(either)
    twice = sum(people.values()) - len(people) - crowds
    assert found(report) == {"person-twice": twice, "flag-ignored": 1}
    assert twice == 4
    assert "annotation 17: on 1.jpg, as annotation 7" in text(report)
