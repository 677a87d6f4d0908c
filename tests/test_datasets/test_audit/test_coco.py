"""What COCO files say, against what MMDetection makes of them."""

import json
import math
from collections.abc import Callable
from pathlib import Path

import pytest
from mmdet.datasets import CocoDataset
from mmengine.registry import DATASETS

from mmal.datasets.audit import AuditReport, AuditSettings, audit_datasets

IMAGES = {"a": [("cat", 5, 6, 25, 26)], "b": [("dog", 1, 1, 9, 9), ("cat", 3, 3, 30, 30)], "c": []}
IMAGE = dict(type="LoadImageFromFile")
PACK = dict(type="mmdet.PackDetInputs")
SQUARE = [[1, 1, 9, 1, 9, 9, 1, 9]]


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


def path_of(config: dict) -> Path:
    return Path(config["data_root"], config["ann_file"])


def change(config: dict, edit: Callable[[dict], object]) -> None:
    """Edit the annotation file: in place, or by what is returned."""
    path = path_of(config)
    content = json.loads(path.read_text())
    path.write_text(json.dumps(edit(content) or content))


def audit(config: dict, name: str = "train", **settings) -> AuditReport:
    return audit_datasets({name: [config]}, AuditSettings(**settings))


def found(report: AuditReport) -> dict[str, int]:
    """Findings by kind."""
    return {group.kind.name: group.count for group in report.groups}


def text(report: AuditReport) -> str:
    return "\n".join(map(str, report.groups))


def with_masks(config: dict, **kwargs) -> dict:
    load = dict(type="mmdet.LoadAnnotations", with_bbox=True, with_mask=True, **kwargs)
    return {**config, "pipeline": [IMAGE, load, PACK]}


def test_good_files_pass(coco, write_coco, tmp_path):
    other = write_coco(tmp_path / "other", {"x": [("dog", 1, 2, 30, 31)]})
    report = audit_datasets({"train": [coco, other]})

    assert report.groups == []
    first, second = report.sets
    assert (first.images_stated, first.images, first.objects_stated, first.objects) == (3, 3, 3, 3)
    assert first.classes == {"cat": 2, "dog": 1}
    assert (second.images, second.classes) == (1, {"cat": 0, "dog": 1})


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "it is no JSON in UTF-8: Expecting value"),
        ('{"images": [', "it is no JSON in UTF-8"),
        ("\ufeff{}", "it is no JSON in UTF-8: Unexpected UTF-8 BOM"),
        ("[" * 100_000, "it is no JSON in UTF-8: maximum recursion depth"),
        ("[]", "is a list; expected an object with lists"),
        ("{}", "has no 'images'; expected a list"),
        ('{"images": [], "annotations": {}, "categories": []}', "annotations: is {}; expected a"),
        ('{"images": [], "annotations": [], "categories": []}', "images: the list is empty"),
        ('{"images": [7], "annotations": [], "categories": []}', "images[0]: is 7; expected an"),
    ],
)
def test_file_without_tables(coco, content, says):
    path_of(coco).write_text(content)

    report = audit(coco)
    assert says in text(report)
    assert str(path_of(coco)) in text(report)
    assert all(group.severity == "error" for group in report.groups)


@pytest.mark.parametrize(
    ("table", "key", "value", "says"),
    [
        ("images", "id", None, "images[1], id: is None; expected a whole number or a string"),
        ("images", "id", [1], "images[1], id: is [1]"),
        ("images", "file_name", "", "image 2, file_name: is ''; expected the name of a file"),
        ("images", "file_name", "a\0.jpg", "image 2, file_name: is 'a\\x00.jpg'"),
        ("images", "file_name", "\ud800", "image 2, file_name: is '\\ud800'"),
        ("images", "width", "48", "image 2, width: is '48'; expected that of the image in pixels"),
        ("images", "height", None, "image 2, height: is None"),
        ("images", "height", 0, "image 2, height: is 0"),
        ("images", "height", 40.5, "image 2, height: is 40.5"),
        ("annotations", "id", {}, "annotations[1], id: is {}"),
        ("annotations", "image_id", True, "annotation 1, image_id: is True; expected the id of"),
        ("annotations", "image_id", "2", "annotation 1, image_id: is '2'; expected the image's id"),
        ("annotations", "category_id", None, "annotation 1, category_id: is None"),
        (
            "annotations",
            "bbox",
            None,
            "annotation 1, bbox: is None; expected [x, y, width, height]",
        ),
        ("annotations", "bbox", [], "annotation 1, bbox: is []"),
        ("annotations", "bbox", "5 5 9 9", "annotation 1, bbox: is '5 5 9 9'"),
        ("annotations", "bbox", [1, 2, 3], "annotation 1, bbox: is [1, 2, 3]"),
        ("annotations", "bbox", [1, "2", 3, 4], "annotation 1, bbox: is [1, '2', 3, 4]"),
        ("annotations", "bbox", [1, math.nan, 3, 4], "annotation 1, bbox: is [1, nan, 3, 4]"),
        ("annotations", "bbox", [1, 2, -3, 4], "annotation 1, bbox: is [1, 2, -3, 4]"),
        ("annotations", "bbox", [1, 2, 3, 10**400], "annotation 1, bbox: is [1, 2, 3, 1000"),
        ("annotations", "area", "64", "annotation 1, area: is '64'; expected a number of pixels"),
        ("annotations", "area", math.nan, "annotation 1, area: is nan"),
        ("annotations", "iscrowd", "0", "annotation 1, iscrowd: is '0'; expected 0 or 1"),
        ("annotations", "ignore", "0", "annotation 1, ignore: is '0'; expected 0 or 1"),
        ("categories", "id", [], "categories[1], id: is []"),
        ("categories", "name", 7, "category 1, name: is 7; expected a string"),
    ],
)
def test_value_that_loading_cannot_use(coco, table, key, value, says):
    change(coco, lambda content: content[table][1].update({key: value}))

    report = audit(coco)
    assert "value-wrong" in found(report)
    assert f"{path_of(coco)}, {says}" in text(report)
    # It is not loaded then: nothing is handed out.
    assert (report.sets[0].images, report.sets[0].objects) == (0, 0)


