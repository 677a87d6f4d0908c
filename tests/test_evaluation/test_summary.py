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
    summary = summarize(curves, "mAP", baseline="Random")
    random, ours = summary.queries

    assert summary.seeds == [0, 1]  # Random has no trial of seed 2
    assert summary.rises
    assert summary.compared == [ours]
    assert random.query == "Random"
    assert random.trials == ours.trials == 2
    np.testing.assert_allclose(ours.mean, [0.1, 0.45, 0.55])
    np.testing.assert_allclose(ours.std, [0, math.sqrt(0.005), math.sqrt(0.005)], atol=1e-12)
    # Trapezoids by hand: Random (0.15 + 0.3) / 2 and (0.2 + 0.4) / 2, Ours 0.375 and 0.4.
    assert random.area == pytest.approx((0.225 + 0.3) / 2)
    assert ours.area == pytest.approx((0.375 + 0.4) / 2)
    assert random.gain is None
    np.testing.assert_allclose(ours.gain.by_seed, [0.15, 0.1])
    assert ours.gain.estimate == pytest.approx((0.15 + 0.1) / 2)
    assert math.isnan(ours.gain.interval.low)
    assert ours.gain.relative(ours.gain.estimate) == pytest.approx(0.125 / 0.2625)
    # Above Random in three of four rounds, equal in one.
    assert ours.gain.rounds_above == pytest.approx(3.5 / 4)
    # Random ends at 0.45, where Ours is with 200 labels.
    assert ours.gain.saved == pytest.approx(100)


def test_over_boxes_up_to_what_all_queries_of_a_seed_have_spent(curves):
    _, ours = summarize(curves, "mAP", baseline="Random", cost="boxes").queries

    # Seed 0: up to 30 boxes, from 0.1 to 0.4; seed 1: up to 30, from 0.1 to 0.1 + 0.4 * 20 / 30.
    assert ours.area == pytest.approx((0.25 + (0.1 + 0.1 + 0.8 / 3) / 2) / 2)
    # Of seed 0, 30 boxes, where both are at 0.4, count; of seed 1 Random has none of 40.
    curves["Ours"][1][1]["boxes"] = 25
    _, ours = summarize(curves, "mAP", baseline="Random", cost="boxes").queries
    # Seed 1: 0.5 with 25 boxes, where Random is at 0.4.
    assert ours.gain.rounds_above == pytest.approx((0.5 + 1) / 2)
    # Means: Ours at 0.45 with 27.5 boxes, Random with 30.
    assert ours.gain.saved == pytest.approx(2.5)


def test_round_without_detections_counts_as_zero(curves):
    del curves["Ours"][0][0]["mAP"]

    assert summarize(curves, "mAP", "Random").queries[1].mean[0] == pytest.approx(0.05)


def test_query_that_never_gets_there_saves_nothing(curves):
    curves["Ours"] = {0: curve([0.1] * 3, [1, 2, 3]), 1: curve([0.1] * 3, [1, 2, 3])}

    assert math.isnan(summarize(curves, "mAP", "Random").queries[1].gain.saved)


def test_what_falls_at_the_end_saves_nothing_over_itself(curves):
    for query in curves:
        curves[query] = {seed: curve([0.1, 0.5, 0.4], [1, 2, 3]) for seed in (0, 1)}

    assert summarize(curves, "mAP", "Random").queries[1].gain.saved == 0


def test_baseline_that_does_not_rise_leaves_nothing_to_save(curves):
    for trial in curves["Random"].values():
        trial[-1]["mAP"] = 0.1
    summary = summarize(curves, "mAP", "Random")

    assert not summary.rises
    assert summary.queries[1].gain.saved is None


def test_no_seed_in_common(curves):
    del curves["Ours"][0], curves["Ours"][1]

    with pytest.raises(ValueError, match="no finished trial of the same seed"):
        summarize(curves, "mAP", "Random")
