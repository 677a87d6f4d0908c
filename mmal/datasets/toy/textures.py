"""Textures and colours of which the pictures of the toy data sets are made, RGB in [0, 1]."""

import colorsys

import cv2
import numpy as np
from numpy.random import Generator


def clouds(rng: Generator, size: int) -> np.ndarray:
    """Fractal value noise."""
    field = np.zeros((size, size))
    cells = rng.integers(2, 5)
    for octave in range(4):
        grid = rng.random((cells << octave, cells << octave))
        field += cv2.resize(grid, (size, size), interpolation=cv2.INTER_CUBIC) / 2**octave
    return _normalise(field)


def ramp(rng: Generator, size: int) -> np.ndarray:
    """A linear or a circular gradient."""
    u, v = make_plane(rng, size)
    return _normalise(u if rng.random() < 0.5 else np.hypot(u - 0.3, v))


def stripes(rng: Generator, size: int) -> np.ndarray:
    """Bands, from straight cloth to the grain of wood."""
    u, _ = make_plane(rng, size)
    bend = rng.choice([0, 0.1, 0.3]) * clouds(rng, size)
    return smooth_step(np.sin(2 * np.pi * rng.uniform(3, 9) * (u + bend)) / rng.uniform(0.1, 1))


def checks(rng: Generator, size: int) -> np.ndarray:
    """Checked cloth: two sets of bands, darkest where they cross."""
    u, v = make_plane(rng, size)
    pitch = 2 * np.pi * rng.uniform(2, 6)
    return (smooth_step(np.sin(pitch * u) / 0.15) + smooth_step(np.sin(pitch * v) / 0.15)) / 2


def blobs(rng: Generator, size: int) -> np.ndarray:
    """Round spots, some of them out of focus."""
    u, v = make_plane(rng, size)
    field = np.zeros((size, size))
    for x, y, tone in rng.uniform(-0.6, 0.6, (rng.integers(6, 16), 3)):
        inside = rng.uniform(0.04, 0.2) - np.hypot(u - x, v - y)
        field += smooth_step(inside / rng.uniform(0.01, 0.06)) * (tone - field)
    return _normalise(field)


def shards(rng: Generator, size: int) -> np.ndarray:
    """Flat cells around random centres (a Voronoi diagram), like broken tiles."""
    u, v = make_plane(rng, size)
    centres = rng.uniform(-0.7, 0.7, (rng.integers(8, 25), 2))
    nearest = np.argmin([np.hypot(u - x, v - y) for x, y in centres], axis=0)
    return cv2.GaussianBlur(rng.random(len(centres))[nearest], (0, 0), 0.7)


# Each returns a field [S, S] within [0, 1], which a palette turns into colours.
TEXTURES = (clouds, ramp, stripes, checks, blobs, shards)


def make_plane(rng: Generator, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates of the pixels along two random perpendicular axes; the image side is 1."""
    x, y = np.meshgrid(*[(np.arange(size) + 0.5) / size - 0.5] * 2)
    angle = rng.uniform(0, 2 * np.pi)
    return np.cos(angle) * x + np.sin(angle) * y, np.cos(angle) * y - np.sin(angle) * x


def smooth_step(slope: np.ndarray) -> np.ndarray:
    """Turn a slope from -1 to 1 into a smooth step from 0 to 1."""
    t = np.clip(slope / 2 + 0.5, 0, 1)
    return t * t * (3 - 2 * t)


def colour_field(field: np.ndarray, tones: np.ndarray) -> np.ndarray:
    """Colour a field [S, S] within [0, 1] by tones [3, 3], from the lowest to the highest."""
    return np.stack([np.interp(field, (0, 0.5, 1), tone) for tone in tones.T], axis=-1)


def draw_colour(rng: Generator, *ranges: tuple[float, float]) -> np.ndarray:
    """Draw a colour [3] by the ranges of its hue, saturation and value."""
    hue, saturation, value = (rng.uniform(*limits) for limits in ranges)
    return np.array(colorsys.hsv_to_rgb(hue % 1, saturation, value))


def _normalise(field: np.ndarray) -> np.ndarray:
    return (field - field.min()) / (field.max() - field.min())
