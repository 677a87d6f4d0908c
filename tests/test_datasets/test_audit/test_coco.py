"""What COCO files say, against what MMDetection makes of them."""

import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from audited_files import audit, change, found, path_of, text
from mmdet.datasets import CocoDataset
from mmengine.registry import DATASETS

from mmal.datasets.audit import AuditSettings, audit_datasets

IMAGES = {"a": [("cat", 5, 6, 25, 26)], "b": [("dog", 1, 1, 9, 9), ("cat", 3, 3, 30, 30)], "c": []}


@DATASETS.register_module()
class PhotosOfCats(CocoDataset):
    """A user's class that finds images elsewhere."""

    def parse_data_info(self, raw_data_info: dict) -> dict:
        info = super().parse_data_info(raw_data_info)
        info["img_path"] = info["img_path"].replace("images/", "photos/")
        return info


@DATASETS.register_module()
class AreaFromBox(CocoDataset):
    """A user's class that knows what an area is when the file does not say."""

    def parse_data_info(self, raw_data_info: dict) -> dict:
        for annotation in raw_data_info["raw_ann_info"]:
            annotation.setdefault("area", math.prod(annotation["bbox"][2:]))
        return super().parse_data_info(raw_data_info)


@DATASETS.register_module()
class OtherLoading(CocoDataset):
    """A user's class with a loading of its own."""

    def load_data_list(self) -> list[dict]:
        return super().load_data_list()[:2]


@pytest.fixture
def coco(write_coco, tmp_path) -> dict:
    return write_coco(tmp_path, IMAGES)


def test_good_files_pass(coco, write_coco, tmp_path):
    other = write_coco(tmp_path / "other", {"x": [("dog", 1, 2, 30, 31)]})
    report = audit_datasets({"train": [coco, other]})

    assert report.groups == []
    first, second = report.sets
    assert (first.images_stated, first.images, first.objects_stated, first.objects) == (3, 3, 3, 3)
    assert first.classes == {"cat": 2, "dog": 1}
    assert (second.images, second.classes) == (1, {"cat": 0, "dog": 1})


def test_two_categories_of_one_name(coco):
    def edit(content: dict) -> None:
        content["categories"].insert(0, dict(id=17, name="dog", supercategory="none"))

    change(coco, edit)
    report = audit(coco)
    assert found(report)["category-twice"] == 1
    assert f"{path_of(coco)}, categories: 'dog' has the ids 17 and 1" in text(report)


def test_classes_in_another_order_than_the_files(coco):
    change(coco, lambda content: content["categories"].reverse())
    # MMDetection numbers by the file's order: that dog is its class 0, a cat.
    loaded = DATASETS.build(coco).get_data_info(1)["instances"]
    assert [item["bbox_label"] for item in loaded] == [0, 1]

    report = audit(coco)
    assert found(report) == {"class-shifted": 3}
    sum_ = "'cat' becomes 'dog' (2), 'dog' becomes 'cat' (1); order of the file: ('dog', 'cat')"
    assert f"{path_of(coco)}: {sum_}" in text(report)
    assert audit({**coco, "metainfo": dict(classes=("dog", "cat"))}).groups == []


def test_file_that_lists_only_some_classes(write_coco, tmp_path):
    config = write_coco(tmp_path, {"a": [("dog", 5, 6, 25, 26)]})
    change(config, lambda content: content["categories"].pop(0))

    report = audit(config)
    assert found(report) == {"class-shifted": 1}
    assert "'dog' becomes 'cat' (1); order of the file: ('dog',)" in text(report)


def test_test_set_without_the_last_class(write_coco, tmp_path):
    """Labels are right, but CocoMetric has no category for predictions of the rest."""
    config = write_coco(tmp_path, {"a": [("cat", 5, 6, 25, 26)]})
    change(config, lambda content: content["categories"].pop(1))

    assert found(audit(config, "train")) == {}
    report = audit(config, "test")
    assert found(report) == {"key-missing": 1}
    assert f"{path_of(config)}, categories: has no ['dog'] of the config's" in text(report)


