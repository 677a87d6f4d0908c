"""Tests of clothes."""

import numpy as np
import pytest
from figures import BLUE, RED

from mmal.datasets.toy.outfit import PATTERNS, Cloth, draw_outfit
from mmal.datasets.toy.poses import Pose


@pytest.mark.parametrize("pattern", PATTERNS)
def test_patterns_mix_two_colours(pattern):
    u, v = np.meshgrid(np.linspace(-2, 2, 50), np.linspace(0, 3, 50))
    share = PATTERNS[pattern](u, v)

    assert share.min() == 0
    assert share.max() == (0 if pattern == "plain" else pytest.approx(1))
    np.testing.assert_allclose(
        Cloth(RED, BLUE, pattern, 1).weave(u, v), RED + share[..., None] * (BLUE - RED), atol=1e-6
    )


def test_full_camouflage_is_the_colour_behind():
    outfit = draw_outfit(np.random.default_rng(0), Pose({}), BLUE, camouflage=1)

    np.testing.assert_allclose([outfit.top.base, outfit.top.accent, outfit.shoes.base], [BLUE] * 3)
    assert abs(outfit.skin.base - BLUE).max() > 0.1  # people stay recognisable


def test_only_who_stands_wears_a_skirt():
    rng = np.random.default_rng(0)

    for pose, worn in ((Pose({}), True), (Pose({}, seat=True), False), (Pose({}, roll=90), False)):
        assert any(draw_outfit(rng, pose, BLUE, 0).skirt for _ in range(40)) == worn
