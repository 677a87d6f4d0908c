"""Draws where toy figures are: rooms, streets, meadows, and the things that stand about.

Colours are RGB in [0, 1]; ``foot`` is the place [2] where a thing stands and ``unit`` the height
that a person would have there, both in pixels.
"""

import colorsys
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import cv2
import numpy as np
from numpy.random import Generator

from mmal.datasets.toy.digit_scenes import SUPERSAMPLING, Sprite
from mmal.datasets.toy.figure_painter import Easel, Limb
from mmal.datasets.toy.outfit import SKIN_TONES, Cloth, draw_dye
from mmal.datasets.toy.skeleton import Body
from mmal.datasets.toy.textures import (
    TEXTURES,
    checks,
    clouds,
    colour_field,
    draw_colour,
    ramp,
    smooth_step,
    stripes,
)


class Stage(NamedTuple):
    """Where a scene plays."""

    canvas: np.ndarray  # [S, S, 3]
    horizon: float  # row where the floor begins
    palette: np.ndarray  # [3, 3]
    light: np.ndarray  # direction [3] to the light, of length 1

    @property
    def size(self) -> int:
        """Side of the picture in pixels."""
        return len(self.canvas)


def draw_stage(rng: Generator, size: int) -> Stage:
    """Draw the place: a room, a street, a meadow or a studio."""
    light = np.array([rng.choice((-0.5, 0.5)), -0.6, 0.65]) + rng.normal(0, 0.1, 3)
    middle = rng.uniform((0, 0.1, 0.4), (1, 0.5, 0.9))
    hsv = middle + rng.uniform(0.15, 0.6) * rng.uniform(-0.5, 0.5, (3, 3))
    palette = np.array([colorsys.hsv_to_rgb(h % 1, *np.clip(sv, 0.03, 0.95)) for h, *sv in hsv])
    horizon = rng.uniform(0.5, 0.74) * size
    draw = rng.choice((_draw_room, _draw_street, _draw_meadow, _draw_studio))
    glow = 1.06 - 0.22 * rng.random() * ramp(rng, size)[..., None]
    canvas = (draw(rng, palette, horizon, size) * glow).clip(0, 1).astype(np.float32)
    return Stage(canvas, horizon, palette, light / np.linalg.norm(light))


def draw_seat(rng: Generator, body: Body, ground: float, size: int) -> Sprite:
    """Draw the box that a figure sits on."""
    unit, colour = body.height, draw_dye(rng)
    x, y = body.at("pelvis")
    y += 0.055 * unit
    side = _box(x - 0.12 * unit, y, x + 0.12 * unit, max(ground, y + 0.05 * unit))
    lid = _box(x - 0.14 * unit, y - 0.02 * unit, x + 0.14 * unit, y + 0.03 * unit)
    return _stamp([(side, 0.7 * colour), (lid, colour)], size)


def draw_shadow(body: Body, ground: float, size: int) -> Sprite:
    """Draw the soft shadow on the floor, a row, below what is low of a figure."""
    ends = np.stack([body.at(name) for name in body.points])
    columns = ends[ends[:, 1] > ends[:, 1].max() - 0.12 * body.height, 0]
    y, x = np.mgrid[:size, :size].astype(np.float32)
    middle, width = (columns.min() + columns.max()) / 2, np.ptp(columns) / 2 + 0.09 * body.height
    level = np.hypot((x - middle) / width, (y - ground) / (0.05 * body.height))
    return Sprite(0.45 * smooth_step(1 - level), np.zeros(3, dtype=np.float32))


def draw_crate(rng: Generator, stage: Stage, foot: np.ndarray, unit: float) -> Sprite:
    """Draw a wooden crate, seen from the front and a little from above."""
    width, height = unit * rng.uniform((0.25, 0.2), (0.5, 0.42))
    wood = draw_colour(rng, (0.04, 0.12), (0.3, 0.6), (0.5, 0.9))
    left, top, skew = foot[0] - width / 2, foot[1] - height, rng.uniform(-0.15, 0.15) * width
    lid = _box(left, top - 0.25 * height, left + width, top)
    lid[:2, 0] += skew
    shapes = [(lid, 1.15 * wood), (_box(left, top, left + width, foot[1]), 0.5 * wood)]
    rows = np.linspace(top, foot[1], int(rng.integers(3, 6)))
    for upper, lower in pairwise(rows):
        plank = _box(left, upper + 0.03 * width, left + width, lower)
        shapes.append((plank, rng.uniform(0.75, 0.95) * wood))
    for edge in (left, left + 0.87 * width):
        shapes.append((_box(edge, top, edge + 0.13 * width, foot[1]), 0.9 * wood))
    return _stamp(shapes, stage.size)


