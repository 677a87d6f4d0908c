"""Draws one toy scene: handwritten digits pasted into a procedural picture.

A :class:`Scene` is kept as layers (a canvas, sprites painted in order, film grain), so that one can
ask what the picture would look like without one of its digits. Colours are RGB in [0, 1].
"""

import colorsys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.random import Generator

from mmal.datasets.toy.textures import TEXTURES, clouds, colour_field, make_plane, ramp, smooth_step

SUPERSAMPLING = 4  # shapes are drawn this many times larger and averaged down: smooth edges
MIN_ALPHA = 0.2  # fainter ink is cut off; what stays defines the box, so boxes are tight to the eye
MAX_OVERLAP = 0.06  # largest share of the smaller of two boxes that the other may cover
DIFFICULT_CONTRAST = 30  # grey levels; a digit that changes its pixels by less is `difficult`
FIELD_SIDE = 96  # side of the height fields from which shapes are cut
LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)
# Pen strokes in the unit square. Only letters that no one takes for a digit.
LETTERS = (
    ((0, 1), (0.5, 0), (1, 1), (0.75, 0.55), (0.25, 0.55)),  # A
    ((0, 0), (0, 1), (0, 0.6), (0.9, 0), (0.3, 0.45), (1, 1)),  # K
    ((0, 1), (0.1, 0), (0.5, 0.7), (0.9, 0), (1, 1)),  # M
    ((0, 0), (0.25, 1), (0.5, 0.3), (0.75, 1), (1, 0)),  # W
    ((0, 0), (1, 1), (0.5, 0.5), (1, 0), (0, 1)),  # X
    ((0, 0), (0.5, 0.5), (1, 0), (0.5, 0.5), (0.5, 1)),  # Y
)
Box = tuple[int, int, int, int]  # (left, top, right, bottom) in pixels, 0-based, end exclusive


@dataclass(frozen=True)
class SceneStyle:
    """What a kind of scene looks like; ranges are inclusive, heights shares of the side."""

    digits: tuple[int, int]  # how many; those that find no free place are left out
    height: tuple[float, float]  # of a digit before it is tilted
    tilt: float  # largest rotation in degrees
    shear: float  # largest horizontal shear, as a share of the digit's height
    contrast: tuple[float, float]  # of the ink to its surroundings: 0 none, 1 black on white
    shadow: float  # opacity of the shadow that a digit throws, in [0, 1]
    spread: tuple[float, float]  # how far the colours of the background lie apart, in [0, 1]
    distractors: tuple[int, int]  # how many letters and zigzags stand between the digits
    occluders: tuple[int, int]  # how many strands hang in front of everything
    grain: float  # standard deviation of the film grain, for colours in [0, 1]
    frequencies: tuple[float, ...]  # probability of each class


class Digit(NamedTuple):
    """One annotated digit; ``difficult`` where it is almost invisible."""

    label: int
    box: Box
    difficult: bool


@dataclass(frozen=True)
class Sprite:
    """A shape: ``alpha`` [h, w], ``paint`` [h, w, 3] or [3]; decoration has no ``label``."""

    alpha: np.ndarray
    paint: np.ndarray
    left: int = 0
    top: int = 0
    label: int | None = None

    @property
    def box(self) -> Box:
        """The box of the whole sprite, for a digit tight around its ink."""
        height, width = self.alpha.shape
        return self.left, self.top, self.left + width, self.top + height


@dataclass(frozen=True)
class Scene:
    """The layers of a picture: ``canvas`` [S, S, 3], ``sprites`` back to front, ``grain``."""

    canvas: np.ndarray
    sprites: tuple[Sprite, ...]
    grain: np.ndarray

    def render(self, skip: int | None = None) -> np.ndarray:
        """Paint the layers, but for the sprite with index ``skip``, to RGB uint8 [S, S, 3]."""
        image = self.canvas.copy()
        for index, sprite in enumerate(self.sprites):
            if index != skip:
                left, top, right, bottom = sprite.box
                patch = image[top:bottom, left:right]
                patch += sprite.alpha[..., None] * (sprite.paint - patch)
        return np.rint(np.clip(image + self.grain, 0, 1) * 255).astype(np.uint8)

    def digits(self) -> list[Digit]:
        """Annotate the digits, in the order in which they were painted."""
        image, found = self.render().astype(np.float32), []
        for index, sprite in enumerate(self.sprites):
            if sprite.label is not None:
                change = np.abs(image - self.render(skip=index)).mean(axis=-1)
                difficult = bool(change.sum() < DIFFICULT_CONTRAST * sprite.alpha.sum())
                found.append(Digit(sprite.label, sprite.box, difficult))
        return found