def test_unknown_classes_are_counted(write_coco, tmp_path):
    bird, fish = ("bird", 1, 1, 9, 9), ("fish", 1, 1, 9, 9)
    config = write_coco(tmp_path, {**IMAGES, "d": [fish, bird, bird], "e": [bird]})
    change(config, lambda content: content["annotations"][0].update(category_id=77))

    report = audit(config)
    assert found(report) == {"class-unknown": 5}
    assert f"{path_of(config)}: 'bird' (3), 'category 77' (1), 'fish' (1)" in text(report)
    report = audit(config, ignore_classes=("bird", "fish", "category 77"))
    assert found(report) == {"class-ignored": 5}
    assert report.sets[0].objects == 2


def test_classes_of_another_spelling(coco):
    """Loading compares names as they are."""
    change(coco, lambda content: content["categories"][1].update(name="Dog "))
    dataset = DATASETS.build({**coco, "pipeline": []})
    lost = 3 - sum(len(info["instances"]) for info in dataset)

    report = audit(coco)
    assert found(report) == {"class-spelling": lost}
    assert lost == 1
    assert f"{path_of(coco)}: 'Dog ' in place of 'dog' (1)" in text(report)
    assert found(audit(coco, ignore_classes=("Dog ",))) == {"class-ignored": 1}
    # Two names of the config that differ in that alone are two classes.
    classes = dict(classes=("cat", "Dog ", "dog"))
    change(coco, lambda content: content["categories"].append(dict(id=2, name="dog")))
    assert audit({**coco, "metainfo": classes}).groups == []


@pytest.mark.parametrize(
    ("edit", "kind", "handed_out"),
    [
        (dict(area=0), "area-not-positive", 2),
        (dict(area=-4.5), "area-not-positive", 2),
        (dict(bbox=[0.1, 0.2, 0.5, 0.25]), "box-below-pixel", 2),
        (dict(bbox=[0, 0.5, 1, 1]), None, 3),
        (dict(bbox=[48, 5, 10, 10]), "box-outside", 2),
        (dict(bbox=[-20, 5, 20, 10]), "box-outside", 2),
        (dict(bbox=[4, 5, 0.9, 10]), "box-below-pixel", 2),
        (dict(bbox=[4, 5, 0, 0]), "box-below-pixel", 2),
        (dict(bbox=[40, 30, 20, 20]), "box-sticks-out", 3),
        (dict(ignore=1), "flag-ignored", 2),
        (dict(ignore=True, bbox=None), "flag-ignored", 2),
        (dict(iscrowd=1), "flag-ignored", 2),
        (dict(segmentation=[[1, 2]]), None, 3),
    ],
)
def test_objects_that_loading_leaves_out_or_that_are_odd(coco, edit, kind, handed_out):
    change(coco, lambda content: content["annotations"][1].update(edit))
    loaded = DATASETS.build({**coco, "filter_cfg": None})
    infos = [loaded.get_data_info(i) for i in range(3)]
    kept = [item for info in infos for item in info["instances"] if not item["ignore_flag"]]

    report = audit(coco)
    assert found(report) == ({kind: 1} if kind else {})
    assert kind is None or f"{path_of(coco)}, annotation 1" in text(report)
    assert report.sets[0].objects_stated == 3
    assert report.sets[0].objects == len(kept) == handed_out


@pytest.mark.parametrize("box", [[0.1, 0.2, 0.5, 0.25], [0, 0.5, 1, 1]])
def test_boxes_in_shares_of_the_image(coco, box):
    """One such box may be a small one in the corner; most of a file's are not."""
    change(coco, lambda content: [a.update(bbox=box) for a in content["annotations"][:2]])

    report = audit(coco)
    assert found(report) == {"box-shares": 2}
    assert f"{path_of(coco)}, annotation 0" in text(report)