def draw_plant(rng: Generator, stage: Stage, foot: np.ndarray, unit: float) -> Sprite:
    """Draw a plant in a pot."""
    x, y = foot
    half, rim = unit * rng.uniform((0.06, 0.1), (0.1, 0.18))
    clay = draw_colour(rng, (0, 1), (0.1, 0.6), (0.4, 0.9))
    green = draw_colour(rng, (0.2, 0.42), (0.4, 0.8), (0.6, 0.9))
    shapes, t = [], np.linspace(0, 1, 9)[:, None]
    for _ in range(rng.integers(9, 17)):
        angle, length = rng.normal(0, 0.6), rng.uniform(0.18, 0.42) * unit
        along = np.array([np.sin(angle), -np.cos(angle)])
        droop = np.array([0.3 * along[0], 0.3 * abs(along[0])])
        spine = length * (t * along + t * t * droop) + (x, y - rim)
        width = rng.uniform(0.07, 0.13) * length * np.sin(np.pi * t**0.8)
        edge = width * (-along[1], along[0])
        leaf = np.concatenate([spine + edge, (spine - edge)[::-1]])
        shapes.append((leaf, rng.uniform(0.45, 1.05) * green))
    pot = _box(x - half, y - rim, x + half, y)
    pot[2:, 0] += 0.3 * half * np.array([-1, 1])
    brim = _box(x - 1.1 * half, y - rim, x + 1.1 * half, y - 0.8 * rim)
    return _stamp([*shapes, (pot, 0.8 * clay), (brim, clay)], stage.size)


def draw_fence(rng: Generator, stage: Stage, foot: np.ndarray, unit: float) -> Sprite:
    """Draw a low fence."""
    x, y = foot
    half, height, bar = unit * rng.uniform((0.4, 0.22, 0.012), (0.9, 0.4, 0.022))
    colour, shapes = draw_dye(rng), []
    for rail in (y - 0.35 * height, y - 0.85 * height):
        shapes.append((_box(x - half, rail - bar, x + half, rail + bar), 0.8 * colour))
    for post in np.linspace(x - half, x + half, int(rng.integers(4, 8))):
        shapes.append((_box(post - bar, y - height, post + bar, y), colour))
    return _stamp(shapes, stage.size)


def draw_pole(rng: Generator, stage: Stage, foot: np.ndarray, unit: float) -> Sprite:
    """Draw a pole that reaches beyond the picture."""
    base, accent = draw_dye(rng).astype(np.float32), draw_dye(rng).astype(np.float32)
    cloth = Cloth(base, accent, rng.choice(("plain", "plain", "hoops")), rng.uniform(0.15, 0.4))
    knots = np.stack([foot, (foot[0] + rng.normal(0, 0.08) * stage.size, -0.2 * stage.size)])
    easel = Easel(stage.size, stage.light)
    easel.paint_limb(_make_stick(knots, np.full(2, rng.uniform(0.02, 0.045) * unit), cloth), unit)
    return easel.sprite()


def draw_branches(rng: Generator, stage: Stage, foot: np.ndarray, unit: float) -> Sprite:
    """Draw crooked branches that could be taken for arms and legs."""
    easel = Easel(stage.size, stage.light)
    bark = (rng.choice(SKIN_TONES) / 255 * rng.uniform(0.6, 1)).astype(np.float32)
    for _ in range(rng.integers(1, 4)):
        angles = rng.normal(0, 0.5) + rng.normal(0, (0, 0.7))
        steps = np.stack([np.sin(angles), -np.cos(angles)], axis=1)
        knots = np.cumsum([foot, *(steps * unit * rng.uniform(0.15, 0.3, (2, 1)))], axis=0)
        radii = unit * rng.uniform(0.02, 0.04) * np.array([1, 0.8, 0.55])
        easel.paint_limb(_make_stick(knots, radii, Cloth(bark, bark)), unit)
    return easel.sprite()


