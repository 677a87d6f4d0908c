"""Figures in simple poses and plain colours for the tests."""

import numpy as np

from mmal.datasets.toy.digit_scenes import Sprite
from mmal.datasets.toy.outfit import Cloth, Outfit
from mmal.datasets.toy.poses import LIMB_LIMITS, TRUNK_LIMITS, Pose
from mmal.datasets.toy.skeleton import Body, Build, pose_skeleton

BUILD = Build(0.15, 0.05, 0.28, 0.25, 0.23, 0.04, 0.16, 0.14, 0.1, 0.06, girth=1)
RED, GREEN, BLUE, GREY = np.eye(4, 3, dtype=np.float32) + 0.1
COLOURS = dict(skin=GREEN, top=RED, bottom=BLUE, shoes=GREY, hair=GREEN + BLUE)
STRAIGHT = {name: np.zeros(2) for name in LIMB_LIMITS} | {name: 0.0 for name in TRUNK_LIMITS}


def make_body(turn: np.ndarray | None = None, **angles: object) -> Body:
    """A body 100 pixels high in the middle of the picture, upright but for some angles."""
    pairs = {name: np.array(value, dtype=float) for name, value in angles.items()}
    points, head = pose_skeleton(STRAIGHT | pairs, BUILD, np.eye(3) if turn is None else turn)
    return Body(Pose({}), BUILD, points, head, height=100, origin=(64, 70))


def make_outfit(**changes: object) -> Outfit:
    cloths = {name: Cloth(colour, colour) for name, colour in COLOURS.items()}
    rest = dict(haircut="short", beard=False, sleeve=1.5, leg=1.5, skirt=0)
    return Outfit(**{**cloths, **rest, **changes})


def get_material(sprite: Sprite, place: np.ndarray) -> str | None:
    """Which material is painted at a place, told by its hue; None where nothing is."""
    column, row = np.rint(place).astype(int)
    if sprite.alpha[row, column] < 0.5:
        return None
    paint = sprite.paint[row, column]
    return max(COLOURS, key=lambda name: paint @ COLOURS[name] / np.linalg.norm(COLOURS[name]))
