"""What a person detector found, against what MMPose makes of it."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from audited_files import audit, change, found, path_of, text
from mmengine.registry import init_default_scope
from people_files import write_people

from mmal.datasets.audit import audit_datasets


@pytest.fixture(autouse=True)
def _scope() -> Iterator[None]:
    init_default_scope("mmpose")
    yield
    init_default_scope("mmdet")


@pytest.fixture
def coco(tmp_path) -> dict:
    """Three people, two of them on the first of three images."""
    return write_people(tmp_path)


@pytest.fixture
def detected(coco) -> dict:
    """What a detector found: two people on the first image, something else on the second."""
    detections = [
        dict(image_id=1, category_id=1, bbox=[4.5, 5, 20, 30], score=0.9),
        dict(image_id=1, category_id=1, bbox=[24.5, 5, 20, 30], score=0.2),
        dict(image_id=2, category_id=3, bbox=[4.5, 5, 20, 30], score=0.9),
    ]
    Path(coco["data_root"], "found.json").write_text(json.dumps(detections))
    bbox_file = str(Path(coco["data_root"], "found.json"))
    return {**coco, "test_mode": True, "bbox_file": bbox_file}


def test_detections(detected):
    report = audit(detected, "test")
    assert found(report) == {"not-a-person": 1}
    assert (report.sets[0].objects_stated, report.sets[0].objects) == (2, 2)

    report = audit({**detected, "filter_cfg": dict(bbox_score_thr=0.5)}, "test")
    assert found(report) == {"not-a-person": 1, "image-filtered": 1}
    assert report.sets[0].objects == 1


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        (dict(image_id=9), "detection 1, image_id: is 9; expected the id of an image in "),
        (dict(image_id="1"), "detection 1, image_id: is '1'"),
        (dict(bbox=[1, 2, 3]), "detection 1, bbox: is [1, 2, 3]"),
        (dict(score=None), "detection 1, score: is None"),
    ],
)
def test_detection_that_loading_cannot_use(detected, keys, says):
    path = path_of(detected, "bbox_file")
    detections = json.loads(path.read_text())
    detections[1].update(keys)
    path.write_text(json.dumps(detections))

    report = audit(detected, "test")
    assert "value-wrong" in found(report)
    assert f"{path}, {says}" in text(report)


@pytest.mark.parametrize("content", ["", "{}"])
def test_detections_that_are_no_list(detected, content):
    path = path_of(detected, "bbox_file")
    path.write_text(content)

    report = audit(detected, "test")
    assert [group.severity for group in report.groups] == ["error"]
    assert str(path) in text(report)


def test_detections_for_an_evaluator_that_needs_no_annotations(detected):
    change(detected, lambda content: content.pop("annotations"))

    assert found(audit(detected, "test"))["key-missing"] == 1
    report = audit_datasets({"test": [detected]}, unscored=("test",))
    assert found(report) == {"not-a-person": 1}
    assert report.sets[0].objects == 2