@pytest.mark.parametrize(
    ("table", "key", "says"),
    [
        ("images", "id", "images[1]: has no 'id'; expected a whole number or a string"),
        ("images", "file_name", "image 2: has no 'file_name'"),
        ("images", "width", "image 2: has no 'width'"),
        ("annotations", "id", "annotations[1]: has no 'id'"),
        ("annotations", "image_id", "annotation 1: has no 'image_id'"),
        ("annotations", "category_id", "annotation 1: has no 'category_id'"),
        ("annotations", "bbox", "annotation 1: has no 'bbox'"),
        ("annotations", "area", "annotation 1: has no 'area'; expected a number of pixels"),
        ("categories", "name", "category 1: has no 'name'; expected a string"),
    ],
)
def test_key_that_loading_needs(coco, table, key, says):
    change(coco, lambda content: content[table][1].pop(key) and None)

    report = audit(coco)
    assert "key-missing" in found(report)
    assert f"{path_of(coco)}, {says}" in text(report)


def test_all_problems_are_told_at_once(coco):
    def edit(content: dict) -> None:
        first, second, third = content["annotations"]
        del first["area"]
        second["bbox"] = None
        third["category_id"] = 9

    change(coco, edit)
    assert found(audit(coco)) == {"key-missing": 1, "value-wrong": 1, "class-unknown": 1}


@pytest.mark.parametrize("ids", [str, float, lambda i: f"img-{i}"])
def test_ids_of_any_type_pass_if_they_agree(coco, ids):
    def edit(content: dict) -> None:
        for image in content["images"]:
            image["id"] = ids(image["id"])
        for annotation in content["annotations"]:
            annotation["image_id"] = ids(annotation["image_id"])
            annotation["id"] = ids(annotation["id"])

    change(coco, edit)
    report = audit(coco)
    assert report.groups == []
    assert report.sets[0].objects == 3


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ("images", "images[1], id 1: stands for file_name 'a.jpg' and file_name 'b.jpg'"),
        (
            "annotations",
            "annotations[1], id 0: stands for bbox [4, 5, 20, 20] and bbox [0, 0, 8, 8",
        ),
        ("categories", "categories[1], id 0: stands for name 'cat' and name 'dog'"),
    ],
)
def test_id_of_two_entries(coco, table, says):
    change(coco, lambda content: content[table][1].update(id=content[table][0]["id"]))

    report = audit(coco)
    assert "id-twice" in found(report)
    assert f"{path_of(coco)}, {says}" in text(report)


def test_two_categories_of_one_name(coco):
    def edit(content: dict) -> None:
        content["categories"].insert(0, dict(id=17, name="dog", supercategory="none"))

    change(coco, edit)
    assert f"{path_of(coco)}, categories: 'dog' has the ids 17 and 1" in text(audit(coco))


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
    change(config, lambda content: content["categories"].pop(0) and None)

    report = audit(config)
    assert found(report) == {"class-shifted": 1}
    assert "'dog' becomes 'cat' (1); order of the file: ('dog',)" in text(report)


def test_test_set_without_the_last_class(write_coco, tmp_path):
    """Labels are right, but CocoMetric has no category for predictions of the rest."""
    config = write_coco(tmp_path, {"a": [("cat", 5, 6, 25, 26)]})
    change(config, lambda content: content["categories"].pop(1) and None)

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


