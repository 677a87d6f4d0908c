"""Tests of the data sets and pipelines that scoring and checking use."""

import copy

import pytest
from mmengine.config import Config
from mmengine.registry import DATASETS, init_default_scope

from mmal.engine import DataConfig
from mmal.engine.data_config import leaf_datasets

LOAD, BOXES = dict(type="LoadImageFromFile"), dict(type="LoadAnnotations", with_bbox=True)
RESIZE, PACK = dict(type="Resize", scale=(96, 80), keep_ratio=False), dict(type="PackDetInputs")
#: As MM test pipelines are: boxes are loaded after resizing and stay as the file has them.
PIPELINE = [LOAD, RESIZE, BOXES, PACK]


def config(dataset: dict | None) -> Config:
    return Config(dict(test_dataloader=dict(batch_size=2, dataset=dataset)))


def leaf(name: str = "a", pipeline: list[dict] = PIPELINE) -> dict:
    return dict(type="VOCDataset", ann_file=name, pipeline=pipeline)


def wrapped(*leaves: dict) -> dict:
    concat = dict(type="ConcatDataset", datasets=list(leaves))
    return dict(type="RepeatDataset", times=2, dataset=concat)


def test_leaf_datasets_are_found_inside_all_wrappers():
    nested = dict(type="ConcatDataset", datasets=[wrapped(leaf("a"), leaf("b")), leaf("c")])

    assert [found["ann_file"] for found in leaf_datasets(nested)] == ["a", "b", "c"]
    assert list(leaf_datasets(leaf())) == [leaf()]


@pytest.mark.parametrize("dataset", [leaf(), wrapped(leaf(), leaf("b", [LOAD]))])
def test_test_pipeline_is_that_of_the_first_leaf(dataset):
    assert DataConfig(config(dataset)).test_pipeline == PIPELINE


@pytest.mark.parametrize("cfg", [{}, dict(test_dataloader=None), dict(test_dataloader={})])
def test_missing_test_data_set(cfg):
    data = DataConfig(Config(cfg, cfg_text="#", filename="some.py"))
    for read in (lambda: data.test_pipeline, data.labeled_dataset, data.leaves):
        with pytest.raises(
            ValueError, match=r"config some\.py has no (test|train)_dataloader\.data"
        ):
            read()


@pytest.mark.parametrize(
    ("pipeline", "expected"),
    [
        ([LOAD, RESIZE, BOXES, PACK], [LOAD, BOXES, RESIZE, PACK]),
        ([LOAD, BOXES, RESIZE, PACK], [LOAD, BOXES, RESIZE, PACK]),
        ([LOAD, RESIZE, PACK], [LOAD, BOXES, RESIZE, PACK]),
        (
            [
                dict(type="mmdet.LoadImageFromNDArray"),
                dict(type="mmdet.Resize", scale=2),
                dict(type="mmdet.LoadAnnotations", with_bbox=True, with_mask=True),
            ],
            [
                dict(type="mmdet.LoadImageFromNDArray"),
                dict(type="mmdet.LoadAnnotations", with_bbox=True, with_mask=True),
                dict(type="mmdet.Resize", scale=2),
            ],
        ),
    ],
)
def test_annotations_are_loaded_right_after_the_image(pipeline, expected):
    cfg = config(wrapped(leaf("a", pipeline), leaf("b", pipeline)))
    before = copy.deepcopy(cfg.to_dict())
    found = DataConfig(cfg).labeled_dataset()

    assert found == wrapped(leaf("a", expected), leaf("b", expected))
    assert cfg.to_dict() == before