def write_large(write_coco, root: Path, boxes: dict, size: int) -> dict:
    """Write a COCO file whose images are said to be of another size."""
    config = write_coco(root, boxes)
    change(config, lambda content: [i.update(width=size, height=size) for i in content["images"]])
    return config


@pytest.mark.parametrize(
    ("size", "images", "scale", "percent"),
    [
        (640, 6, 1, True),
        (640, 6, 2, False),  # some reach beyond 100 pixels
        (640, 6, 0.4, False),  # none is in the right or lower half, if these are percent
        (200, 6, 1, False),  # no wonder on small images
        (640, 4, 1, False),  # too few to say
    ],
)
def test_boxes_in_percent_of_the_image(write_coco, tmp_path, size, images, scale, percent):
    rng = np.random.default_rng(1)
    boxes = {}
    for name in "abcdef"[:images]:
        corners = np.hstack([rng.uniform(1, 50, (5, 2)), rng.uniform(60, 100, (5, 2))]) * scale
        boxes[name] = [("cat", *corner) for corner in corners.tolist()]
    config = write_large(write_coco, tmp_path, boxes, size)

    report = audit(config, accept=("size-differs",))
    assert ("boxes-percent" in found(report)) == percent
    assert [g.kind.name for g in report.of("error")] == []
    if percent:
        says = "all 30 boxes lie in the upper left 100 x 100 pixels"
        assert f"{path_of(config)}: {says}" in text(report)


def test_every_area_is_0(coco):
    change(coco, lambda content: [a.update(area=0) for a in content["annotations"]])

    report = audit(coco)
    assert found(report) == {"area-not-positive": 3, "no-objects": 1}
    assert "annotation 0, area 0: 'cat' [4, 5, 24, 25] on a.jpg of 48 x 40 pixels" in text(report)
    assert report.sets[0].objects == 0


def test_size_of_an_image_without_objects_matters_to_the_filter_only(coco):
    change(coco, lambda content: content["images"][2].update(width=0))

    assert found(audit(coco)) == {"size-unknown": 1}
    filtered = {**coco, "filter_cfg": dict(min_size=8)}
    assert found(audit(filtered)) == {"size-zero": 1, "size-unknown": 1}


def test_images_without_objects(coco):
    assert found(audit(coco, "test")) == {"no-annotation": 1}
    change(coco, lambda content: content.pop("annotations"))

    for name in ("train", "test"):
        assert found(audit(coco, name)) == {"key-missing": 1}
    assert found(audit(coco, "pool")) == {}


def test_file_without_annotations_for_an_evaluator_that_needs_none(coco):
    """As COCO's test sets are published, for ``CocoMetric(format_only=True)``."""
    change(coco, lambda content: content.pop("annotations"))
    config = {**coco, "test_mode": True}
    assert len(DATASETS.build(config)) == 3

    report = audit_datasets({"test": [config]}, unscored=("test",))
    assert found(report) == {"no-annotation": 3}
    assert report.groups[0].severity == "info"
    assert report.sets[0].images == 3
    # Classes are still numbered by the categories.
    change(coco, lambda content: content["categories"].pop())
    report = audit_datasets({"test": [config]}, unscored=("test",))
    assert found(report) == {"no-annotation": 3, "key-missing": 1}
    change(coco, lambda content: content.pop("categories"))
    report = audit_datasets({"test": [config]}, unscored=("test",))
    assert "has no 'categories'; expected a list" in text(report)


