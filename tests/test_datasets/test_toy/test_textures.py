"""Tests of the textures."""

import numpy as np
import pytest

from mmal.datasets.toy.textures import TEXTURES, colour_field, draw_colour

SIZE = 128


@pytest.mark.parametrize("texture", TEXTURES, ids=lambda texture: texture.__name__)
def test_textures_fill_the_unit_interval(texture):
    for seed in range(5):
        field = texture(np.random.default_rng(seed), SIZE)

        assert field.shape == (SIZE, SIZE)
        assert field.min() >= 0
        assert field.max() <= 1
        assert np.ptp(field) > 0.3


def test_field_is_coloured_from_the_first_to_the_last_tone():
    tones = np.array([(1, 0, 0), (0, 1, 0), (0, 0, 0.5)])
    expected = [tones[0], (tones[0] + tones[1]) / 2, tones[1], tones[2]]

    np.testing.assert_allclose(colour_field(np.array([0, 0.25, 0.5, 1]), tones), expected)


def test_colours_have_the_hue_asked_for():
    rng = np.random.default_rng(0)

    np.testing.assert_allclose(draw_colour(rng, (1 / 3, 1 / 3), (1, 1), (0.5, 0.5)), (0, 0.5, 0))
    np.testing.assert_allclose(
        draw_colour(rng, (4 / 3, 4 / 3), (1, 1), (1, 1)), (0, 1, 0), atol=1e-9
    )
