"""Tables, ids and values of COCO files that loading would stumble over."""

import math

import pytest
from audited_files import audit, change, found, path_of, text

IMAGES = {"a": [("cat", 5, 6, 25, 26)], "b": [("dog", 1, 1, 9, 9), ("cat", 3, 3, 30, 30)], "c": []}


@pytest.fixture
def coco(write_coco, tmp_path) -> dict:
    return write_coco(tmp_path, IMAGES)


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
            "category_id",
            "1",
            "annotation 1, category_id: is '1'; expected the category's id as it is listed, 1",
        ),
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
    change(coco, lambda content: content[table][1].pop(key))

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


def test_annotations_of_images_that_are_not_listed(coco):
    change(coco, lambda content: content["annotations"][1].update(image_id=99))
    assert found(audit(coco)) == {"orphan": 1}

    change(coco, lambda content: [a.update(image_id=99) for a in content["annotations"]])
    report = audit(coco)
    assert found(report) == {"orphan": 3, "nothing-stated": 1}
    assert "annotations: all 3 belong to images that the file does not list" in text(report)