def draw_scene(rng: Generator, glyphs: Sequence[np.ndarray], style: SceneStyle, size: int) -> Scene:
    """Draw a random scene with at least one digit.

    Args:
        rng: Source of all randomness.
        glyphs: For each class the height fields of ink [N, 96, 96] of its handwritten samples.
        style: What to draw.
        size: Side S of the square image in pixels.
    """
    palette = _draw_palette(rng, rng.uniform(*style.spread))
    canvas = _draw_background(rng, palette, size)
    num_digits = rng.integers(*style.digits, endpoint=True)
    num_shapes = num_digits + rng.integers(*style.distractors, endpoint=True)
    sprites: list[Sprite] = []
    taken: list[Box] = []
    for index in range(num_shapes):
        # Digits come first: the first shape always finds a place, so no scene is without a digit.
        label = int(rng.choice(len(glyphs), p=style.frequencies)) if index < num_digits else None
        field = _draw_scribble(rng) if label is None else rng.choice(glyphs[label])
        alpha = _cut_shape(rng, field, style, size)
        place = _find_place(rng, alpha.shape, taken, size)
        if place is None:
            continue
        ground = canvas[place[1] :, place[0] :][: alpha.shape[0], : alpha.shape[1]]
        paint = _mix_paint(rng, ground, rng.uniform(*style.contrast))
        sprite = Sprite(alpha, paint, *place, label)
        shadow = [_throw_shadow(sprite, style.shadow, size)] if style.shadow else []
        sprites += [*shadow, sprite]
        taken.append(sprite.box)
    for _ in range(rng.integers(*style.occluders, endpoint=True)):
        sprites.append(_draw_strand(rng, palette, size))
    grain = rng.normal(0, style.grain, (size, size, 1)).astype(np.float32)
    return Scene(canvas, tuple(sprites), grain)


def _draw_palette(rng: Generator, spread: float) -> np.ndarray:
    """Choose three colours [3, 3] around one; ``spread`` says how far they lie apart."""
    middle = rng.random(), rng.uniform(0.1, 0.6), rng.uniform(0.2, 0.95)
    hsv = middle + spread * rng.uniform(-0.5, 0.5, (3, 3))
    return np.array([colorsys.hsv_to_rgb(h % 1, *np.clip(sv, 0.03, 0.97)) for h, *sv in hsv])


def _draw_background(rng: Generator, palette: np.ndarray, size: int) -> np.ndarray:
    """Draw a textured and lit picture [S, S, 3] without digits."""
    texture = TEXTURES[rng.integers(len(TEXTURES))](rng, size)
    # Clouds break the regularity: a picture of one pure function looks like a test chart.
    field = 0.8 * texture + 0.2 * clouds(rng, size)
    canvas = colour_field(field, palette)
    light = 1.08 - 0.3 * rng.random() * ramp(rng, size)
    if rng.random() < 0.4:  # something out of sight throws a soft shadow
        u, v = make_plane(rng, size)
        light -= 0.25 * smooth_step((v - 0.15 * np.sin(3 * u) - rng.uniform(-0.2, 0.2)) / 0.06)
    return np.clip(canvas * light[..., None], 0, 1).astype(np.float32)


def _draw_scribble(rng: Generator) -> np.ndarray:
    """Draw a letter or a zigzag as a height field of ink, with the pen that wrote the digits."""
    points = np.array(LETTERS[rng.integers(len(LETTERS))])
    if rng.random() < 0.3:
        points = np.stack([np.linspace(0, 1, 6), rng.permuted([0, 0.2, 0.4, 0.6, 0.8, 1])], axis=1)
    field = np.zeros((FIELD_SIDE, FIELD_SIDE), dtype=np.float32)
    corners = np.rint((0.22 + 0.56 * points) * FIELD_SIDE).astype(np.int32)
    cv2.polylines(field, [corners], False, 1.0, thickness=int(rng.integers(8, 13)))
    return cv2.GaussianBlur(field, (0, 0), 3)