@pytest.mark.parametrize(
    ("ignored", "says"),
    [
        (("bird",), None),
        (("fish",), None),  # a category without objects
        (("brid", "bird"), "ignore_classes: 'brid' is in no annotation file; 'bird' is"),
        (("bird", "zebra"), "ignore_classes: 'zebra' is in no annotation file"),
        (("bird", "cat"), "ignore_classes: 'cat' is a class of the config: its objects are used"),
    ],
)
def test_ignored_classes_that_are_nowhere(write_coco, tmp_path, ignored, says):
    train = write_coco(tmp_path / "train", IMAGES)
    test = write_coco(tmp_path / "test", {"x": [("bird", 1, 1, 9, 9), ("cat", 2, 2, 30, 30)]})
    for config in (train, test):
        change(config, lambda c: c["categories"].append(dict(id=9, name="fish")))
    sets = {"train": [train], "test": [test]}
    report = audit_datasets(sets, AuditSettings(ignore_classes=ignored))

    groups = [group for group in report.groups if group.kind.name == "ignore-unknown"]
    assert [group.count for group in groups] == [1] * bool(says)
    if says:
        assert groups[0].severity == "warning"
        assert str(groups[0]).endswith(says)
    # A set that cannot be read may be where they are.
    path_of(test).write_text("")
    report = audit_datasets(sets, AuditSettings(ignore_classes=ignored))
    assert "ignore-unknown" not in found(report)


def test_filter_of_an_unknown_key(coco):
    """Loading passes over it."""
    config = {**coco, "filter_cfg": dict(filter_empty=True, bbox_min_size=32, min_size=8)}
    assert len(DATASETS.build(config)) == 3

    report = audit(config)
    assert found(report) == {"filter-unknown": 2}
    says = "filter_cfg: 'filter_empty'; CocoDataset reads filter_empty_gt, min_size"
    assert f"{path_of(config)}, {says}" in text(report)


def test_users_class_with_its_own_paths(coco, tmp_path):
    (tmp_path / "images").rename(tmp_path / "photos")
    (tmp_path / "images").mkdir()
    assert found(audit({**coco, "type": "PhotosOfCats"})) == {}
    assert found(audit(coco)) == {"image-missing": 3}

    # Numbering is still MMDetection's, in whatever class.
    change(coco, lambda content: content["categories"].reverse())
    assert found(audit({**coco, "type": "PhotosOfCats"})) == {"class-shifted": 3}


def test_users_class_that_copes_with_the_file(coco):
    change(coco, lambda content: [a.pop("area") for a in content["annotations"][:2]])
    assert found(audit(coco)) == {"key-missing": 2}

    report = audit({**coco, "type": "AreaFromBox"})
    assert found(report) == {"changed-by-subclass": 4}  # two entries, and their objects
    report.raise_errors()
    assert report.sets[0].objects == 3
    change(coco, lambda content: content["annotations"][0].update(bbox=None))
    assert {"value-wrong", "unreadable"} <= found(audit({**coco, "type": "AreaFromBox"})).keys()


def test_class_that_loads_in_another_way_is_not_compared(coco):
    report = audit({**coco, "type": "OtherLoading"})
    assert found(report) == {"not-compared": 1}
    assert report.sets[0].images == 2


def test_objects_that_are_there_twice(coco):
    """Under another id, and all else equal; crowds and other classes may share a box."""

    def edit(content: dict) -> None:
        first, second, third = content["annotations"]
        content["annotations"] += [
            *(dict(first, id=10), dict(first, id=11), dict(third, id=12)),
            *(dict(second, id=13, category_id=0), dict(second, id=14, image_id=1)),
            *(dict(second, id=15, iscrowd=1), dict(third, id=16, bbox=[2, 2, 27, 28])),
        ]

    change(coco, edit)
    boxes = Counter()
    for info in DATASETS.build({**coco, "pipeline": []}):
        for item in info["instances"]:
            if not item["ignore_flag"]:
                boxes[info["img_id"], item["bbox_label"], tuple(item["bbox"])] += 1
    twice = sum(boxes.values()) - len(boxes)

    report = audit(coco)
    assert found(report) == {"object-twice": twice, "flag-ignored": 1}
    assert twice == 3
    assert [group.severity for group in report.groups] == ["warning", "info"]
    assert f"{path_of(coco)}: 'cat' (3)" in text(report)
    says = "annotation 10: 'cat' [4, 5, 24, 25] on a.jpg of 48 x 40 pixels, as annotation 0"
    assert f"{path_of(coco)}, {says}" in text(report)
