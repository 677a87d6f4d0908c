"""Tests of the scenes. Visibility is checked against what decides the pixels of the picture."""

import random
from dataclasses import replace

import numpy as np
import pytest

from mmal.datasets.toy.digit_scenes import Scene, Sprite
from mmal.datasets.toy.figure_scenes import (
    MIN_VISIBLE,
    Figure,
    FigureStyle,
    draw_figure_scene,
    find_visible,
)
from mmal.datasets.toy.poses import COMMON_POSES, RARE_POSES
from mmal.datasets.toy.skeleton import JOINTS

SIZE = 128
PLAIN = FigureStyle(
    poses=COMMON_POSES,
    height=(0.6, 0.8),
    wobble=5,
    elevation=(0, 10),
    camouflage=(0, 0),
    cut=0,
    bystanders=(0, 0),
    clutter=(0, 0),
    occluders=(0, 0),
    grain=0,
)
CLUTTERED = replace(
    PLAIN, poses=RARE_POSES, bystanders=(1, 2), clutter=(1, 3), occluders=(1, 2), cut=0.3
)


def draw(style: FigureStyle, seed: int) -> tuple[Scene, list[Figure]]:
    return draw_figure_scene(np.random.default_rng(seed), style, SIZE)


def get_share(scene: Scene, layer: int) -> np.ndarray:
    """How much of each pixel [S, S] a sprite decides, from pictures with it in white and black."""
    pictures = []
    for tone in (1, 0):
        sprites = list(scene.sprites)
        sprites[layer] = replace(sprites[layer], paint=np.full(3, tone, np.float32))
        picture = replace(scene, sprites=tuple(sprites)).render()
        pictures.append(picture[..., 0].astype(float))
    return (pictures[0] - pictures[1]) / 255


@pytest.mark.parametrize("style", [PLAIN, CLUTTERED])
def test_seed_alone_decides_and_the_global_random_state_is_left_alone(style):
    np.random.seed(0)
    random.seed(0)
    numpy_state, python_state = np.random.get_state(), random.getstate()
    expected, (figure, *_) = draw(style, 5)

    np.testing.assert_array_equal(np.random.get_state()[1], numpy_state[1])
    assert random.getstate() == python_state
    np.random.seed(1)
    random.seed(1)
    (again, (same, *_)), (other, _) = draw(style, 5), draw(style, 4)
    np.testing.assert_array_equal(again.render(), expected.render())
    np.testing.assert_array_equal(same.joints, figure.joints)
    assert (other.render() != expected.render()).any()


@pytest.mark.parametrize("seed", range(12))
def test_visible_joints_show_the_figure_and_hidden_ones_something_else(seed):
    scene, figures = draw(CLUTTERED, seed)
    assert len(figures) >= 2

    for figure in figures:
        share = get_share(scene, figure.layer)
        for name, place, visible in zip(JOINTS, figure.joints, figure.visible, strict=True):
            column, row = np.rint(place).astype(int)
            if not (0 <= column < SIZE and 0 <= row < SIZE):
                assert not visible
            elif not visible:
                assert share[row, column] <= 0.51
            elif name != "head_top":  # it is on the rim, where opacity falls to nothing
                assert share[row, column] > 0.45


@pytest.mark.parametrize("seed", range(6))
def test_without_others_and_uncut_all_is_visible(seed):
    _, (figure, *others) = draw(PLAIN, seed)

    assert not others
    assert figure.visible.all()
    assert 0.55 * SIZE < figure.height <= 0.8 * SIZE
    assert np.ptp(figure.joints, axis=0).max() > 0.5 * figure.height


def test_hard_scenes_hide_joints_but_not_too_many():
    heroes = [draw(CLUTTERED, seed)[1][0] for seed in range(30)]
    visible = np.array([figure.visible for figure in heroes])
    joints = np.array([figure.joints for figure in heroes])
    outside = (np.rint(joints) < 0).any(axis=-1) | (np.rint(joints) >= SIZE).any(axis=-1)

    assert visible.sum(axis=1).min() >= MIN_VISIBLE
    assert outside.any(axis=1).mean() > 0.1  # cut off by the edge
    assert (~visible & ~outside).any(axis=1).mean() > 0.3  # behind something


def test_find_visible():
    joints = np.array([(0, 0), (9, 9), (-0.6, 5), (5, 9.6), (5, 5), (2, 5), (7.4, 5)])
    covers = np.zeros((3, 10, 10), np.float32)
    covers[0, :, 5:7], covers[1], covers[2, :, :4] = 0.9, 0.5, 0.51
    wall, shadow, glass = (Sprite(cover, np.zeros(3, np.float32)) for cover in covers)

    inside = [True, True, False, False, True, True, True]
    np.testing.assert_array_equal(find_visible(joints, [], 10), inside)
    np.testing.assert_array_equal(find_visible(joints, [shadow, shadow], 10), inside)
    np.testing.assert_array_equal(
        find_visible(joints, [wall, glass], 10), [False, True, False, False, False, False, True]
    )


def test_camouflage_lowers_the_contrast():
    changes = []
    for camouflage in (0, 0.7):
        style = replace(PLAIN, camouflage=(camouflage, camouflage))
        contrast = []
        for seed in range(8):
            scene, (figure,) = draw(style, seed)
            without = scene.render(skip=figure.layer)
            change = np.abs(scene.render().astype(float) - without).mean(axis=-1)
            contrast.append(change[change > 0].mean())
        changes.append(np.mean(contrast))

    assert changes[1] < 0.75 * changes[0]
