"""Tests of painted figures. Joints are checked against what is painted where they are."""

import numpy as np
import pytest
from figures import get_material, make_body, make_outfit

from mmal.datasets.toy.figure_painter import paint_figure
from mmal.datasets.toy.outfit import HAIRCUTS

SIZE = 128
FRONTAL_LIGHT = np.array([0.0, 0.0, 1.0])


def test_joints_lie_on_the_limbs_they_are_named_after():
    body = make_body(arm_spread=[60, 60], leg_spread=[15, 15])
    sprite = paint_figure(body, make_outfit(), FRONTAL_LIGHT, SIZE)

    expected = dict.fromkeys(["upper_neck", "right_wrist", "left_wrist"], "skin")
    expected |= dict.fromkeys(
        ["pelvis", "right_hip", "left_hip", "right_knee", "left_knee"], "bottom"
    )
    expected |= dict.fromkeys(
        ["right_elbow", "left_elbow", "right_shoulder", "left_shoulder"], "top"
    )
    found = {name: get_material(sprite, body.at(name)) for name in expected}
    assert found == expected
    # The skin begins half way down shank and forearm, the shoe below the ankle.
    assert get_material(sprite, body.at("right_ankle") - (0, 5)) == "skin"
    assert get_material(sprite, body.at("right_toes")) == "shoes"
    inside_head = 0.85 * body.at("head_top") + 0.15 * body.at("upper_neck")
    assert get_material(sprite, inside_head) == "hair"


def test_nothing_is_painted_away_from_the_bones():
    body = make_body(arm_spread=[90, 90])
    sprite = paint_figure(body, make_outfit(), FRONTAL_LIGHT, SIZE)

    aside = np.array([0, 7])
    for name in ("right_wrist", "right_elbow", "left_elbow", "left_wrist"):
        assert get_material(sprite, body.at(name) - aside) is None
        assert get_material(sprite, body.at(name) + aside) is None
    assert get_material(sprite, (body.at("right_ankle") + body.at("left_ankle")) / 2) is None


def test_standing_height_is_the_height():
    body = make_body()
    sprite = paint_figure(body, make_outfit(), FRONTAL_LIGHT, SIZE)

    # Head and feet are shortened by nothing, the soles stick out of the skeleton a little.
    assert np.count_nonzero(sprite.alpha.any(axis=1)) == pytest.approx(100, abs=4)


@pytest.mark.parametrize("yaw", [0, 90, 180])
def test_head_box_is_where_the_head_is_painted(yaw):
    cos, sin = np.cos(np.deg2rad(yaw)), np.sin(np.deg2rad(yaw))
    body = make_body(turn=np.array([[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]]))
    left, top, right, bottom = body.head_box()
    sprite = paint_figure(body, make_outfit(haircut="bald"), FRONTAL_LIGHT, SIZE)

    assert top == pytest.approx(body.at("head_top")[1])
    assert bottom == pytest.approx(body.at("upper_neck")[1])
    assert np.flatnonzero(sprite.alpha.any(axis=1))[0] == pytest.approx(top, abs=1)
    middle = round((top + bottom) / 2)  # the row where the head is widest
    columns = np.flatnonzero(sprite.alpha[middle] > 0.5)
    assert columns[[0, -1]] == pytest.approx([left, right], abs=1)


def test_a_figure_beyond_the_picture_is_an_empty_sprite():
    body = make_body()._replace(origin=(400, 70))
    sprite = paint_figure(body, make_outfit(), FRONTAL_LIGHT, SIZE)

    assert not sprite.alpha.any()


@pytest.mark.parametrize("haircut", sorted(set(HAIRCUTS)))
def test_hair_does_not_hide_the_face(haircut):
    body = make_body()
    outfit = make_outfit(haircut=haircut, beard=haircut == "bald", skirt=0.8)
    sprite = paint_figure(body, outfit, FRONTAL_LIGHT, SIZE)

    cheek = body.skull()[0] + (4.5, 1.5)
    assert get_material(sprite, cheek) == "skin"