def _cut_shape(rng: Generator, field: np.ndarray, style: SceneStyle, size: int) -> np.ndarray:
    """Cut a tight antialiased ``alpha`` [h, w] out of a height field, scaled, tilted, sheared."""
    level = rng.uniform(0.44, 0.56)  # a low one writes with a broad pen
    height = size * rng.uniform(*style.height)
    angle = np.deg2rad(rng.uniform(-style.tilt, style.tilt))
    shear = rng.uniform(-style.shear, style.shear)
    scale = SUPERSAMPLING * height / np.count_nonzero((field > level).any(axis=1))
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    linear = scale * rotation @ [[1, shear], [0, 1]]
    side = int(np.ceil(2 * height))
    offset = SUPERSAMPLING * side / 2 - linear @ np.full(2, FIELD_SIDE / 2)
    large = cv2.warpAffine(field, np.c_[linear, offset], (SUPERSAMPLING * side,) * 2)
    sharp = smooth_step((large - level) / 0.06).astype(np.float32)
    alpha = cv2.resize(sharp, (side, side), interpolation=cv2.INTER_AREA)
    alpha[alpha < MIN_ALPHA] = 0
    rows, columns = np.flatnonzero(alpha.any(axis=1)), np.flatnonzero(alpha.any(axis=0))
    return alpha[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _find_place(
    rng: Generator, shape: tuple[int, int], taken: Sequence[Box], size: int
) -> tuple[int, int] | None:
    """Find ``(left, top)`` where a shape [h, w] overlaps little; None where it is too full."""
    extent = np.array(shape[::-1])
    starts, ends = np.array(taken, dtype=int).reshape(-1, 2, 2).transpose(1, 0, 2)
    smaller = np.minimum((ends - starts).prod(axis=1), extent.prod())
    for _ in range(30):
        start = rng.integers(0, size - extent, endpoint=True)
        shared = np.minimum(ends, start + extent) - np.maximum(starts, start)
        if (shared.clip(min=0).prod(axis=1) <= MAX_OVERLAP * smaller).all():
            return int(start[0]), int(start[1])
    return None


def _mix_paint(rng: Generator, ground: np.ndarray, contrast: float) -> np.ndarray:
    """Mix paint [h, w, 3] that stands out by ``contrast`` from the ground [h, w, 3] it covers."""
    inks = rng.random((64, 3)).astype(np.float32)
    inks += 0.3 * ((inks @ LUMA)[:, None] - inks)  # pure RGB looks like neon
    distances = np.sqrt((inks - ground.mean(axis=(0, 1))) ** 2 @ LUMA)
    shade = np.linspace(1.06, 0.94, len(ground), dtype=np.float32)[:, None, None]
    return np.ones_like(ground) * shade * inks[np.argmin(np.abs(distances - contrast))]


def _throw_shadow(sprite: Sprite, opacity: float, size: int) -> Sprite:
    """Throw a soft shadow to the lower right of a sprite, as a layer of its own."""
    left, top, right, bottom = sprite.box
    cover = np.zeros((size, size), dtype=np.float32)
    cover[top:bottom, left:right] = sprite.alpha
    shift = 0.018 * size
    moved = cv2.warpAffine(cover, np.float32([[1, 0, shift], [0, 1, shift]]), (size, size))
    return Sprite(opacity * cv2.GaussianBlur(moved, (0, 0), shift), np.zeros(3, dtype=np.float32))


def _draw_strand(rng: Generator, palette: np.ndarray, size: int) -> Sprite:
    """Draw a swinging strand in a colour of the background across the whole picture."""
    u, v = make_plane(rng, size)
    swing = rng.uniform(0.05, 0.3) * np.sin(rng.uniform(1, 5) * u + rng.uniform(0, 2 * np.pi))
    inside = rng.uniform(0.006, 0.018) - np.abs(v - swing - rng.uniform(-0.3, 0.3))
    alpha = smooth_step(inside * size).astype(np.float32)
    return Sprite(alpha, rng.choice(palette).astype(np.float32))
