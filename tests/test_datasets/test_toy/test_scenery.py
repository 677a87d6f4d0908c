"""Tests of the places and the things in them."""

import numpy as np
import pytest
from figures import make_body

from mmal.datasets.toy.scenery import THINGS, draw_seat, draw_shadow, draw_stage

SIZE = 128


def test_stages_are_pictures_with_a_horizon():
    for seed in range(12):  # each kind of place is among them
        stage = draw_stage(np.random.default_rng(seed), SIZE)

        assert stage.canvas.shape == (SIZE, SIZE, 3)
        assert stage.canvas.dtype == np.float32
        assert stage.canvas.min() >= 0
        assert stage.canvas.max() <= 1
        assert 0.5 * SIZE <= stage.horizon <= 0.75 * SIZE
        assert np.linalg.norm(stage.light) == pytest.approx(1)


@pytest.mark.parametrize("draw", THINGS, ids=lambda draw: draw.__name__)
def test_things_stand_where_they_are_put(draw):
    rng = np.random.default_rng(0)
    sprite = draw(rng, draw_stage(rng, SIZE), np.array([64.0, 110.0]), 80)

    rows, columns = np.nonzero(sprite.alpha > 0.5)
    assert rows.max() == pytest.approx(110, abs=4)
    assert columns.min() < 64 < columns.max()
    assert sprite.paint.min() >= 0
    assert sprite.paint.max() <= 1


def test_seat_and_shadow_are_below_the_figure():
    body = make_body()
    seat, shadow = (
        draw_seat(np.random.default_rng(0), body, 118, SIZE),
        draw_shadow(body, 118, SIZE),
    )

    x, y = np.rint(body.at("pelvis")).astype(int)
    assert seat.alpha[y + 10 : 118, x].min() > 0.5
    assert not seat.alpha[y - 5].any()
    assert np.argmax(shadow.alpha.max(axis=1)) == 118
    assert shadow.alpha.max() < 0.5  # hides nothing
