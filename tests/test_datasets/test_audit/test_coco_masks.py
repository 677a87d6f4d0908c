"""Masks in COCO files, against what MMDetection makes of them."""

import math

import numpy as np
import pytest
from audited_files import audit, change, found, path_of, text
from mmengine.registry import DATASETS
from pycocotools import mask as run_lengths

IMAGES = {"a": [("cat", 5, 6, 25, 26)], "b": [("dog", 1, 1, 9, 9), ("cat", 3, 3, 30, 30)], "c": []}
IMAGE = dict(type="LoadImageFromFile")
PACK = dict(type="mmdet.PackDetInputs")
SQUARE = [[1, 1, 9, 1, 9, 9, 1, 9]]


@pytest.fixture
def coco(write_coco, tmp_path) -> dict:
    return write_coco(tmp_path, IMAGES)


def with_masks(config: dict, **kwargs) -> dict:
    load = dict(type="mmdet.LoadAnnotations", with_bbox=True, with_mask=True, **kwargs)
    return {**config, "pipeline": [IMAGE, load, PACK]}


@pytest.mark.parametrize(
    ("mask", "kind", "says"),
    [
        (SQUARE, None, ""),
        ([*SQUARE, [1, 2, 3, 4]], None, ""),
        ({"size": [40, 48], "counts": [83, 5, 1832]}, None, ""),
        ([[0.1, 0.2, 0.5, 0.2, 0.5, 0.75]], "mask-shares", "segmentation [[0.1, 0.2"),
        ([[20, 30, 40, 30, 40, 39]], "mask-elsewhere", "mask [20, 30, 40, 39], box [0, 0, 8, 8]"),
        ([[9, 1, 9, 9, 12, 9]], None, ""),  # a pixel beside is a matter of rounding
        (
            {"size": [40, 48], "counts": [1220, 5, 695]},
            "mask-elsewhere",
            "mask [30, 20, 31, 25], box [0, 0, 8, 8]",
        ),
        ({"size": [40, 48], "counts": [1920]}, "mask-elsewhere", "the mask is empty"),
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
    if kind in (None, "mask-invalid", "mask-elsewhere"):
        dataset = DATASETS.build(with_masks(coco))
        ignored = [len(dataset[i]["data_samples"].ignored_instances) for i in range(3)]
        assert sum(ignored) == (kind == "mask-invalid")


def test_masks_beside_boxes_are_those_that_cover_nothing_of_them(write_coco, tmp_path):
    """Compared with drawn masks, for polygons and run lengths; crowds are not looked at."""
    rng = np.random.default_rng(0)
    boxes = [(int(x), int(y), int(x) + 9, int(y) + 9) for x, y in rng.integers(1, 31, (40, 2))]
    coco = write_coco(tmp_path, {"a": [("cat", *box) for box in boxes]})
    moved = rng.permutation(len(boxes))
    beside = 0

    def edit(content: dict) -> None:
        nonlocal beside
        boxes = [annotation["bbox"] for annotation in content["annotations"]]
        for number, annotation in enumerate(content["annotations"]):
            left, top, width, height = boxes[moved[number]]
            right, bottom = left + width, top + height
            polygon = [[left, top, right, top, right, bottom, left, bottom]]
            drawn = run_lengths.frPyObjects(polygon, 40, 48)[0]
            if number % 2:
                packed = dict(drawn, counts=drawn["counts"].decode())
            annotation["segmentation"] = packed if number % 2 else polygon
            annotation["iscrowd"] = int(number % 8 == 0)
            x, y, width, height = annotation["bbox"]
            around = np.zeros((40, 48), bool)
            around[max(y - 2, 0) : y + height + 2, max(x - 2, 0) : x + width + 2] = True
            covers = (run_lengths.decode(drawn).astype(bool) & around).any()
            beside += not covers and not annotation["iscrowd"]

    change(coco, edit)
    report = audit(with_masks(coco))
    assert 10 < beside < 40
    assert found(report)["mask-elsewhere"] == beside


def test_compressed_run_lengths(coco):
    """As pycocotools writes them; the 1920 pixels of an image, and one less."""
    counts = [200, 5, 195, 400, 10, 1110]
    packed = run_lengths.frPyObjects(dict(size=[40, 48], counts=counts), 40, 48)
    good = dict(size=[40, 48], counts=packed["counts"].decode())
    packed = run_lengths.frPyObjects(dict(size=[40, 48], counts=[*counts[:-1], 1109]), 40, 48)
    short = dict(good, counts=packed["counts"].decode())
    config = with_masks(coco)
    for masks, expected in ((good, {}), (short, {"value-wrong": 3})):
        change(coco, lambda c, m=masks: [a.update(segmentation=m) for a in c["annotations"]])
        assert found(audit(config)) == expected
    change(coco, lambda c: [a.update(segmentation=good) for a in c["annotations"]])
    assert found(audit(with_masks(coco, poly2mask=False))) == {"mask-invalid": 3}
