"""Tests of the scenes. Boxes are checked against what drawing a digit changes in the picture."""

import random
from dataclasses import replace

import cv2
import numpy as np
import pytest

from mmal.datasets.toy.digit_scenes import (
    FIELD_SIDE,
    MAX_OVERLAP,
    Scene,
    SceneStyle,
    Sprite,
    draw_scene,
)

SIZE = 128
PLAIN = SceneStyle(
    digits=(1, 1),
    height=(0.2, 0.4),
    tilt=20,
    shear=0.2,
    contrast=(0.4, 0.6),
    shadow=0.4,
    spread=(0, 0.2),
    distractors=(0, 0),
    occluders=(0, 0),
    grain=0.01,
    frequencies=(0.5, 0.5),
)
CLUTTERED = replace(
    PLAIN, digits=(3, 6), height=(0.13, 0.25), shadow=0, distractors=(1, 5), occluders=(1, 3)
)


@pytest.fixture(scope="module")
def glyphs() -> list[np.ndarray]:
    """Two classes with one sample each: a ring and a bar, soft as height fields are."""
    ring, bar = np.zeros((2, FIELD_SIDE, FIELD_SIDE), dtype=np.float32)
    cv2.circle(ring, (48, 48), 25, 1.0, 10)
    cv2.line(bar, (48, 20), (48, 76), 1.0, 10)
    return [cv2.GaussianBlur(field, (0, 0), 3)[None] for field in (ring, bar)]


def draw(glyphs: list[np.ndarray], style: SceneStyle, seed: int) -> Scene:
    return draw_scene(np.random.default_rng(seed), glyphs, style, SIZE)


@pytest.mark.parametrize("style", [PLAIN, CLUTTERED])
def test_seed_alone_decides_and_the_global_random_state_is_left_alone(glyphs, style):
    np.random.seed(0)
    random.seed(0)
    numpy_state, python_state = np.random.get_state(), random.getstate()
    expected = draw(glyphs, style, 5)

    np.testing.assert_array_equal(np.random.get_state()[1], numpy_state[1])
    assert random.getstate() == python_state
    np.random.seed(1)
    random.seed(1)
    again, other = draw(glyphs, style, 5), draw(glyphs, style, 4)
    np.testing.assert_array_equal(again.render(), expected.render())
    assert again.digits() == expected.digits()
    assert (other.render() != expected.render()).any()


@pytest.mark.parametrize("seed", range(20))
def test_box_is_exactly_where_the_digit_changes_the_picture(glyphs, seed):
    scene = draw(glyphs, PLAIN, seed)
    (digit,) = scene.digits()
    (index,) = [i for i, sprite in enumerate(scene.sprites) if sprite.label is not None]

    with_digit, without = scene.render().astype(int), scene.render(skip=index).astype(int)
    # A fifth of the ink's opacity times a contrast of 0.4 is 20 grey levels at the faintest rim.
    rows, columns = np.nonzero(np.abs(with_digit - without).max(axis=-1) > 3)

    changed = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    assert digit.box == changed
    assert not digit.difficult


@pytest.mark.parametrize("seed", range(10))
def test_boxes_lie_inside_and_hardly_overlap(glyphs, seed):
    boxes = np.array([digit.box for digit in draw(glyphs, CLUTTERED, seed).digits()])

    assert 1 <= len(boxes) <= 6
    assert boxes.min() >= 0
    assert boxes.max() <= SIZE
    sides = boxes[:, 2:] - boxes[:, :2]
    for i, j in zip(*np.triu_indices(len(boxes), 1), strict=True):
        shared = np.minimum(boxes[i, 2:], boxes[j, 2:]) - np.maximum(boxes[i, :2], boxes[j, :2])
        assert shared.clip(0).prod() <= MAX_OVERLAP * sides[[i, j]].prod(axis=1).min()


def test_upright_digits_have_the_height_asked_for(glyphs):
    style = replace(PLAIN, tilt=0, shear=0, height=(0.25, 0.25))

    for seed in range(5):
        (digit,) = draw(glyphs, style, seed).digits()
        assert digit.box[3] - digit.box[1] == pytest.approx(0.25 * SIZE, abs=1.5)


def test_frequencies_choose_the_class(glyphs):
    style = replace(CLUTTERED, frequencies=(0, 1))

    assert {digit.label for digit in draw(glyphs, style, 0).digits()} == {1}


def test_decoration_is_not_annotated(glyphs):
    style = replace(PLAIN, shadow=0, distractors=(2, 2), occluders=(3, 3))
    scene = draw(glyphs, style, 0)

    labels = [sprite.label is not None for sprite in scene.sprites]
    # Back to front: the digit, two letters, three strands.
    assert labels == [True, False, False, False, False, False]
    assert len(scene.digits()) == 1


def test_shadow_is_not_part_of_the_digit(glyphs):
    with_shadow, without = (draw(glyphs, replace(PLAIN, shadow=s), 2) for s in (0.4, 0))

    assert with_shadow.digits() == without.digits()
    assert with_shadow.render().mean() < without.render().mean()


def test_difficult_is_what_one_can_hardly_see():
    canvas = np.full((SIZE, SIZE, 3), 0.5, dtype=np.float32)
    square = np.ones((20, 10), dtype=np.float32)
    bright, faint = np.full(3, 0.9, np.float32), np.full(3, 0.55, np.float32)
    sprites = (
        Sprite(square, bright, left=5, top=6, label=0),
        Sprite(square, faint, left=40, top=6, label=1),
        Sprite(square, bright, left=70, top=6, label=0),
        Sprite(square, bright, left=70, top=6),  # hides the third digit
    )
    digits = Scene(canvas, sprites, np.zeros((SIZE, SIZE, 1), np.float32)).digits()

    assert [digit.label for digit in digits] == [0, 1, 0]
    assert [digit.difficult for digit in digits] == [False, True, True]
    assert digits[0].box == (5, 6, 15, 26)