def test_boxes_are_in_the_coordinates_of_the_input(write_voc, tmp_path):
    # 48 x 40 becomes 96 x 80; a VOC box counts from 1, mmdet's from 0.
    dataset = write_voc(tmp_path, {"a": [("dog", 3, 5, 21, 31)], "none": []})
    scoped = [{**t, "type": f"mmdet.{t['type']}"} for t in PIPELINE[1:]]
    dataset.update(test_mode=True, pipeline=[LOAD, *scoped])
    plain, labeled = (
        DATASETS.build(d) for d in (dataset, DataConfig(config(dataset)).labeled_dataset())
    )

    def boxes(sample: dict) -> list[list[float]]:
        return sample["data_samples"].gt_instances.bboxes.tensor.tolist()

    assert boxes(plain[0]) == [[2, 4, 20, 30]]
    assert boxes(labeled[0]) == [[4, 8, 40, 60]]
    assert labeled[0]["inputs"].equal(plain[0]["inputs"])
    assert len(labeled) == 2  # nothing is filtered


LOAD_POSE, CROP = dict(type="LoadImage"), dict(type="TopdownAffine", input_size=(32, 32))
MAPS, PACK_POSE = dict(type="GenerateTarget", encoder={}), dict(type="PackPoseInputs")


def pose_config(train: list[dict], test: list[dict]) -> Config:
    return Config(
        dict(
            train_dataloader=dict(dataset=wrapped(leaf("a", train))),
            test_dataloader=dict(dataset=leaf("b", test)),
        )
    )


def test_pose_targets_are_made_as_in_training():
    training = [LOAD_POSE, dict(type="RandomFlip"), CROP, MAPS, PACK_POSE]
    cfg = pose_config(training, [LOAD_POSE, CROP, PACK_POSE])

    assert DataConfig(cfg).labeled_dataset()["pipeline"] == [LOAD_POSE, CROP, MAPS, PACK_POSE]


@pytest.mark.parametrize(
    ("train", "test"),
    [
        ([LOAD_POSE, CROP, PACK_POSE], [LOAD_POSE, CROP, PACK_POSE]),
        ([LOAD_POSE, MAPS, PACK_POSE], [LOAD_POSE, dict(type="BottomupResize"), PACK_POSE]),
    ],
)
def test_pose_pipelines_without_targets_are_refused(train, test):
    with pytest.raises(ValueError, match="bottom-up"):
        DataConfig(pose_config(train, test)).labeled_dataset()


def test_people_of_a_detector_give_way_to_annotated_ones():
    cfg = pose_config([LOAD_POSE, CROP, MAPS, PACK_POSE], [LOAD_POSE, CROP, PACK_POSE])
    cfg.test_dataloader.dataset.bbox_file = "detections.json"

    assert "bbox_file" not in DataConfig(cfg).labeled_dataset()
    assert cfg.test_dataloader.dataset.bbox_file == "detections.json"


def test_annotations_are_those_that_training_loads():
    """RTMDet-Ins' test pipelines load no masks, which its loss needs."""
    masks = dict(type="LoadAnnotations", with_bbox=True, with_mask=True)
    cfg = Config(
        dict(
            train_dataloader=dict(dataset=wrapped(leaf("a", [LOAD, masks, RESIZE, PACK]))),
            test_dataloader=dict(dataset=leaf("b", PIPELINE)),
        )
    )

    assert DataConfig(cfg).labeled_dataset()["pipeline"] == [LOAD, masks, RESIZE, PACK]


@pytest.mark.parametrize("outer", [False, True])
def test_training_data_that_shape_a_pool_are_as_if_all_were_labelled(outer, cfg):
    data = cfg.train_dataloader.dataset.to_dict()
    assert DataConfig(cfg).all_labeled() == data
    cfg.train_dataloader.dataset = dict(type="mmal.Redundant", copies=2, dataset=data)
    if outer:
        mixed = dict(type="mmdet.MultiImageMixDataset", pipeline=[])
        cfg.train_dataloader.dataset = dict(dataset=cfg.train_dataloader.dataset, **mixed)
    init_default_scope("mmdet")
    found = DATASETS.build(DataConfig(cfg).all_labeled())
    assert len(found) == 3 * 16
    assert type(found).__name__ == ("MultiImageMixDataset" if outer else "PoolDataset")
