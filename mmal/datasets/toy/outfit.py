"""What figures look like: their skin, hair and clothes."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.random import Generator

from mmal.datasets.toy.poses import Pose
from mmal.datasets.toy.textures import draw_colour, smooth_step

SKIN_TONES = np.array(
    [[72, 44, 31], [110, 72, 50], [150, 98, 69], [188, 130, 95], [224, 170, 132], [248, 208, 178]]
)
HAIR_COLOURS = np.array(
    [[30, 25, 25], [58, 38, 28], [104, 66, 38], [165, 115, 60], [220, 184, 115], [160, 160, 162]]
)
HAIRCUTS = ("short", "short", "short", "long", "long", "tail", "bun", "bald", "cap")


class Cloth(NamedTuple):
    """A material: two colours [3] and the pattern they make, repeated every ``pitch``."""

    base: np.ndarray
    accent: np.ndarray
    pattern: str = "plain"
    pitch: float = 0.1

    def weave(self, u: np.ndarray, v: np.ndarray) -> np.ndarray:
        """The colour [h, w, 3] at places [h, w] across (u) and along (v) the body."""
        share = PATTERNS[self.pattern](u / self.pitch, v / self.pitch)
        return self.base + share[..., None] * (self.accent - self.base)


class Outfit(NamedTuple):
    """What a figure looks like.

    ``sleeve`` and ``leg`` say where on arm and leg the skin begins: 1 at elbow and knee, 2 at
    wrist and ankle.
    """

    skin: Cloth
    top: Cloth
    bottom: Cloth
    shoes: Cloth
    hair: Cloth
    haircut: str
    beard: bool
    sleeve: float
    leg: float
    skirt: float  # its length in thighs, 0 for none


def draw_outfit(rng: Generator, pose: Pose, behind: np.ndarray, camouflage: float) -> Outfit:
    """Dress a figure.

    Args:
        rng: Source of all randomness.
        pose: Its pose; only who stands on the feet wears a skirt.
        behind: Colour [3] of what is behind it; clothes rather stand out from that.
        camouflage: How much the figure takes on that colour all the same, in [0, 1].
    """

    def dye(colour: np.ndarray, share: float = 1) -> np.ndarray:
        return (colour + share * camouflage * (behind - colour)).astype(np.float32)

    def plain(colour: np.ndarray, share: float = 1) -> Cloth:
        return Cloth(dye(colour, share), dye(colour, share))

    def cloth() -> Cloth:
        colours = np.stack([draw_dye(rng) for _ in range(6)])
        contrast = np.abs(colours - behind).mean(axis=1) + rng.uniform(0, 0.25, len(colours))
        base, accent = colours[np.argsort(contrast)[[-1, -2]]]
        pattern = rng.choice(list(PATTERNS), p=(0.5, 0.18, 0.1, 0.12, 0.1))
        return Cloth(dye(base), dye(accent), str(pattern), rng.uniform(0.055, 0.1))

    tone = rng.uniform(0, len(SKIN_TONES) - 1)
    skin = [np.interp(tone, range(len(SKIN_TONES)), channel) for channel in SKIN_TONES.T]
    hair = rng.choice(HAIR_COLOURS[: 2 if tone < 2 else None]) / 255
    haircut = rng.choice(HAIRCUTS)
    top, bottom = cloth(), cloth()
    if rng.random() < 0.6:
        bottom = Cloth(bottom.base, bottom.base)
    upright = not (pose.pitch or pose.roll or pose.seat)
    skirt = rng.uniform(0.6, 1.15) if upright and rng.random() < 0.25 else 0
    return Outfit(
        skin=plain(np.array(skin) / 255, 0.6),
        top=top,
        bottom=top if skirt and rng.random() < 0.5 else bottom,
        shoes=plain(draw_dye(rng)),
        hair=plain(draw_dye(rng) if haircut == "cap" else hair, 0.8),
        haircut=haircut,
        beard=haircut in ("short", "bald", "cap") and rng.random() < 0.3,
        sleeve=rng.choice((0.15, 0.55, 0.6, 1.85, 1.95)),
        leg=0.3 if skirt else rng.choice((0.5, 0.7, 1.85, 1.95, 1.95)),
        skirt=skirt,
    )


def draw_dye(rng: Generator) -> np.ndarray:
    """Draw a colour that clothes have: one half are vivid, the others dark or pale."""
    if rng.random() < 0.5:
        return draw_colour(rng, (0, 1), (0.5, 0.9), (0.5, 1))
    return draw_colour(rng, (0, 1), (0.02, 0.4), (0.12, 1))


def _wave(t: np.ndarray) -> np.ndarray:
    """Bands of equal width with period 1."""
    return smooth_step(np.sin(2 * np.pi * t) * 4)


# Each returns a field [h, w] within [0, 1], from the base to the accent colour of a cloth.
PATTERNS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "plain": lambda u, v: np.zeros_like(u),
    "hoops": lambda u, v: _wave(v),
    "stripes": lambda u, v: _wave(u),
    "checks": lambda u, v: (_wave(u) + _wave(v)) / 2,
    "dots": lambda u, v: smooth_step((np.cos(2 * np.pi * u) * np.cos(2 * np.pi * v) - 0.4) * 4),
}