@pytest.mark.parametrize(
    ("edit", "kind", "handed_out"),
    [
        (dict(area=0), "area-not-positive", 2),
        (dict(area=-4.5), "area-not-positive", 2),
        (dict(bbox=[0.1, 0.2, 0.5, 0.25]), "box-shares", 2),
        (dict(bbox=[0, 0.5, 1, 1]), "box-shares", 3),
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


def test_every_area_is_0(coco):
    change(coco, lambda content: [a.update(area=0) for a in content["annotations"]] and None)

    report = audit(coco)
    assert found(report) == {"area-not-positive": 3}
    assert "annotation 0, area 0: 'cat' [4, 5, 24, 25] on a.jpg of 48 x 40 pixels" in text(report)
    assert report.sets[0].objects == 0


def test_annotations_of_images_that_are_not_listed(coco):
    change(coco, lambda content: content["annotations"][1].update(image_id=99))
    assert found(audit(coco)) == {"orphan": 1}

    change(coco, lambda content: [a.update(image_id=99) for a in content["annotations"]] and None)
    report = audit(coco)
    assert found(report) == {"orphan": 3, "nothing-stated": 1}
    assert "annotations: all 3 belong to images that the file does not list" in text(report)


def test_size_of_an_image_without_objects_matters_to_the_filter_only(coco):
    change(coco, lambda content: content["images"][2].update(width=0))

    assert found(audit(coco)) == {"size-unknown": 1}
    filtered = {**coco, "filter_cfg": dict(min_size=8)}
    assert found(audit(filtered)) == {"size-zero": 1, "size-unknown": 1}


def test_images_without_objects(coco):
    assert found(audit(coco, "test")) == {"no-annotation": 1}
    change(coco, lambda content: content.pop("annotations") and None)

    for name in ("train", "test"):
        assert found(audit(coco, name)) == {"key-missing": 1}
    assert found(audit(coco, "pool")) == {}


@pytest.mark.parametrize(
    ("mask", "kind", "says"),
    [
        (SQUARE, None, ""),
        ([*SQUARE, [1, 2, 3, 4]], None, ""),
        ({"size": [40, 48], "counts": [100, 20, 1800]}, None, ""),
        ([], "mask-missing", "segmentation []"),
        (None, "mask-missing", "no segmentation"),
        ([[1, 2, 3, 4]], "mask-invalid", "no polygon has three points"),
        ({"counts": [1920]}, "mask-invalid", "without size and counts"),
        (SQUARE[0], "value-wrong", "segmentation has 1; expected lists of numbers"),
        ([["1", 2, 3, 4, 5, 6]], "value-wrong", "segmentation has ['1', 2"),
        ([[math.nan, 2, 3, 4, 5, 6]], "value-wrong", "expected finite numbers"),
        ([[1, 2, 3, 4, 5, 6, 7]], "value-wrong", "a polygon of 7 numbers"),
        ("1 2 3", "value-wrong", "segmentation is '1 2 3'"),
        ({"size": [48, 40], "counts": [1920]}, "value-wrong", "has the size [48, 40]"),
        ({"size": [40, 48], "counts": [100, 20]}, "value-wrong", "run lengths of 1920 pixels"),
        ({"size": [40, 48], "counts": "oo"}, "value-wrong", "run lengths of 1920 pixels"),
    ],
)
def test_masks(coco, mask, kind, says):
    def edit(content: dict) -> None:
        for annotation in content["annotations"]:
            annotation["segmentation"] = SQUARE
        content["annotations"][1]["segmentation"] = mask

    change(coco, edit)
    report = audit(with_masks(coco))
    assert found(report) == ({kind: 1} if kind else {})
    assert says in text(report)
    assert kind is None or f"{path_of(coco)}, annotation 1: " in text(report)
    assert found(audit(coco)) == {}  # without masks nobody looks
    if kind in (None, "mask-invalid"):
        dataset = DATASETS.build(with_masks(coco))
        ignored = [len(dataset[i]["data_samples"].ignored_instances) for i in range(3)]
        assert sum(ignored) == (kind == "mask-invalid")


def test_compressed_run_lengths(coco):
    """As pycocotools writes them; the 1920 pixels of an image, and one less."""
    from pycocotools import mask as run_lengths

    counts = [3, 5, 100, 700, 2, 1110]
    packed = run_lengths.frPyObjects(dict(size=[40, 48], counts=counts), 40, 48)
    good = dict(size=[40, 48], counts=packed["counts"].decode())
    packed = run_lengths.frPyObjects(dict(size=[40, 48], counts=[*counts[:-1], 1109]), 40, 48)
    short = dict(good, counts=packed["counts"].decode())
    config = with_masks(coco)
    for masks, expected in ((good, {}), (short, {"value-wrong": 3})):
        change(
            coco, lambda c, m=masks: [a.update(segmentation=m) for a in c["annotations"]] and None
        )
        assert found(audit(config)) == expected
    change(coco, lambda c: [a.update(segmentation=good) for a in c["annotations"]] and None)
    assert found(audit(with_masks(coco, poly2mask=False))) == {"mask-invalid": 3}


def test_users_class_with_its_own_paths(coco, tmp_path):
    (tmp_path / "images").rename(tmp_path / "photos")
    (tmp_path / "images").mkdir()
    assert found(audit({**coco, "type": "PhotosOfCats"})) == {}
    assert found(audit(coco)) == {"image-missing": 3}

    # Numbering is still MMDetection's, in whatever class.
    change(coco, lambda content: content["categories"].reverse())
    assert found(audit({**coco, "type": "PhotosOfCats"})) == {"class-shifted": 3}


def test_users_class_that_copes_with_the_file(coco):
    change(coco, lambda content: [a.pop("area") for a in content["annotations"][:2]] and None)
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
