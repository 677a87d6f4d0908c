"""Tests of what curves of several queries and trials amount to."""

import math

import numpy as np
import pytest

from mmal.evaluation.summary import summarize


def curve(values: list[float], boxes: list[int]) -> list[dict[str, float]]:
    rows = zip((100, 200, 300), boxes, values, strict=True)
    return [{"labeled": n, "boxes": b, "mAP": v} for n, b, v in rows]


@pytest.fixture
def curves() -> dict:
    return {
        "Random": {
            0: curve([0.1, 0.2, 0.4], [10, 20, 30]),
            1: curve([0.1, 0.3, 0.5], [10, 20, 30]),
        },
        "Ours": {
            0: curve([0.1, 0.4, 0.6], [10, 30, 50]),
            1: curve([0.1, 0.5, 0.5], [10, 40, 60]),
            2: curve([0.9, 0.9, 0.9], [10, 40, 60]),  # Random has no trial of this seed yet
        },
    }


def test_over_labels(curves):
    random, ours = summarize(curves, "mAP", baseline="Random")

    assert random.query == "Random"
    assert random.trials == ours.trials == 2
    np.testing.assert_allclose(ours.mean, [0.1, 0.45, 0.55])
    np.testing.assert_allclose(ours.std, [0, math.sqrt(0.005), math.sqrt(0.005)], atol=1e-12)
    # Trapezoids by hand: Random (0.15 + 0.3) / 2 and (0.2 + 0.4) / 2, Ours 0.375 and 0.4.
    assert random.area == pytest.approx((0.225 + 0.3) / 2)
    assert ours.area == pytest.approx((0.375 + 0.4) / 2)
    assert random.gain is None
    assert ours.gain.estimate == pytest.approx((0.15 + 0.1) / 2)
    assert (ours.gain.low, ours.gain.high) == (pytest.approx(0.1), pytest.approx(0.15))
    # Random ends at 0.45, where Ours is with 200 labels.
    assert ours.saved == pytest.approx(100)
    assert random.saved is None


def test_over_boxes_up_to_what_all_queries_of_a_seed_have_spent(curves):
    _, ours = summarize(curves, "mAP", baseline="Random", cost="boxes")

    # Seed 0: up to 30 boxes, from 0.1 to 0.4; seed 1: up to 30, from 0.1 to 0.1 + 0.4 * 20 / 30.
    assert ours.area == pytest.approx((0.25 + (0.1 + 0.1 + 0.8 / 3) / 2) / 2)


def test_round_without_detections_counts_as_zero(curves):
    del curves["Ours"][0][0]["mAP"]

    assert summarize(curves, "mAP", "Random")[1].mean[0] == pytest.approx(0.05)


def test_query_that_never_gets_there_saves_nothing(curves):
    curves["Ours"] = {0: curve([0.1] * 3, [1, 2, 3]), 1: curve([0.1] * 3, [1, 2, 3])}

    assert math.isnan(summarize(curves, "mAP", "Random")[1].saved)


def test_no_seed_in_common(curves):
    del curves["Ours"][0], curves["Ours"][1]

    with pytest.raises(ValueError, match="no finished trial of the same seed"):
        summarize(curves, "mAP", "Random")
