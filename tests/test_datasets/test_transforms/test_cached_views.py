"""By what a sample is known again."""

from pathlib import Path

import numpy as np
import pytest
import torch

from mmal.datasets import CachedViews


@pytest.fixture
def views(tmp_path: Path) -> CachedViews:
    return CachedViews([dict(type="mmal.VaryImage")], str(tmp_path / "store.sqlite"), views=2)


RAW = np.arange(60, dtype=np.float32)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (RAW.reshape(4, 15), RAW.reshape(5, 12)),
        (np.zeros(4, np.int32), np.zeros(4, np.float32)),
        (torch.arange(2000), torch.arange(2000).where(torch.arange(2000) != 1000, 7)),
        (np.array(["a", [1, 2]], object), np.array(["a", [1, 3]], object)),
        ([dict(bbox=[1, 2])], [dict(bbox=[1, 3])]),
        (Path("a"), Path("b")),
        ({1, 2}, {1, 3}),
        (1, True),
    ],
)
def test_what_differs_has_other_keys(views: CachedViews, one: object, other: object) -> None:
    first, second = (views.keys(dict(img_path="a.jpg", said=said)) for said in (one, other))
    assert len(set(first + second)) == 4


@pytest.mark.parametrize(
    "make",
    [
        lambda: np.asfortranarray(RAW.reshape(4, 15)),
        lambda: RAW.reshape(15, 4).T,
        lambda: np.array(["a", "b", [1, 2]], object),
        lambda: torch.arange(5),
        lambda: np.float32(3),
        lambda: {"b", "a", "c"},
        lambda: [("a" + str(i), 2.5, None) for i in (1, 1)],
    ],
)
def test_what_is_equal_has_equal_keys(views: CachedViews, make) -> None:
    first, second = (
        views.keys(dict(said=make(), sample_idx=i, dataset=object())) for i in range(2)
    )
    assert first == second
    same = "x1"
    assert views.keys(dict(a=[same, same])) == views.keys(dict(a=["x" + "1", "x" + str(1)]))


def test_the_order_of_what_is_said_does_not_matter(views: CachedViews) -> None:
    assert views.keys(dict(a=1, b=RAW)) == views.keys(dict(b=RAW, a=1))


def test_files_that_change_are_other_samples(views: CachedViews, tmp_path: Path) -> None:
    keys = []
    for content in ("1", "22"):
        (tmp_path / "mask.png").write_text(content)
        keys += views.keys(dict(seg_map_path=str(tmp_path / "mask.png")))
    assert len(set(keys)) == 4


def test_what_cannot_be_told_apart_is_refused(views: CachedViews) -> None:
    with pytest.raises(ValueError, match=r"says <object object at .*> of a sample \(extra\.it\)"):
        views.keys(dict(extra=dict(it=object())))
