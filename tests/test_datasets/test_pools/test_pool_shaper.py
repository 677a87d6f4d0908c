"""What all shapers of pools have in common."""

from collections.abc import Callable
from pathlib import Path

import pytest
from mmengine.registry import DATASETS, init_default_scope

from mmal.datasets import PoolDataset
from mmal.datasets.pools import is_shaped, peel

CAT, DOG = ("cat", 5, 6, 25, 26), ("dog", 11, 2, 40, 38)
LONG_TAILED = dict(type="mmal.LongTailed", exponent=1.0)
REDUNDANT = dict(type="mmal.Redundant", copies=2)


@pytest.fixture
def voc(write_voc: Callable[..., dict], tmp_path: Path) -> dict:
    init_default_scope("mmdet")
    return write_voc(tmp_path / "voc", {f"{i}": [CAT, DOG][: 1 + i % 2] for i in range(8)})


def ids_of(config: dict, **kwargs) -> list[str]:
    return PoolDataset(config, split="unlabeled", **kwargs).pool.ids


def test_the_innermost_goes_first(voc: dict) -> None:
    """8 images, of cats alone 4: cut in half, and then copied, not the other way round."""
    inner = dict(LONG_TAILED, order=("cat", "dog"), dataset=voc)
    shapers, leaf = peel(dict(REDUNDANT, dataset=inner))
    assert [type(shaper).__name__ for shaper in shapers] == ["LongTailed", "Redundant"]
    assert leaf == voc
    assert len(ids_of(inner)) == 4 + 2
    assert len(ids_of(dict(REDUNDANT, dataset=inner))) == 3 * (4 + 2)


@pytest.mark.parametrize("kind", [LONG_TAILED, REDUNDANT])
def test_as_a_data_set_it_says_where_it_belongs(kind: dict, voc: dict) -> None:
    shaped = dict(kind, dataset=voc)
    shaper = DATASETS.build(shaped)
    with pytest.raises(TypeError, match=r"makes a pool inside mmal\.PoolDataset"):
        shaper.full_init()
    with pytest.raises(TypeError, match=r"makes a pool inside mmal\.PoolDataset"):
        len(shaper)
    for wrapper in (
        dict(type="RepeatDataset", times=2, dataset=shaped),
        dict(type="ClassBalancedDataset", oversample_thr=0.1, dataset=shaped),
        dict(type="ConcatDataset", datasets=[shaped]),
    ):
        with pytest.raises(TypeError, match=r"makes a pool inside mmal\.PoolDataset"):
            DATASETS.build(wrapper)


def test_wrappers_go_around_it(voc: dict, write_voc: Callable[..., dict], tmp_path: Path) -> None:
    other = write_voc(tmp_path / "voc", {"x": [CAT]}, sub_dir="more/")
    both = dict(type="ConcatDataset", datasets=[dict(REDUNDANT, dataset=voc), other])
    assert len(ids_of(both)) == 3 * 8 + 1
    assert len(ids_of(dict(type="RepeatDataset", times=2, dataset=both))) == 3 * 8 + 1
    plain = dict(type="ConcatDataset", datasets=[voc, other])
    with pytest.raises(TypeError, match=r"'dataset' .* Redundant .* Got a ConcatDataset instead"):
        PoolDataset(dict(REDUNDANT, dataset=plain), split="unlabeled")
    assert is_shaped(both)
    assert not is_shaped(plain)


@pytest.mark.parametrize("seed", [-1, 0.5, None, True])
def test_a_seed_is_a_number(seed: object) -> None:
    with pytest.raises(ValueError, match=rf"'seed' .* LongTailed must be .* Got {seed}"):
        DATASETS.build(dict(LONG_TAILED, dataset={}, seed=seed))


def test_seeds_and_their_likes(voc: dict) -> None:
    """The pool is that of the seed, whatever else was drawn, and of no other seed."""
    for kind in (LONG_TAILED, dict(REDUNDANT, size=9)):
        pools = [ids_of(dict(kind, dataset=voc, seed=seed)) for seed in range(6)]
        assert pools == [ids_of(dict(kind, dataset=voc, seed=seed)) for seed in range(6)]
        assert len({tuple(pool) for pool in pools}) > 1


@pytest.mark.parametrize("kind", [LONG_TAILED, REDUNDANT, dict(REDUNDANT, size=9, share=0.5)])
def test_the_order_of_the_file_does_not_matter(kind: dict, voc: dict) -> None:
    configs = [dict(kind, dataset=voc, seed=seed) for seed in range(5)]
    expected = [ids_of(config) for config in configs]
    path = Path(voc["data_root"], voc["ann_file"])
    path.write_text("".join(f"{i}\n" for i in (7, 4, 1, 6, 0, 3, 2, 5)))
    found = [ids_of(config) for config in configs]
    assert found != expected
    assert [sorted(ids) for ids in found] == [sorted(ids) for ids in expected]
