"""Skeletons in space: joints and bones, posed by joint angles and seen without perspective.

Directions: x right, y down, z to the viewer. Lengths in a body are shares of its standing height.
The centre of the first pixel is at (0, 0).
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.random import Generator

from mmal.datasets.toy.poses import LIMB_LIMITS, RELAXED, TRUNK_LIMITS, Pose

JOINTS = (
    *("right_ankle", "right_knee", "right_hip", "left_hip", "left_knee", "left_ankle"),
    *("pelvis", "thorax", "upper_neck", "head_top"),
    *("right_wrist", "right_elbow", "right_shoulder"),
    *("left_shoulder", "left_elbow", "left_wrist"),
)
"""The joints of MPII in its order; right is the right of the figure."""
SIDES = {"right": -1, "left": 1}  # where the side of a figure that faces the viewer lies along x
SKULL = np.array([0.37, 0.5, 0.43])  # half axes of a head as shares of its height


class Build(NamedTuple):
    """Proportions of a body; the first six add up to 1."""

    head: float
    neck: float
    torso: float
    thigh: float
    shank: float
    foot: float  # height of the ankle
    upper_arm: float
    forearm: float
    shoulders: float  # half their width
    hips: float  # half their width
    girth: float  # factor for the radii of all limbs


class Body(NamedTuple):
    """A posed body: where the points of its skeleton are and how its head is turned."""

    pose: Pose
    build: Build
    points: dict[str, np.ndarray]  # [3] relative to the pelvis, for a height of 1
    turn: np.ndarray  # rotation [3, 3] of the head
    height: float = 1.0  # standing height in pixels
    origin: tuple[float, float] = (0.0, 0.0)  # pixel where the pelvis is

    def at(self, name: str) -> np.ndarray:
        """Where in the picture a point of the body is, [2] in pixels."""
        return self.origin + self.height * self.points[name][:2]

    def joints(self) -> np.ndarray:
        """Where the joints are, [16, 2] in pixels."""
        return np.stack([self.at(name) for name in JOINTS])

    def depth(self, *names: str) -> float:
        """How near to the viewer some points of the body are on average."""
        return float(np.mean([self.points[name][2] for name in names]))

    def corners(self) -> np.ndarray:
        """The upper left and the lower right corner [2, 2] of the box around the body."""
        ends = np.stack([self.at(name) for name in self.points])
        margin = 0.03 * self.height
        return np.stack([ends.min(axis=0) - margin, ends.max(axis=0) + margin])

    def skull(self) -> tuple[np.ndarray, np.ndarray]:
        """The middle [2] of the head, an ellipsoid, and its half axes [3, 3] as columns."""
        middle = (self.at("upper_neck") + self.at("head_top")) / 2
        return middle, self.turn * (self.height * self.build.head * SKULL)

    def head_box(self) -> tuple[float, float, float, float]:
        """The box ``(left, top, right, bottom)`` around the head, in pixels."""
        middle, axes = self.skull()
        reach = np.hypot.reduce(axes[:2], axis=1)
        return (*(middle - reach).tolist(), *(middle + reach).tolist())


def draw_body(rng: Generator, pose: Pose, wobble: float, elevation: float) -> Body:
    """Draw a random body in a kind of pose, of height 1.

    Args:
        rng: Source of all randomness.
        pose: Kind of pose; half of the bodies take its mirror image.
        wobble: Standard deviation of the joint angles in degrees.
        elevation: Angle in degrees from which the viewer looks down.
    """
    angles = sample_angles(rng, pose, wobble)
    roll = pose.roll + rng.normal(0, wobble / 3)
    if rng.random() < 0.5:
        angles |= {name: angles[name][::-1] for name in LIMB_LIMITS}
        angles |= {name: -angles[name] for name in ("lean", "twist", "tilt", "turn")}
        roll = -roll
    yaw = rng.choice(pose.views) + rng.normal(0, 10)
    turn = _rotate(x=-elevation) @ _rotate(y=yaw) @ _rotate(z=roll) @ _rotate(x=-pose.pitch)
    build = _draw_build(rng)
    return Body(pose, build, *pose_skeleton(angles, build, turn))


def sample_angles(rng: Generator, pose: Pose, wobble: float) -> dict[str, np.ndarray]:
    """Sample the joint angles of a pose: a number for the trunk, [2] (right, left) for limbs."""
    means = RELAXED | dict(pose.angles)
    angles = {}
    for name, limits in (TRUNK_LIMITS | LIMB_LIMITS).items():
        shape = 2 if name in LIMB_LIMITS else ()
        angles[name] = np.clip(rng.normal(means.get(name, 0), wobble, shape), *limits)
    return angles


def pose_skeleton(
    angles: Mapping[str, np.ndarray], build: Build, turn: np.ndarray
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Place all points of a body, joint by joint from the pelvis outwards.

    Args:
        angles: Joint angles in degrees, as :func:`sample_angles` returns them.
        build: Proportions of the body.
        turn: Rotation [3, 3] of the whole body; without any it stands and faces the viewer.

    Returns:
        The points [3] by name, relative to the pelvis, and the rotation [3, 3] of the head.
    """
    points = {"pelvis": np.zeros(3)}

    def attach(name: str, to: str, frame: np.ndarray, *step: float) -> None:
        points[name] = points[to] + frame @ step

    # The bend of spine and neck is shared by two joints each.
    bend, lean, twist, nod, tilt, yaw = (angles[name] / 2 for name in TRUNK_LIMITS)
    belly = turn @ _rotate(-bend, twist, lean)
    chest = belly @ _rotate(-bend, twist, lean)
    neck = chest @ _rotate(-nod, yaw, tilt)
    head = neck @ _rotate(-nod, yaw, tilt)
    attach("belly", "pelvis", belly, 0, -build.torso / 2, 0)
    attach("thorax", "belly", chest, 0, -build.torso / 2, 0)
    attach("upper_neck", "thorax", neck, 0, -build.neck, 0.012)
    attach("head_top", "upper_neck", head, 0, -build.head, 0)
    for index, (side, sign) in enumerate(SIDES.items()):
        limb = {name: angles[name][index] for name in LIMB_LIMITS}
        arm = chest @ _rotate(x=limb["arm_raise"]) @ _rotate(z=-sign * limb["arm_spread"])
        arm = arm @ _rotate(y=-sign * limb["arm_twist"])
        forearm = arm @ _rotate(x=limb["elbow"])
        lift = 0.035 * max(0, -(chest.T @ arm)[1, 1])  # a raised arm lifts its shoulder
        attach(f"{side}_shoulder", "thorax", chest, sign * build.shoulders, 0.02 - lift, 0)
        attach(f"{side}_elbow", f"{side}_shoulder", arm, 0, build.upper_arm, 0)
        attach(f"{side}_wrist", f"{side}_elbow", forearm, 0, build.forearm, 0)
        attach(f"{side}_fingers", f"{side}_wrist", forearm, 0, 0.045, 0.008)
        thigh = turn @ _rotate(x=limb["leg_raise"]) @ _rotate(z=-sign * limb["leg_spread"])
        thigh = thigh @ _rotate(y=sign * limb["leg_twist"])
        shank = thigh @ _rotate(x=-limb["knee"])
        foot = shank @ _rotate(x=-limb["toes"])
        attach(f"{side}_hip", "pelvis", turn, sign * build.hips, 0, 0)
        attach(f"{side}_knee", f"{side}_hip", thigh, 0, build.thigh, 0)
        attach(f"{side}_ankle", f"{side}_knee", shank, 0, build.shank, 0)
        attach(f"{side}_heel", f"{side}_ankle", foot, 0, 0.4 * build.foot, -0.012)
        attach(f"{side}_toes", f"{side}_ankle", foot, 0, 0.6 * build.foot, 0.085)
    return points, head


def _rotate(x: float = 0, y: float = 0, z: float = 0) -> np.ndarray:
    """Rotation [3, 3] by degrees about z, then y, then x."""
    matrix = np.eye(3)
    for axis, angle in enumerate((x, y, z)):
        i, j = (axis + 1) % 3, (axis + 2) % 3
        single = np.eye(3)
        cos, sin = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
        single[[i, i, j, j], [i, j, i, j]] = cos, -sin, sin, cos
        matrix = matrix @ single
    return matrix


def _draw_build(rng: Generator) -> Build:
    """Draw the proportions of a grown-up or a child."""
    lengths = np.array([0.152, 0.048, 0.28, 0.245, 0.235, 0.04, 0.165, 0.14, 0.1, 0.056])
    lengths *= rng.normal(1, 0.05, len(lengths)).clip(0.88, 1.12)
    if rng.random() < 0.15:
        lengths *= [1.4, 0.8, 1, 0.88, 0.88, 1, 0.9, 0.9, 0.95, 0.95]
    lengths /= lengths[:6].sum()
    return Build(*lengths.tolist(), girth=float(np.clip(rng.normal(1.02, 0.12), 0.82, 1.35)))
