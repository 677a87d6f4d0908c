"""Paints figures as shaded tapered capsules, the far parts first; colours are RGB in [0, 1]."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from mmal.datasets.toy.digit_scenes import Sprite
from mmal.datasets.toy.outfit import Cloth, Outfit
from mmal.datasets.toy.skeleton import SIDES, Body

EYES = np.array([0.06, 0.05, 0.05], dtype=np.float32)
LIPS = np.array([0.85, 0.5, 0.5], dtype=np.float32)  # times the colour of the skin
# What hangs from a head or sticks out of it: a radius in units of the head, and strands from and to
# places on the unit sphere (left, down, forward).
STRANDS = {
    "long": (0.23, [(-0.6, -0.2, -0.4, -0.65, 1.2, -0.5), (0.6, -0.2, -0.4, 0.65, 1.2, -0.5)]),
    "tail": (0.15, [(0, -0.4, -1.1, 0, 1.2, -1.35)]),
    "bun": (0.2, [(0, -0.8, -0.9, 0, -0.8, -0.9)]),
    "cap": (0.09, [(-0.5, -0.4, 0.9, 0.5, -0.4, 0.9), (0, -0.4, 0.8, 0, -0.3, 1.4)]),
}


class Limb(NamedTuple):
    """Tapered capsules ``bones`` [N, 6] with one surface: x, y, radius of both ends, in pixels.

    Of ``bands`` the first has its material from the start, the others from that share of the way
    on along ``axis`` [2, 2] (from, to); where there is None the limb ends.
    """

    bones: np.ndarray
    bands: Sequence[tuple[float, Cloth | None]]
    axis: np.ndarray
    blend: float = 0.5  # over how many pixels the capsules melt together


class Part(NamedTuple):
    """Limbs painted in this order; parts with a greater depth cover the others."""

    depth: float
    limbs: list[Limb]


class Easel:
    """A sprite in the making: its cover [S, S] and its colours [S, S, 3] times the cover."""

    def __init__(self, size: int, light: np.ndarray) -> None:
        self.colour = np.zeros((size, size, 3), dtype=np.float32)
        self.cover = np.zeros((size, size), dtype=np.float32)
        self.light = light.astype(np.float32)

    def window(self, bones: np.ndarray, margin: float) -> tuple[slice, slice]:
        """The rows and columns around bones, empty where they are beyond the picture."""
        ends = bones.reshape(-1, 3)
        reach = ends[:, 2:] + margin
        start = np.floor((ends[:, :2] - reach).min(axis=0)).astype(int)
        stop = np.ceil((ends[:, :2] + reach).max(axis=0)).astype(int) + 1
        (left, top), (right, bottom) = np.clip([start, stop], 0, len(self.cover))
        return slice(top, bottom), slice(left, right)

    def cast_shadow(self, limbs: Sequence[Limb], reach: float) -> None:
        """Darken what is close behind some limbs."""
        bones = np.concatenate([limb.bones for limb in limbs])
        window = self.window(bones, 3 * reach)
        y, x = np.mgrid[window].astype(np.float32)
        # It falls away from the light.
        distance, _ = _trace(x + reach * self.light[0], y + reach * self.light[1], bones, 0.5)
        darkness = 0.3 * np.exp(-np.maximum(distance, 0) / reach)
        self.colour[window] *= 1 - darkness[..., None]

    def paint_limb(self, limb: Limb, unit: float) -> None:
        """Paint a limb over what is there; ``unit`` is the height of the figure in pixels."""
        window = self.window(limb.bones, 2)
        y, x = np.mgrid[window].astype(np.float32)
        distance, normal = _trace(x, y, limb.bones, limb.blend)
        start, along = limb.axis[0], limb.axis[1] - limb.axis[0]
        length = max(np.hypot(*along), 0.03 * unit)
        along = along / length
        v = (x - start[0]) * along[0] + (y - start[1]) * along[1]
        u = (y - start[1]) * along[0] - (x - start[0]) * along[1]
        alpha, paint = np.clip(0.5 - distance, 0, 1), np.zeros((*x.shape, 3), dtype=np.float32)
        for index, (border, cloth) in enumerate(limb.bands):
            share = np.clip(v - border * length + 0.5, 0, 1) if index else np.ones_like(v)
            if cloth is None:
                alpha = alpha * (1 - share)
            else:
                paint += share[..., None] * (cloth.weave(u / unit, v / unit) - paint)
        self.lay(window, alpha, paint, normal)

    def lay(
        self, window: tuple[slice, slice], alpha: np.ndarray, paint: np.ndarray, normal: np.ndarray
    ) -> None:
        """Light ``paint`` [h, w, 3] and lay it over what is there."""
        bright = 0.62 + 0.52 * np.tensordot(self.light, normal, axes=1).clip(0)
        alpha = alpha[..., None]
        self.colour[window] += alpha * (paint * bright[..., None] - self.colour[window])
        self.cover[window] += alpha[..., 0] * (1 - self.cover[window])

    def sprite(self) -> Sprite:
        """What was painted, as a sprite as large as the picture."""
        return Sprite(
            self.cover, (self.colour / np.maximum(self.cover, 1e-6)[..., None]).clip(0, 1)
        )


def paint_figure(body: Body, outfit: Outfit, light: np.ndarray, size: int) -> Sprite:
    """Paint a placed body in its clothes as one sprite.

    Args:
        body: The body in the picture.
        outfit: What it looks like.
        light: Direction [3] to the light, of length 1.
        size: Side of the picture in pixels.
    """
    easel, (head, *hair) = Easel(size, light), _make_head(body, outfit)
    parts = [_make_torso(body, outfit), head]
    parts += [make(body, outfit, side) for make in (_make_arm, _make_leg) for side in SIDES]
    parts += [_make_skirt(body, outfit), *hair] if outfit.skirt else hair
    for part in sorted(parts, key=lambda part: part.depth):
        easel.cast_shadow(part.limbs, reach=0.022 * body.height)
        for limb in part.limbs:
            easel.paint_limb(limb, unit=body.height)
        if part is head:
            _paint_head(easel, body, outfit)
    return easel.sprite()


def _trace(
    x: np.ndarray, y: np.ndarray, bones: np.ndarray, blend: float
) -> tuple[np.ndarray, np.ndarray]:
    """Find the distance [h, w] to the outline of bones, negative within, and normals [3, h, w]."""
    x1, y1, r1, x2, y2, r2 = bones.T[..., None, None].astype(np.float32)
    dx, dy = x2 - x1, y2 - y1
    t = ((x - x1) * dx + (y - y1) * dy) / np.maximum(dx * dx + dy * dy, 1e-6)
    t = np.clip(t, 0, 1)
    u, v, radius = x - x1 - t * dx, y - y1 - t * dy, r1 + t * (r2 - r1)
    distances = np.hypot(u, v) - radius
    nearest = distances.min(axis=0)
    weights = np.exp((nearest - distances) / blend)
    total = weights.sum(axis=0)
    nx, ny = ((weights * offset / radius).sum(axis=0) / total for offset in (u, v))
    slope = np.maximum(np.hypot(nx, ny), 1)
    nz = np.sqrt(np.maximum(1 - (nx * nx + ny * ny) / slope**2, 0))
    return nearest - blend * np.log(total), np.stack([nx / slope, ny / slope, nz])


def _make_arm(body: Body, outfit: Outfit, side: str) -> Part:
    """Upper arm, forearm and hand, the far ones first."""
    shoulder, elbow, wrist, fingers = _name(side, "shoulder elbow wrist fingers")
    cut, top, skin = outfit.sleeve, outfit.top, outfit.skin
    limbs = [
        _join(body, [(shoulder, elbow, 0.037, 0.028)], [(0, top), (cut, skin)]),
        _join(body, [(wrist, fingers, 0.02, 0.018)], [(0, skin)]),
        _join(body, [(elbow, wrist, 0.028, 0.021)], [(0, top), (cut - 1, skin)]),
    ]
    away = body.depth(wrist) < body.depth(shoulder)
    return Part(body.depth(shoulder, elbow, wrist) + 0.04, limbs[::-1] if away else limbs)


def _make_leg(body: Body, outfit: Outfit, side: str) -> Part:
    """Thigh, shank and foot, the far ones first."""
    hip, knee, ankle, heel, toes = _name(side, "hip knee ankle heel toes")
    cut, bottom, skin = outfit.leg, outfit.bottom, outfit.skin
    foot = [(heel, toes, 0.026, 0.022), (ankle, heel, 0.024, 0.025)]
    limbs = [
        _join(body, [(hip, knee, 0.06, 0.043)], [(0, bottom), (cut, skin)]),
        _join(body, [(knee, ankle, 0.043, 0.027)], [(0, bottom), (cut - 1, skin)]),
    ]
    before = body.depth(toes) > body.depth(ankle)
    limbs.insert(2 if before else 1, _join(body, foot, [(0, outfit.shoes)]))
    away = body.depth(ankle) < body.depth(hip) - 0.1
    return Part(body.depth(hip, knee, ankle), limbs[::-1] if away else limbs)


def _make_torso(body: Body, outfit: Outfit) -> Part:
    """Chest, waist and hips in one piece, with a belt, and the neck."""
    bones = [
        ("right_shoulder", "left_shoulder", 0.037, 0.037),
        ("right_shoulder", "right_hip", 0.034, 0.044),
        ("left_shoulder", "left_hip", 0.034, 0.044),
        ("thorax", "belly", 0.05, 0.064),
        ("belly", "pelvis", 0.062, 0.064),
        ("right_hip", "left_hip", 0.054, 0.054),
    ]
    belt = outfit.top if outfit.skirt else outfit.shoes
    trunk = _join(body, bones, [(0, outfit.bottom), (0.13, belt), (0.18, outfit.top)])
    axis = np.stack([body.at("pelvis"), body.at("thorax")])
    neck = _join(body, [("thorax", "upper_neck", 0.036, 0.034)], [(0, outfit.skin)])
    trunk = trunk._replace(axis=axis, blend=0.014 * body.height)
    return Part(body.depth("pelvis", "thorax") + 0.03, [neck, trunk])


def _make_skirt(body: Body, outfit: Outfit) -> Part:
    """A skirt around both thighs, cut off straight at the hem."""
    unit, length = body.height * body.build.girth, outfit.skirt
    hips = np.stack([body.at(f"{side}_hip") for side in SIDES])
    knees = np.stack([body.at(f"{side}_knee") for side in SIDES])
    hems = hips + (length + 0.25) * (knees - hips)  # beyond the hem, since capsules are round
    bones = [[*hips[i], 0.058 * unit, *hems[i], 0.082 * unit] for i in range(2)]
    bones = np.array([*bones, [*hems[0], 0.075 * unit, *hems[1], 0.075 * unit]])
    axis = np.stack([hips.mean(axis=0), hems.mean(axis=0)])
    bands = [(0, outfit.bottom), (length / (length + 0.25), None)]
    depth = max(body.depth(*_name(side, "hip knee ankle")) for side in SIDES)
    return Part(depth + 0.01, [Limb(bones, bands, axis, 0.02 * unit)])


def _make_head(body: Body, outfit: Outfit) -> list[Part]:
    """A round shape in the place of the head, which casts its shadow, and what hangs from it."""
    middle, axes = body.skull()
    depth, unit = body.depth("upper_neck", "head_top") + 0.05, body.height * body.build.head
    radius = 0.36 * body.height * body.build.head
    ball = np.array([[*middle, radius, *middle, radius]])
    parts = [Part(depth, [Limb(ball, [(0, outfit.skin)], np.stack([middle, middle]))])]
    if outfit.haircut in STRANDS:
        share, strands = STRANDS[outfit.haircut]
        ends, radius = np.reshape(strands, (-1, 2, 3)) @ axes.T, share * unit
        knots = middle + ends[..., :2]
        bones = np.array([[*start, radius, *end, 0.8 * radius] for start, end in knots])
        hair = Limb(bones, [(0, outfit.hair)], knots[0], 0.5 * radius)
        parts.append(Part(depth + ends[..., 2].mean() / body.height, [hair]))
    return parts


def _name(side: str, points: str) -> list[str]:
    return [f"{side}_{point}" for point in points.split()]


def _join(
    body: Body,
    bones: Sequence[tuple[str, str, float, float]],
    bands: Sequence[tuple[float, Cloth]],
) -> Limb:
    """Join bones, given by their ends and the radii there, to a limb along the first of them."""
    unit = body.height * body.build.girth
    capsules = [[*body.at(a), unit * start, *body.at(b), unit * end] for a, b, start, end in bones]
    return Limb(np.array(capsules), bands, np.stack([body.at(name) for name in bones[0][:2]]))


def _paint_head(easel: Easel, body: Body, outfit: Outfit) -> None:
    """Paint an ellipsoid with a face on one side of it and hair on the other."""
    middle, axes = body.skull()
    left, top, right, bottom = body.head_box()
    window = easel.window(np.array([left, top, 0, right, bottom, 0]), 2)
    y, x = np.mgrid[window].astype(np.float32)
    x, y = x - middle[0], y - middle[1]
    # The points p of the ellipsoid are those with p Q p = 1; of each pixel we want the nearer z.
    shape = np.linalg.inv(axes @ axes.T)
    flat = np.linalg.inv((axes @ axes.T)[:2, :2])  # its outline
    level = np.sqrt(flat[0, 0] * x * x + 2 * flat[0, 1] * x * y + flat[1, 1] * y * y)
    rim = np.maximum(level, 1)
    x, y = x / rim, y / rim
    slope = shape[0, 2] * x + shape[1, 2] * y
    rest = shape[0, 0] * x * x + 2 * shape[0, 1] * x * y + shape[1, 1] * y * y - 1
    z = (np.sqrt(np.maximum(slope * slope - shape[2, 2] * rest, 0)) - slope) / shape[2, 2]
    points = np.stack([x, y, z])
    normal = np.tensordot(shape, points, axes=1)
    normal /= np.sqrt((normal**2).sum(axis=0))
    face = np.tensordot(np.linalg.inv(axes), points, axes=1)  # on the unit sphere
    radius = (right - left + bottom - top) / 4
    paint = _colour_head(face, 1 / radius, outfit)
    easel.lay(window, np.clip(0.5 - (level - 1) * radius, 0, 1), paint, normal)


def _colour_head(face: np.ndarray, pixel: float, outfit: Outfit) -> np.ndarray:
    """Colour the points [3, h, w] of a head (left, down, forward); returns [h, w, 3]."""
    _, y, z = face
    skin, hair = outfit.skin.base, outfit.hair.base
    paint = np.broadcast_to(skin, (*y.shape, 3)).copy()

    def spread(share: np.ndarray, colour: np.ndarray, opacity: float) -> None:
        paint[:] += opacity * np.clip(share / pixel + 0.5, 0, 1)[..., None] * (colour - paint)

    def spot(x: float, y: float, z: float, radius: float) -> np.ndarray:
        return radius - np.sqrt(((face - np.array([x, y, z])[:, None, None]) ** 2).sum(axis=0))

    for side in SIDES.values():
        spread(spot(0.98 * side, 0.05, 0, 0.22), 0.7 * skin, 0.5)  # ears
        spread(spot(0.37 * side, -0.02, 0.92, 0.19), np.float32(0.93), 0.7)
        spread(spot(0.36 * side, -0.01, 0.93, 0.11), EYES, 1)
        spread(spot(0.37 * side, -0.25, 0.89, 0.14), 0.6 * hair, 0.6)
    spread(spot(0, 0.2, 0.98, 0.13), 0.7 * skin, 0.5)
    if outfit.beard:
        spread(np.minimum(y - 0.35, z), hair, 0.85)
    spread(spot(0, 0.5, 0.86, 0.18), LIPS * skin, 0.9)
    if outfit.haircut != "bald":
        hairline = np.interp(z, (-0.5, 0, 0.5, 0.9), (-0.7, -0.05, 0.35, 0.55))
        spread(-y - hairline, hair, 1)
    return paint
