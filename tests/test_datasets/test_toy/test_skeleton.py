"""Tests of the skeletons: where the joints are, whatever the pose."""

import numpy as np
import pytest
from figures import BUILD, make_body

from mmal.datasets.toy.poses import COMMON_POSES, LIMB_LIMITS, RARE_POSES, TRUNK_LIMITS, Pose
from mmal.datasets.toy.skeleton import JOINTS, draw_body, sample_angles


def test_joints_are_those_of_mpii():
    mpii = pytest.importorskip("mmpose.datasets.datasets.body").MpiiDataset(lazy_init=True).metainfo

    assert tuple(mpii["keypoint_id2name"][index] for index in range(16)) == JOINTS


def test_right_is_the_right_of_the_figure():
    front = make_body(arm_spread=[30, 30])
    back = make_body(turn=np.diag([-1.0, 1, -1]), arm_spread=[30, 30])

    for part in ("ankle", "knee", "hip", "wrist", "elbow", "shoulder"):
        assert front.at(f"right_{part}")[0] < front.at(f"left_{part}")[0]
        assert back.at(f"right_{part}")[0] > back.at(f"left_{part}")[0]


def test_angles_move_the_limb_they_name():
    rest = make_body()
    # A right angle each: the forearm forward, the left arm and leg sideways, the shank back.
    moved = make_body(elbow=[90, 0], arm_spread=[0, 90], knee=[90, 0], leg_spread=[0, 60])
    depth = {name: moved.points[name][2] for name in moved.points}

    np.testing.assert_allclose(moved.at("right_elbow"), rest.at("right_elbow"))
    np.testing.assert_allclose(moved.at("right_wrist"), moved.at("right_elbow"), atol=1e-9)
    assert depth["right_wrist"] == pytest.approx(BUILD.forearm)
    assert depth["right_ankle"] == pytest.approx(-BUILD.shank)
    reach = 100 * (BUILD.upper_arm + BUILD.forearm)
    np.testing.assert_allclose(
        moved.at("left_wrist") - moved.at("left_shoulder"), (reach, 0), atol=1e-9
    )
    side, down = (moved.at("left_knee") - moved.at("left_hip")) / (100 * BUILD.thigh)
    assert (side, down) == (pytest.approx(0.75**0.5), pytest.approx(0.5))


@pytest.mark.parametrize("pose", [*COMMON_POSES[::4], *RARE_POSES[::4]])
def test_limbs_keep_their_length(pose):
    body = draw_body(np.random.default_rng(0), pose, wobble=15, elevation=20)

    def length(a: str, b: str) -> float:
        return float(np.linalg.norm(body.points[a] - body.points[b]))

    for side in ("right", "left"):
        for a, b, name in [
            ("shoulder", "elbow", "upper_arm"),
            ("elbow", "wrist", "forearm"),
            ("hip", "knee", "thigh"),
            ("knee", "ankle", "shank"),
        ]:
            assert length(f"{side}_{a}", f"{side}_{b}") == pytest.approx(getattr(body.build, name))
    assert length("upper_neck", "head_top") == pytest.approx(body.build.head)
    assert sum(body.build[:6]) == pytest.approx(1)


@pytest.mark.parametrize("wobble", [0, 60])
def test_angles_are_within_what_a_body_can_do(wobble):
    rng = np.random.default_rng(0)
    for pose in (*COMMON_POSES, *RARE_POSES):
        assert set(pose.angles) <= {*TRUNK_LIMITS, *LIMB_LIMITS}
        angles = sample_angles(rng, pose, wobble)
        for name, (low, high) in (TRUNK_LIMITS | LIMB_LIMITS).items():
            assert np.shape(angles[name]) == ((2,) if name in LIMB_LIMITS else ())
            assert (low <= angles[name]).all()
            assert (angles[name] <= high).all()
            if not wobble and name in pose.angles:  # the means themselves are possible
                np.testing.assert_array_equal(
                    angles[name], np.broadcast_to(pose.angles[name], np.shape(angles[name]))
                )


def test_pose_decides_which_way_up():
    rng = np.random.default_rng(0)
    for pose in (*COMMON_POSES, *RARE_POSES):
        for _ in range(3):
            body = draw_body(rng, pose, wobble=5, elevation=5)
            width, height = np.diff(body.corners(), axis=0)[0]
            up = body.at("pelvis")[1] - body.at("head_top")[1]
            if pose.roll == 180:
                assert up < -0.3
            elif pose in COMMON_POSES:
                assert up > 0.35
                assert body.at("right_ankle")[1] > body.at("right_hip")[1] + 0.3
            elif abs(pose.pitch) > 86:  # lying
                assert width > 1.5 * height


def test_half_of_the_bodies_are_mirrored():
    waving = Pose(dict(arm_spread=(9, 150)), views=(0,))
    rng = np.random.default_rng(0)
    bodies = [draw_body(rng, waving, wobble=0, elevation=0) for _ in range(40)]

    left = [body.at("left_wrist")[1] < body.at("right_wrist")[1] for body in bodies]
    assert 10 < sum(left) < 30