THINGS = (draw_crate, draw_plant, draw_fence, draw_pole, draw_branches)


def _draw_room(rng: Generator, palette: np.ndarray, horizon: float, size: int) -> np.ndarray:
    """Draw a wall with paper and pictures, and a floor of boards or tiles."""
    paper = rng.choice(TEXTURES)(rng, size)
    canvas = colour_field(0.5 + rng.uniform(0.15, 0.6) * (paper - 0.5), palette)
    wood = draw_colour(rng, (0.03, 0.13), (0.2, 0.6), (0.45, 0.9))
    boards = rng.choice((stripes, checks))(rng, size)
    _lay_floor(canvas, wood * (0.7 + 0.3 * boards + 0.2 * clouds(rng, size))[..., None], horizon)
    shapes = [(_box(-1, horizon - 0.025 * size, size, horizon), 0.5 * wood + 0.45)]
    for _ in range(rng.integers(0, 4)):
        x, y, w, h = size * rng.uniform((0, 0.03, 0.12, 0.12), (0.85, 0.3, 0.3, 0.3))
        h = min(h, horizon - y - 0.05 * size)
        frame, pane, hill = (draw_dye(rng) for _ in range(3))
        inner = _box(x + 2, y + 2, x + w - 2, y + h - 2)
        peak = np.array([x + w * rng.uniform(0.1, 0.9), y + h * rng.uniform(0.3, 0.7)])
        shapes += [(_box(x, y, x + w, y + h), frame), (inner, pane)]
        shapes.append((np.stack([inner[3], inner[2], peak]), hill))
    _overlay(canvas, shapes)
    return canvas


def _draw_street(rng: Generator, palette: np.ndarray, horizon: float, size: int) -> np.ndarray:
    """Draw houses with windows along a pavement."""
    canvas, shapes = _draw_sky(rng, size), []
    left = rng.uniform(-0.15, 0) * size
    while left < size:
        width, height = size * rng.uniform((0.18, 0.25), (0.4, 0.65))
        wall = rng.choice(palette) * rng.uniform(0.75, 1.15)
        shapes.append((_box(left, horizon - height, left + width, horizon), wall))
        glass = draw_colour(rng, (0.1, 0.65), (0.1, 0.4), (0.25, 0.9))
        columns, rows = rng.integers((2, 3), (5, 7))
        share = rng.uniform(0.35, 0.65, 2)
        for place in np.ndindex(columns, rows):
            pane = np.array([width / columns, -height / rows])
            corner = (left, horizon) + (np.array(place) + 0.5 - share / 2) * pane
            shapes.append((_box(*corner, *(corner + share * pane)), glass * rng.uniform(0.8, 1.1)))
        left += width * rng.uniform(1, 1.1)
    _overlay(canvas, shapes)
    grey = draw_colour(rng, (0, 1), (0.02, 0.12), (0.5, 0.85))
    pattern = rng.choice((checks, clouds))(rng, size)
    _lay_floor(canvas, grey * (0.85 + 0.25 * pattern)[..., None], horizon)
    return canvas


