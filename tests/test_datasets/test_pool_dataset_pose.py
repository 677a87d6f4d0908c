"""PoolDataset around top-down pose data, in MPII layout."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from mmengine.registry import init_default_scope

from mmal.datasets import PoolDataset
from mmal.structures import Pool

#: Image, and center of each person in it.
PEOPLE = [
    ("000000001.jpg", (30, 40)),
    ("000000002.jpg", (60, 40)),
    ("000000002.jpg", (20, 40)),
    ("000000003.jpg", (30, 40)),
]
PIPELINE = [
    dict(type="LoadImage"),
    dict(type="GetBBoxCenterScale"),
    dict(type="TopdownAffine", input_size=(32, 32)),
    dict(type="PackPoseInputs"),
]


@pytest.fixture
def config(tmp_path: Path, write_mpii: Callable[..., dict]) -> dict:
    init_default_scope("mmpose")
    return dict(pipeline=PIPELINE, **write_mpii(tmp_path, PEOPLE))


def ids_of(dataset: PoolDataset) -> list[str]:
    return [dataset.get_data_info(i)["sample_id"] for i in range(len(dataset))]


def test_people_are_samples_numbered_from_left_to_right(config: dict) -> None:
    dataset = PoolDataset(config, split="unlabeled")
    assert dataset.pool.ids == ids_of(dataset)
    assert ids_of(dataset) == [
        "images/000000001.jpg#0",
        "images/000000002.jpg#1",
        "images/000000002.jpg#0",
        "images/000000003.jpg#0",
    ]


def test_ids_do_not_depend_on_the_order_of_the_file(
    config: dict, tmp_path: Path, write_mpii: Callable[..., dict]
) -> None:
    reversed_ = dict(pipeline=PIPELINE, **write_mpii(tmp_path / "reversed", PEOPLE[::-1]))
    expected = ids_of(PoolDataset(config, split="unlabeled"))
    assert ids_of(PoolDataset(reversed_, split="unlabeled")) == expected[::-1]


def test_a_pool_of_images_labels_all_people_of_one(config: dict) -> None:
    ids = [f"images/00000000{i}.jpg" for i in (1, 2, 3)]
    pool = Pool(ids)
    pool.commit([ids[1]], "initial", None)
    labeled = PoolDataset(config, pool, "labeled", group_by="image")
    unlabeled = PoolDataset(config, pool, "unlabeled", group_by="image")
    assert ids_of(labeled) == [ids[1], ids[1]]
    assert ids_of(unlabeled) == [ids[0], ids[2]]
    assert PoolDataset(config, split="unlabeled", group_by="image").pool.ids == ids


def test_unlabelled_people_show_their_boxes_and_nothing_of_their_joints(config: dict) -> None:
    dataset = PoolDataset(config, split="unlabeled")
    allowed = {"img_path", "img_id", "sample_id", "sample_idx", "id", "bbox", "bbox_center"}
    allowed |= {"bbox_scale", "bbox_score"}
    of_dataset = set(dataset.leaves[0].METAINFO) | {
        "dataset_name",
        "upper_body_ids",
        "lower_body_ids",
        "flip_pairs",
        "dataset_keypoint_weights",
        "flip_indices",
        "skeleton_links",
    }
    for i in range(len(dataset)):
        info = dataset.get_data_info(i)
        assert info.keys() <= allowed | of_dataset, info.keys() - allowed - of_dataset
        sample = dataset[i]["data_samples"]
        assert sample.sample_id == info["sample_id"]
        assert "keypoints" not in sample.gt_instances
        # MMPose's packing invents one where there is none.
        assert sample.gt_instances.get("keypoints_visible", np.ones(1)).tolist() == [[[1.0]]]


def test_labelled_people_keep_their_joints(config: dict) -> None:
    pool = Pool(PoolDataset(config, split="unlabeled").pool.ids)
    pool.commit(["images/000000002.jpg#0"], "initial", None)
    labeled = PoolDataset(config, pool, "labeled")
    (info,) = (labeled.get_data_info(i) for i in range(len(labeled)))
    assert info["bbox_center"][0, 0] == 20 - 1  # MPII counts from 1
    assert labeled[0]["data_samples"].gt_instances.keypoints.shape == (1, 16, 2)


def test_group_by_is_one_of_two(config: dict) -> None:
    with pytest.raises(ValueError, match=r"'group_by' .* must be 'sample' or 'image'. Got 'pose'"):
        PoolDataset(config, group_by="pose")


def test_visible_joints_are_counted(config: dict, tmp_path: Path) -> None:
    dataset = PoolDataset(config, split="unlabeled")
    pool = Pool(dataset.pool.ids)
    pool.commit(["images/000000002.jpg#0", "images/000000003.jpg#0"], "initial", None)
    people = json.loads((tmp_path / config["ann_file"]).read_text())

    found = PoolDataset(config, pool).annotation_counts()
    assert found == dict(joints=sum(sum(people[i]["joints_vis"]) for i in (2, 3)))
    visible = np.sum([people[i]["joints_vis"] for i in (2, 3)], axis=0)
    names = dataset.metainfo["keypoint_id2name"]
    expected = {names[i]: count for i, count in enumerate(visible.tolist())}
    assert PoolDataset(config, pool).label_histogram() == expected
    with pytest.raises(RuntimeError, match="unlabeled split"):
        dataset.annotation_counts()
