"""Draws one toy scene: articulated human figures in a procedural picture.

A figure is a posed skeleton with clothes, so its joints are exact. As in
:mod:`~mmal.datasets.toy.digit_scenes`, a scene is kept as layers; colours are RGB in [0, 1].
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.random import Generator

from mmal.datasets.toy.digit_scenes import Scene, Sprite
from mmal.datasets.toy.figure_painter import paint_figure
from mmal.datasets.toy.outfit import draw_outfit
from mmal.datasets.toy.poses import COMMON_POSES, Pose
from mmal.datasets.toy.scenery import THINGS, Stage, draw_seat, draw_shadow, draw_stage
from mmal.datasets.toy.skeleton import Body, draw_body

MIN_VISIBLE = 10
"""At least so many joints of the first figure are visible."""
NEAR_SHARE = 0.3  # share of the bystanders that stand in front of the first figure


@dataclass(frozen=True)
class FigureStyle:
    """What a kind of scene looks like; ranges are inclusive, heights shares of the side."""

    poses: tuple[Pose, ...]
    height: tuple[float, float]  # standing height of the figure that the scene is about
    wobble: float  # standard deviation of the joint angles in degrees
    elevation: tuple[float, float]  # angle in degrees from which the viewer looks down
    camouflage: tuple[float, float]  # how much figures take on the colours behind them, in [0, 1]
    cut: float  # largest share of the figure that is beyond an edge of the picture
    bystanders: tuple[int, int]  # how many other figures, behind and in front
    clutter: tuple[int, int]  # how many things stand behind the figure
    occluders: tuple[int, int]  # how many things stand in front of it, unless they hide too much
    grain: float  # standard deviation of the film grain, for colours in [0, 1]


class Figure(NamedTuple):
    """One person in the picture.

    A joint is visible unless something else is in front of it or it is beyond the picture. Behind
    the figure itself it counts as visible: MPII annotates it.
    """

    joints: np.ndarray  # [16, 2] in pixels
    visible: np.ndarray  # bool [16]
    head_box: tuple[float, float, float, float]  # may exceed the picture
    height: float  # standing height in pixels
    layer: int  # index of its sprite


def draw_figure_scene(rng: Generator, style: FigureStyle, size: int) -> tuple[Scene, list[Figure]]:
    """Draw a random scene with at least one figure.

    Args:
        rng: Source of all randomness.
        style: What to draw.
        size: Side S of the square image in pixels.

    Returns:
        The picture in layers and the figures in it, first the one whom the scene is about.
    """
    stage = draw_stage(rng, size)
    elevation, camouflage = rng.uniform(*style.elevation), rng.uniform(*style.camouflage)
    hero = draw_body(rng, rng.choice(style.poses), style.wobble, elevation)
    hero = _place(rng, hero, stage, size * rng.uniform(*style.height), style.cut)
    behind, before = [], []
    for _ in range(rng.integers(*style.clutter, endpoint=True)):
        behind.append(_draw_thing(rng, stage, hero, near=False))
    for _ in range(rng.integers(*style.bystanders, endpoint=True)):
        other = draw_body(rng, rng.choice(COMMON_POSES), style.wobble, elevation)
        near = rng.random() < NEAR_SHARE
        other = _place_beside(rng, other, stage, hero, near)
        (before if near else behind).append(_paint(rng, other, stage, camouflage))
    for _ in range(rng.integers(*style.occluders, endpoint=True)):
        before.append(_draw_thing(rng, stage, hero, near=True))
    middle = _paint(rng, hero, stage, camouflage)
    for groups in (behind, before):
        groups.sort(key=lambda group: group.floor)
    while before:
        hiding = [sprite for group in before for sprite in group.sprites]
        if find_visible(hero.joints(), hiding, size).sum() >= MIN_VISIBLE:
            break
        before.pop()
    tint = (rng.uniform(0.82, 1.06) * rng.uniform(0.94, 1.06, 3)).astype(np.float32)
    grain = rng.normal(0, style.grain, (size, size, 1)).astype(np.float32)
    sprites, bodies = [], []
    for group in (*behind, middle, *before):
        sprites += group.sprites
        if group.body is not None:
            bodies.append((group.body, len(sprites) - 1))
    figures = []
    for body, layer in sorted(bodies, key=lambda pair: pair[0] is not hero):
        visible = find_visible(body.joints(), sprites[layer + 1 :], size)
        figures.append(Figure(body.joints(), visible, body.head_box(), body.height, layer))
    tinted = tuple(replace(sprite, paint=sprite.paint * tint) for sprite in sprites)
    return Scene(stage.canvas * tint, tinted, grain), figures


def find_visible(joints: np.ndarray, sprites: Sequence[Sprite], size: int) -> np.ndarray:
    """Tell which joints [16, 2] are in the picture and not behind the sprites, as bool [16]."""
    columns, rows = np.rint(joints).astype(int).T
    inside = (np.minimum(columns, rows) >= 0) & (np.maximum(columns, rows) < size)
    columns, rows = columns.clip(0, size - 1), rows.clip(0, size - 1)
    clear = np.ones(len(joints), dtype=np.float32)
    for sprite in sprites:
        if sprite.alpha.max() > 0.5:  # a shadow hides nothing
            clear *= 1 - sprite.alpha[rows, columns]  # all are as large as the picture
    return inside & (clear > 0.5)


class _Group(NamedTuple):
    """Sprites that belong together, a figure last; ``floor`` is the row it stands on."""

    sprites: list[Sprite]
    floor: float
    body: Body | None = None


def _place(rng: Generator, body: Body, stage: Stage, height: float, cut: float) -> Body:
    """Put a body of a height somewhere on the floor, perhaps partly beyond the picture."""
    size = stage.size
    start, stop = body.corners()
    room = size * (1.15 if cut else 0.96)
    height = min(height, room / (stop - start).max())
    extent = height * (stop - start)
    margin = 0.02 * size
    low, high = np.sort([np.full(2, margin), size - margin - extent], axis=0)
    floor = max(rng.uniform(0.8, 0.98) * size, stage.horizon + 0.06 * size)
    if body.pose.airborne:
        floor -= rng.uniform(0.04, 0.12) * height
    corner = np.array([rng.uniform(low[0], high[0]), floor - extent[1]]).clip(low, high)
    if cut and rng.random() < 0.5:
        beyond = rng.uniform(0, cut) * extent
        axis = rng.integers(2)  # at the bottom or at a side
        corner[axis] = rng.choice((-beyond, size - extent + beyond)[axis:])[axis]
    while True:
        placed = body._replace(height=height, origin=tuple((corner - height * start).tolist()))
        if find_visible(placed.joints(), (), size).sum() >= MIN_VISIBLE:
            return placed
        corner = 0.8 * corner + 0.2 * (size - extent) / 2


def _place_beside(rng: Generator, body: Body, stage: Stage, hero: Body, near: bool) -> Body:
    """Put a bystander beside a figure: behind it and smaller, or in front of it and larger."""
    size = stage.size
    x, floor = hero.origin[0], min(hero.corners()[1, 1], 0.98 * size)
    ratio = rng.uniform(1.0, 1.2) if near else rng.uniform(0.6, 0.92)
    height = ratio * min(max(hero.height, 0.4 * size), 0.8 * size)
    floor = stage.horizon + max(ratio, 0.3) * (floor - stage.horizon)
    side = 1 if x < size * rng.uniform(0.3, 0.7) else -1
    x += side * height * (rng.uniform(0.25, 0.42) if near else rng.uniform(0.22, 0.6))
    y = floor - height * body.corners()[1, 1]
    return body._replace(height=height, origin=(float(x), float(y)))


def _paint(rng: Generator, body: Body, stage: Stage, camouflage: float) -> _Group:
    """Dress and paint a body, with its shadow on the floor and what it sits on."""
    corners = body.corners()
    ground = corners[1, 1] + (0.08 if body.pose.airborne else -0.02) * body.height
    sprites = [draw_shadow(body, ground, stage.size)]
    if body.pose.seat:
        sprites.append(draw_seat(rng, body, ground, stage.size))
    (left, top), (right, bottom) = np.rint(corners).astype(int).clip(0, stage.size)
    behind = stage.canvas[top:bottom, left:right].reshape(-1, 3)
    colour = behind.mean(axis=0) if len(behind) else stage.palette[0]
    outfit = draw_outfit(rng, body.pose, colour, camouflage)
    sprites.append(paint_figure(body, outfit, stage.light, stage.size))
    return _Group(sprites, ground, body)


def _draw_thing(rng: Generator, stage: Stage, hero: Body, *, near: bool) -> _Group:
    """Draw something that stands behind or in front of a figure."""
    feet = np.clip(hero.corners()[1, 1], stage.horizon, stage.size)
    if near:
        x = rng.choice(hero.joints())[0] + rng.normal(0, 0.06) * hero.height
        y = feet + rng.uniform(0.01, 0.08) * hero.height
    else:
        x = rng.uniform(0, stage.size)
        y = rng.uniform(stage.horizon + 0.2 * (feet - stage.horizon), feet)
    away = (y - stage.horizon) / max(feet - stage.horizon, 1)
    unit = np.clip(away, 0.4, 1.2) * max(hero.height, 0.5 * stage.size)
    return _Group([rng.choice(THINGS)(rng, stage, np.array([x, y]), unit)], y)