def _draw_meadow(rng: Generator, palette: np.ndarray, horizon: float, size: int) -> np.ndarray:
    """Draw hills and trees behind grass or sand."""
    canvas, shapes = _draw_sky(rng, size), []
    x, hue = np.linspace(-0.02, 1.02, 40), rng.uniform(0.1, 0.36)
    for layer in range(3):
        waves = sum(np.sin(4 * k * x + rng.uniform(0, 7)) / k for k in (1, 2, 5))
        ridge = horizon - size * ((0.3 - 0.1 * layer) * rng.uniform(0.3, 1) - 0.06 * waves)
        hill = np.stack([x * size, np.minimum(ridge, horizon)], axis=1)
        corners = [(1.02 * size, horizon + 2), (-0.02 * size, horizon + 2)]
        haze = (0.2 + 0.15 * layer, 0.85 - 0.12 * layer)
        tone = colorsys.hsv_to_rgb(hue + rng.normal(0, 0.03), *haze)
        shapes.append((np.concatenate([hill, corners]), np.array(tone)))
    for _ in range(rng.integers(0, 5)):
        foot, tall = size * rng.uniform((0, 0.2), (1, 0.5))
        trunk = _box(foot - 0.04 * tall, horizon - tall / 2, foot + 0.04 * tall, horizon + 2)
        green = draw_colour(rng, (0.18, 0.42), (0.3, 0.6), (0.35, 0.7))
        shapes.append((trunk, np.array([0.38, 0.27, 0.2])))
        for lump in rng.normal(0, 0.1, (7, 2)).clip(-0.16, 0.16):
            middle = (foot, horizon - 0.7 * tall) + tall * lump
            shapes.append((_disc(middle, 0.17 * tall), green * rng.uniform(0.85, 1.1)))
    _overlay(canvas, shapes)
    ground = draw_colour(rng, (hue, hue), (0.25, 0.65), (0.5, 0.9))
    blades = cv2.resize(rng.random((size, size // 2)), (size, size))
    floor = 0.7 + 0.4 * clouds(rng, size) + 0.25 * blades
    _lay_floor(canvas, ground * floor[..., None], horizon)
    return canvas


def _draw_studio(rng: Generator, palette: np.ndarray, horizon: float, size: int) -> np.ndarray:
    """Draw a patterned backdrop that runs on under the feet."""
    return colour_field(0.75 * rng.choice(TEXTURES)(rng, size) + 0.25 * clouds(rng, size), palette)


def _draw_sky(rng: Generator, size: int) -> np.ndarray:
    """Draw a sky with clouds."""
    high = draw_colour(rng, (0.53, 0.62), (0.2, 0.65), (0.75, 1))
    low = draw_colour(rng, (0.05, 0.6), (0.02, 0.2), (0.9, 1))
    sky = high + np.linspace(0, 1, size)[:, None, None] * (low - high)
    cover = smooth_step(4 * (clouds(rng, size) - rng.uniform(0.4, 0.8)))[..., None]
    return sky + 0.8 * cover * (1 - sky)


def _lay_floor(canvas: np.ndarray, floor: np.ndarray, horizon: float) -> None:
    """Lay a floor [S, S, 3], tilted away from the viewer, over the rows below the horizon."""
    size, row = len(canvas), round(horizon)
    target = (0.15 * size, row), (0.85 * size, row), (1.7 * size, size), (-0.7 * size, size)
    warp = cv2.getPerspectiveTransform(np.float32(_box(0, 0, size, size)), np.float32(target))
    tilted = cv2.warpPerspective(floor, warp, (size, size), borderMode=cv2.BORDER_REFLECT)
    canvas[row:] = tilted[row:]


def _make_stick(knots: np.ndarray, radii: np.ndarray, cloth: Cloth) -> Limb:
    """Join knots [N, 2] with their radii [N] to a limb of one material."""
    ends = np.column_stack([knots, radii])
    return Limb(np.concatenate([ends[:-1], ends[1:]], axis=1), [(0, cloth)], knots[:2])


def _overlay(canvas: np.ndarray, shapes: Sequence[tuple[np.ndarray, np.ndarray]]) -> None:
    """Paint polygons on a canvas."""
    sprite = _stamp(shapes, len(canvas))
    canvas += sprite.alpha[..., None] * (sprite.paint - canvas)


def _stamp(shapes: Sequence[tuple[np.ndarray, np.ndarray]], size: int) -> Sprite:
    """Make a sprite of polygons [N, 2] in pixels, each with its colour [3]."""
    large = np.zeros((SUPERSAMPLING * size, SUPERSAMPLING * size, 4), dtype=np.uint8)
    for polygon, colour in shapes:
        corners = np.rint((polygon + 0.5) * SUPERSAMPLING - 0.5).astype(np.int32)
        cv2.fillPoly(large, [corners], (*(255 * np.clip(colour, 0, 1)).tolist(), 255))
    small = cv2.resize(large, (size, size), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    alpha = small[..., 3]
    return Sprite(alpha, (small[..., :3] / np.maximum(alpha, 1e-3)[..., None]).clip(0, 1))


def _box(left: float, top: float, right: float, bottom: float) -> np.ndarray:
    """The corners [4, 2] of a box, clockwise from the upper left."""
    return np.array([(left, top), (right, top), (right, bottom), (left, bottom)], dtype=float)


def _disc(middle: np.ndarray, radius: float) -> np.ndarray:
    """The corners [24, 2] of a disc."""
    turn = np.linspace(0, 2 * np.pi, 24)
    return middle + radius * np.stack([np.cos(turn), np.sin(turn)], axis=1)
