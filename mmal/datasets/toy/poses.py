"""Kinds of poses as joint angles, and how far the joints of a body turn."""

from collections.abc import Mapping
from dataclasses import dataclass

# Degrees. bend and nod go forward; lean, twist, tilt and turn go to either side. Of a limb, raise
# goes forward and spread away from the body; twist turns the forearm inwards, the toes outwards.
TRUNK_LIMITS = dict(
    bend=(-30, 75), lean=(-25, 25), twist=(-35, 35), nod=(-35, 45), tilt=(-25, 25), turn=(-60, 60)
)
ARM_LIMITS = dict(arm_raise=(-55, 180), arm_spread=(-20, 170), arm_twist=(-95, 95), elbow=(0, 145))
LEG_LIMITS = dict(
    leg_raise=(-35, 120), leg_spread=(-12, 65), leg_twist=(-20, 45), knee=(0, 145), toes=(-15, 60)
)
LIMB_LIMITS = ARM_LIMITS | LEG_LIMITS
RELAXED = dict(arm_spread=9, elbow=14, leg_spread=4, leg_twist=8, knee=3)
ANY_VIEW = (0, 0, 25, -25, 50, -50, 90, -90, 155, 180, -155)
FACING = (0, 0, 20, -20, 40, -40, 180)
SIDEWAYS = (90, -90, 65, -65)


@dataclass(frozen=True)
class Pose:
    """A kind of pose: mean joint angles, for limbs (right, left) or both, and how to show it."""

    angles: Mapping[str, float | tuple[float, float]]
    views: tuple[float, ...] = ANY_VIEW  # turns about the vertical; 0 faces the viewer
    pitch: float = 0  # by how much the whole body has fallen forward
    roll: float = 0  # by how much the whole body has fallen to a side
    airborne: bool = False
    seat: bool = False  # it sits on something


COMMON_POSES = (
    Pose({}),
    Pose(dict(leg_spread=(4, 16), lean=5, arm_spread=(12, 20))),
    Pose(dict(arm_spread=48, arm_raise=-18, arm_twist=85, elbow=92, leg_spread=10), FACING),
    Pose(dict(arm_spread=(9, 105), arm_twist=(0, -90), elbow=(14, 75)), FACING),
    Pose(dict(arm_spread=(9, 150), arm_twist=(0, -60), elbow=(14, 20), turn=15), FACING),
    Pose(dict(arm_spread=88, elbow=8, leg_spread=10), FACING),
    Pose(dict(arm_spread=138, arm_twist=-80, elbow=25, leg_spread=12), FACING),
    Pose(dict(arm_raise=(10, 55), arm_spread=14, arm_twist=(0, 25), elbow=(14, 125))),
    Pose(dict(arm_raise=(8, 88), elbow=(14, 6), turn=10)),
    Pose(dict(arm_raise=38, arm_spread=12, arm_twist=55, elbow=105), FACING),
    Pose(dict(leg_raise=(26, -20), knee=(8, 24), arm_raise=(-26, 26), elbow=25), SIDEWAYS),
    Pose(dict(leg_raise=(24, -18), knee=(8, 30), arm_raise=(-20, 24), elbow=18), ANY_VIEW),
)
"""Standing, hands on the hips, waving, arms out or up, at the phone, pointing, walking."""
RARE_POSES = (
    Pose(  # running, a kick, a lunge, a jump
        dict(leg_raise=(68, -24), knee=(85, 70), arm_raise=(-45, 48), elbow=95, bend=16),
        (*SIDEWAYS, 40, -40),
        airborne=True,
    ),
    Pose(dict(leg_raise=(98, -6), knee=(12, 8), arm_raise=(20, 60), elbow=60, bend=-8)),
    Pose(dict(leg_raise=(78, -26), knee=(86, 18), arm_spread=70, elbow=30), (*SIDEWAYS, 45, -45)),
    Pose(dict(leg_spread=38, arm_spread=132, elbow=10, toes=40), FACING, airborne=True),
    Pose(  # sitting on a box and on the floor, squatting
        dict(leg_raise=88, knee=86, leg_spread=12, arm_raise=28, elbow=45, bend=8), seat=True
    ),
    Pose(
        dict(leg_raise=(92, 84), knee=(84, 60), arm_raise=(30, 62), elbow=(60, 110), bend=16),
        SIDEWAYS,
        seat=True,
    ),
    Pose(dict(leg_raise=95, knee=14, leg_spread=12, arm_raise=-28, elbow=12, bend=10), SIDEWAYS),
    Pose(dict(leg_raise=112, knee=132, bend=40, leg_spread=18, arm_raise=60, elbow=40, nod=-15)),
    Pose(  # handstands, a cartwheel
        dict(arm_raise=172, elbow=4, leg_raise=(22, -12), knee=(18, 6), toes=45), roll=180
    ),
    Pose(dict(arm_raise=168, elbow=5, leg_spread=38, toes=40, arm_spread=12), FACING, roll=180),
    Pose(dict(arm_spread=145, leg_spread=42, elbow=5, toes=40), (0, 180, 15, -15), roll=105),
    Pose(  # lying on the back, on the front, on a side; on all fours
        dict(arm_spread=35, elbow=35, knee=(8, 55), leg_raise=(4, 35)), SIDEWAYS, pitch=-90
    ),
    Pose(dict(arm_raise=150, elbow=70, leg_spread=10, knee=(10, 30), toes=50), SIDEWAYS, pitch=88),
    Pose(dict(leg_raise=(30, 55), knee=(45, 75), arm_raise=60, elbow=80), (0, 15, -15), roll=88),
    Pose(dict(leg_raise=88, knee=88, arm_raise=86, elbow=8, nod=-30, toes=55), SIDEWAYS, pitch=84),
    # Touching the toes, scales, tree (both on one leg), a side bend.
    Pose(dict(bend=72, leg_raise=28, knee=12, arm_raise=70, elbow=12, nod=20), SIDEWAYS),
    Pose(dict(leg_raise=(-34, 0), knee=(30, 0), bend=38, arm_spread=80, nod=-20), SIDEWAYS),
    Pose(dict(leg_spread=(40, 3), leg_twist=(40, 5), knee=(110, 2), arm_spread=158, elbow=22)),
    Pose(dict(lean=24, tilt=15, arm_spread=(12, 162), leg_spread=20), FACING),
)
"""Sport, sitting, lying, upside down."""
