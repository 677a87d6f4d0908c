"""Pools of near-duplicates."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from mmengine.registry import DATASETS, init_default_scope

from mmal.datasets import PoolDataset
from mmal.structures import Pool
from tests.classifiers import needs_mmpretrain, write_folders

BOXES = [("cat", 5, 6, 25, 26), ("dog", 11, 2, 40, 38)]
NAMES = [f"i{n}" for n in range(7)]
SHAPE = dict(type="mmal.Redundant", copies=2)
LOAD = dict(type="LoadImageFromFile")
VARY = dict(type="mmal.VaryImage")


@pytest.fixture
def voc(write_voc: Callable[..., dict], tmp_path: Path) -> dict:
    init_default_scope("mmdet")
    return write_voc(tmp_path / "voc", {name: BOXES for name in NAMES})


def ids_of(dataset: PoolDataset) -> list[str]:
    return [dataset.get_data_info(i)["sample_id"] for i in range(len(dataset))]


def pool_of(config: dict, **kwargs) -> list[str]:
    return PoolDataset(config, split="unlabeled", **kwargs).pool.ids


def times(ids: list[str]) -> list[int]:
    """How often each image is there, sorted."""
    return sorted(Counter(name.partition("~")[0] for name in ids).values())


def test_copies_follow_their_originals(voc: dict) -> None:
    expected = [f"{name}{copy}" for name in NAMES for copy in ("", "~1", "~2")]
    assert pool_of(dict(SHAPE, dataset=voc)) == expected


# 7 samples in random order; a sample and its 2 copies are 3.
@pytest.mark.parametrize(
    ("share", "size", "expected"),
    [
        (0.3, None, [1, 1, 1, 1, 1, 3, 3]),  # 7 * 0.3 = 2.1
        (0.01, None, [1] * 7),
        (1.0, 7, [1, 3, 3]),
        (1.0, 21, [3] * 7),
        (0.5, 6, [1, 2, 3]),  # with copies, without, with: of these the last is cut off
        (1.0, 1, [1]),
    ],
)
def test_shares_and_sizes(share: float, size: int | None, expected: list[int], voc: dict) -> None:
    for seed in range(3):
        ids = pool_of(dict(SHAPE, dataset=voc, share=share, size=size, seed=seed))
        assert times(ids) == sorted(expected), share
        assert len(ids) == len(set(ids)) == sum(expected)
        # Never a copy without its original.
        assert {name.partition("~")[0] for name in ids} <= set(ids)


def test_more_than_there_is(voc: dict) -> None:
    with pytest.raises(ValueError, match=r"'size' .* Redundant must be at most 21.* Got 22"):
        pool_of(dict(SHAPE, dataset=voc, size=22))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("copies", value) for value in (0, -1, 1.5, None)),
        *(("share", value) for value in (0, 1.1, "1", float("nan"))),
        *(("size", value) for value in (0, 2.5, "7")),
    ],
)
def test_parameters_that_cannot_be(name: str, value: object) -> None:
    with pytest.raises(ValueError, match=rf"'{name}' parameter of Redundant .* Got '?{value}"):
        DATASETS.build(dict(SHAPE, dataset={}) | {name: value})


def test_splits_divide_the_pool_and_copies_have_their_originals_boxes(voc: dict) -> None:
    shaped = dict(SHAPE, dataset=voc)
    pool = Pool(pool_of(shaped))
    pool.commit(["i2~1", "i2", "i5~2"], "initial", None)
    labeled, unlabeled = (PoolDataset(shaped, pool, split) for split in ("labeled", "unlabeled"))
    assert ids_of(labeled) == ["i2", "i2~1", "i5~2"]
    assert sorted(ids_of(labeled) + ids_of(unlabeled)) == sorted(pool.ids)
    plain = DATASETS.build(voc)
    for i, place in enumerate((2, 2, 5)):
        info, original = labeled.get_data_info(i), plain.get_data_info(place)
        assert info["instances"] == original["instances"] != []
        assert info["img_path"] == original["img_path"]
    assert labeled.annotation_counts() == dict(boxes=6)
    assert labeled.label_histogram({"i2~1"}) == dict(cat=1, dog=1)
    assert [labeled.get_data_info(i).get("variant") for i in range(3)] == [None, 1, 2]


def test_unlabelled_copies_show_what_makes_them_vary_and_no_label(voc: dict) -> None:
    unlabeled = PoolDataset(dict(SHAPE, dataset=voc), split="unlabeled")
    assert [unlabeled.get_data_info(i).get("variant") for i in range(3)] == [None, 1, 2]
    for i in range(3):
        assert unlabeled.get_data_info(i)["instances"] == []
        assert len(unlabeled[i]["data_samples"].gt_instances) == 0
        assert unlabeled[i]["data_samples"].sample_id == unlabeled.pool.ids[i]


@needs_mmpretrain
@pytest.mark.parametrize("split", ["labeled", "unlabeled"])
def test_without_the_transform_copies_are_exact(split: str, tmp_path: Path) -> None:
    init_default_scope("mmpretrain")
    write_folders(tmp_path / "train", dict(cat=2, dog=1))
    pack = dict(type="PackInputs")
    folder = dict(type="CustomDataset", data_root=str(tmp_path), data_prefix="train")

    def images(*transforms: dict) -> list:
        shaped = dict(SHAPE, dataset=dict(folder, pipeline=[LOAD, *transforms, pack]))
        pool = Pool(pool_of(shaped))
        if split == "labeled":
            pool.commit(pool.ids, "all", None)
        dataset = PoolDataset(shaped, pool, split)
        return [dataset[i]["inputs"] for i in range(len(dataset))]

    exact, varied = images(), images(VARY)
    for i in (0, 3, 6):
        assert exact[i].equal(exact[i + 1])
        assert varied[i].equal(exact[i])  # the original
        assert not varied[i + 1].equal(exact[i])
        assert not varied[i + 1].equal(varied[i + 2])
    assert all(a.equal(b) for a, b in zip(varied, images(VARY), strict=True))


def test_people_of_an_image_are_copied_one_by_one_or_together(
    tmp_path: Path, write_mpii: Callable[..., dict]
) -> None:
    init_default_scope("mmpose")
    people = [("000000001.jpg", (30, 40)), ("000000002.jpg", (60, 40)), ("000000002.jpg", (20, 40))]
    config = dict(write_mpii(tmp_path, people), pipeline=[])
    shaped = dict(SHAPE, copies=1, dataset=config)
    assert pool_of(shaped) == [
        f"images/00000000{name}{copy}"
        for name in ("1.jpg#0", "2.jpg#1", "2.jpg#0")
        for copy in ("", "~1")
    ]
    images = PoolDataset(shaped, split="unlabeled", group_by="image")
    first, second = "images/000000001.jpg", "images/000000002.jpg"
    assert images.pool.ids == [first, f"{first}~1", second, f"{second}~1"]
    assert ids_of(images) == [first, f"{first}~1", *[second, f"{second}~1"] * 2]
    assert {"bbox", "variant"} <= images.get_data_info(1).keys()
    assert "keypoints" not in images.get_data_info(1)
    # One of two images, with its copy: all of its people.
    one = PoolDataset(dict(shaped, size=2), split="unlabeled", group_by="image")
    assert times(one.pool.ids) == [2]
