"""Near-duplicates of images."""

from collections.abc import Callable

import numpy as np
import pytest
from mmengine.registry import TRANSFORMS

from mmal.datasets import VaryImage


def smooth(size: int = 64, dtype: type = np.uint8) -> np.ndarray:
    """An image as smooth as photos are: gradients of other directions in each channel."""
    x, y = np.meshgrid(np.linspace(20, 200, size), np.linspace(30, 220, size))
    return np.stack([x, y, (x + y) / 2], axis=-1).astype(dtype)


def copy_of(img: np.ndarray, name: str = "VOC2007/1~1", **kwargs) -> np.ndarray:
    results = dict(img=img, sample_id=name, variant=1, img_shape=img.shape[:2])
    return VaryImage(**kwargs)(results)["img"]


def difference(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one.astype(float) - other.astype(float)).mean())


def test_images_that_are_no_copies_are_left_alone() -> None:
    results = dict(img=smooth(), sample_id="VOC2007/1", img_path="1.jpg")
    expected = {**results, "img": results["img"].copy()}
    found = TRANSFORMS.build(dict(type="mmal.VaryImage"))(results)
    assert found.keys() == expected.keys()
    assert np.array_equal(found["img"], expected["img"])


@pytest.mark.parametrize("size", [32, 200])
def test_copies_differ_a_little(size: int) -> None:
    """In the mean by 1 to 15 of 255: contrast and brightness do 10 and 8, the rest a few."""
    img = smooth(size)
    copies = [copy_of(img, f"{i}~1") for i in range(20)]
    for i, made in enumerate(copies):
        assert made.shape == img.shape
        assert made.dtype == img.dtype
        assert 0.5 < difference(made, img) < 15
        assert all(difference(made, other) > 0.2 for other in copies[:i])


def test_nothing_moves() -> None:
    """What is bright stays where it is: the middle of a square is found where it was."""
    img = np.full((60, 60, 3), 40, np.uint8)
    img[20:31, 35:46] = 220
    for i in range(10):
        rows, columns = np.nonzero(copy_of(img, f"{i}~1")[..., 1] > 130)
        assert (rows.mean(), columns.mean()) == pytest.approx((25, 40), abs=0.1)
        assert len(rows) == pytest.approx(121, abs=12)


def test_a_copy_is_always_the_same_and_another_one_is_another() -> None:
    img = smooth()
    np.random.seed(0)
    first = copy_of(img)
    np.random.seed(1)
    assert np.array_equal(copy_of(img), first)
    assert not np.array_equal(copy_of(img, "VOC2007/1~2"), first)
    assert not np.array_equal(copy_of(img, "VOC2007/2~1"), first)


def test_the_given_image_is_not_written_to() -> None:
    img = smooth()
    results = dict(img=img, sample_id="a~1", variant=1)
    VaryImage()(results)
    assert results["img"] is img
    assert np.array_equal(img, smooth())


def test_a_greater_strength_changes_more() -> None:
    img = smooth()

    def mean_change(strength: float) -> float:
        return np.mean([difference(copy_of(img, f"{i}~1", strength=strength), img) for i in "abcd"])

    assert mean_change(0) < 1  # compression alone
    assert mean_change(0) < mean_change(0.5) < mean_change(1) < mean_change(4)


@pytest.mark.parametrize(
    "make",
    [
        lambda: smooth(dtype=np.float32),
        lambda: smooth()[..., 0],
        lambda: smooth()[..., :1],
        lambda: smooth(1),
    ],
    ids=["float", "grey", "one channel", "one pixel"],
)
def test_other_images_keep_their_shape_and_type(make: Callable[[], np.ndarray]) -> None:
    img = make()
    made = copy_of(img)
    assert (made.shape, made.dtype) == (img.shape, img.dtype)
    assert difference(made, img) < 20


@pytest.mark.parametrize("strength", [-0.1, 4.1, float("nan")])
def test_strengths_that_cannot_be(strength: float) -> None:
    with pytest.raises(ValueError, match=rf"'strength' .* VaryImage .* Got {strength}"):
        VaryImage(strength=strength)
