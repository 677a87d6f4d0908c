"""Pools of unequal classes."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from mmengine.registry import DATASETS, init_default_scope

from mmal.datasets import PoolDataset
from mmal.datasets.pools.long_tailed import tail_sizes
from mmal.structures import Pool
from tests.classifiers import needs_mmpretrain, tiny_cifar, write_folders

BOXES = dict(cat=("cat", 5, 6, 25, 26), dog=("dog", 11, 2, 40, 38))
SHAPE = dict(type="mmal.LongTailed", exponent=1.0)


def pool_of(config: dict) -> list[str]:
    return PoolDataset(config, split="unlabeled").pool.ids


@pytest.mark.parametrize("exponent", [0, 0.5, 1, 2.5])
def test_sizes_fall_as_a_power_of_the_rank(exponent: float) -> None:
    counts = [500] * 10
    expected = [max(1, round(500 / (rank + 1) ** exponent)) for rank in range(10)]
    assert tail_sizes(counts, exponent) == expected
    assert tail_sizes([], exponent) == []


def test_a_class_never_gets_more_than_there_is_nor_loses_all() -> None:
    # 100 / 2 = 50, of which there are 7; 100 / 3^9 rounds to 0.
    assert tail_sizes([100, 7, 0, 30], 1) == [100, 7, 0, 25]
    assert tail_sizes([100, 100, 100], 9) == [100, 1, 1]
    # The largest class need not be the first: 40 of 80 / 1, 40 of 80 / 2.
    assert tail_sizes([40, 80], 1) == [40, 40]


@needs_mmpretrain
def test_images_of_folders_by_their_class(tmp_path: Path) -> None:
    init_default_scope("mmpretrain")
    names = ("ant", "bee", "cat", "dog")
    write_folders(tmp_path / "train", dict.fromkeys(names, 12))
    folders = dict(type="CustomDataset", data_root=str(tmp_path), data_prefix="train", pipeline=[])
    order = ("cat", "ant", "dog", "bee")
    for exponent, expected in ((1.0, (12, 6, 4, 3)), (0, (12,) * 4), (2.0, (12, 3, 1, 1))):
        ids = pool_of(dict(SHAPE, dataset=folders, exponent=exponent, order=order))
        assert Counter(name.split("/")[1] for name in ids) == dict(
            zip(order, expected, strict=True)
        )
    drawn = {}
    for seed in range(5):  # without an order, the seed draws one: the same sizes, of other classes
        ids = pool_of(dict(SHAPE, dataset=folders, seed=seed))
        drawn[seed] = Counter(name.split("/")[1] for name in ids)
        assert sorted(drawn[seed].values()) == [3, 4, 6, 12]
        steeper = pool_of(dict(SHAPE, dataset=folders, exponent=2.0, seed=seed))
        assert set(steeper) < set(ids)
    assert len({tuple(sorted(counts.items())) for counts in drawn.values()}) > 1


@needs_mmpretrain
def test_images_in_memory_keep_their_ids(tmp_path: Path) -> None:
    """16 images of 10 classes, 6 of them twice: with a power of 9 a class keeps one, but the first.

    Labels are places modulo 10.
    """
    init_default_scope("mmpretrain")
    cifar = dict(tiny_cifar(tmp_path), split="train", pipeline=[])
    order = DATASETS.build(cifar).metainfo["classes"]
    ids = pool_of(dict(SHAPE, dataset=cifar, exponent=9.0, order=order))
    assert {f"TinyCIFAR/train/{i:02d}" for i in (0, 10, 6, 7, 8, 9)} <= set(ids)
    assert [int(name[-2:]) % 10 for name in sorted(ids, key=lambda name: int(name[-1]))] == [
        *(0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9)
    ]


@pytest.mark.parametrize("writer", ["write_voc", "write_coco"])
def test_an_image_counts_for_its_rarest_class(
    writer: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    init_default_scope("mmdet")
    shows = {"cat": ["cat"] * 3, "dog": ["dog"], "both": ["dog", "cat"], "none": [], "bird": []}
    images = {f"{kind}{i}": [BOXES[b] for b in shows[kind]] for kind in shows for i in range(6)}
    images |= {f"bird{i}": [("bird", 3, 3, 30, 30)] for i in range(6)}  # no class of the data set
    config = request.getfixturevalue(writer)(tmp_path, images)
    # Dogs are in both kinds of images with dogs: 12, half of the 12 that the largest class has.
    ids = pool_of(dict(SHAPE, dataset=config, order=("cat", "dog")))
    kinds = Counter(Path(name).stem.rstrip("0123456789") for name in ids)
    assert kinds.pop("none") == kinds.pop("bird") == 6
    assert kinds.pop("cat") == 6
    assert kinds.total() == 6
    # The other way round the images of both are cats': 12 of 12 / 2.
    ids = pool_of(dict(SHAPE, dataset=config, order=("dog", "cat")))
    kinds = Counter(Path(name).stem.rstrip("0123456789") for name in ids)
    assert kinds["dog"] == 6
    assert kinds["cat"] + kinds["both"] == 6


def test_both_splits_are_of_one_pool_whatever_training_filters(
    tmp_path: Path, write_voc: Callable[..., dict]
) -> None:
    init_default_scope("mmdet")
    tiny = ("dog", 3, 3, 6, 6)
    images = {f"{i}": [BOXES["cat"], tiny][: 1 + i % 2] for i in range(8)}
    filters = dict(filter_empty_gt=True, min_size=32, bbox_min_size=8)
    config = dict(write_voc(tmp_path, images), filter_cfg=filters)
    shaped = dict(SHAPE, dataset=config, order=("cat", "dog"))
    pool = Pool(pool_of(shaped))
    pool.commit(pool.ids[:3], "initial", None)
    splits = [PoolDataset(shaped, pool, split) for split in ("labeled", "unlabeled")]
    found = [[s.get_data_info(i)["sample_id"] for i in range(len(s))] for s in splits]
    assert found == [pool.ids[:3], pool.ids[3:]]


def test_people_have_no_classes(tmp_path: Path, write_mpii: Callable[..., dict]) -> None:
    init_default_scope("mmpose")
    people = dict(write_mpii(tmp_path, [("000000001.jpg", (30, 40))]), pipeline=[])
    with pytest.raises(ValueError, match=r"joints .* no classes: LongTailed is for"):
        pool_of(dict(SHAPE, dataset=people))


@pytest.mark.parametrize("exponent", [-0.1, "1", float("nan"), float("inf")])
def test_exponents_that_cannot_be(exponent: object) -> None:
    with pytest.raises(ValueError, match=rf"'exponent' .* LongTailed .* Got '?{exponent}"):
        DATASETS.build(dict(SHAPE, dataset={}, exponent=exponent))


def test_an_order_is_of_all_classes(tmp_path: Path, write_voc: Callable[..., dict]) -> None:
    init_default_scope("mmdet")
    config = write_voc(tmp_path, {"a": [BOXES["cat"]]})
    for order in (("cat",), ("cat", "cow"), ("cat", "dog", "dog")):
        with pytest.raises(ValueError, match=r"'order' .* LongTailed must be .*'cat', 'dog'"):
            pool_of(dict(SHAPE, dataset=config, order=order))
