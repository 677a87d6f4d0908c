"""Whether picks mean anything."""

import numpy as np
import pytest

from mmal.engine.doubts import chance_limit, doubt_about_ranking, doubt_about_scores
from mmal.evaluation.functional import pair_ranking_accuracy
from mmal.structures import PoolScores


@pytest.mark.parametrize("samples", [10, 100])
def test_one_meaningless_prediction_of_forty_is_above_the_limit(samples: int) -> None:
    rng = np.random.default_rng(0)
    found = [pair_ranking_accuracy(*rng.normal(size=(2, samples))) for _ in range(2000)]
    assert np.mean(np.array(found) > chance_limit(samples)) == pytest.approx(0.025, abs=0.012)


def test_rankings_above_the_limit_raise_no_doubt() -> None:
    assert doubt_about_ranking(0.68, 500) is None
    assert "0.510 of 500 test samples is within chance" in doubt_about_ranking(0.51, 500)
    assert "0.300 of 500 test samples is worse than chance" in doubt_about_ranking(0.3, 500)
    assert "no two" in doubt_about_ranking(float("nan"), 500)
    for few in (1, 2, 3):
        assert "too few" in doubt_about_ranking(0.7, few)


def test_collapse_is_said() -> None:
    assert "90% of the module's units are 0" in doubt_about_ranking(0.5, 100, 0.9)
    assert "units" not in doubt_about_ranking(0.5, 100, 0.1)


def scores(**fields: np.ndarray) -> PoolScores:
    ids = [str(i) for i in range(len(next(iter(fields.values()))))]
    return PoolScores(ids, ids, fields)


@pytest.mark.parametrize("level", [0.0, 1.0, -3000.0])
def test_scores_that_differ_by_rounding_alone(level: float) -> None:
    rng = np.random.default_rng(0)
    same = np.float32(level) + rng.normal(size=100).astype(np.float32) * 6e-8 * max(1, abs(level))
    equal = scores(pred_loss=same.astype(np.float32))
    assert "pred_loss of all 100 candidates is the same" in doubt_about_scores(equal, ["pred_loss"])
    assert doubt_about_scores(equal, []) is None
    assert doubt_about_scores(equal, ["features"]) is None  # as in other processes than the main
    others = scores(pred_loss=same + rng.normal(size=100))
    assert doubt_about_scores(others, ["pred_loss"]) is None


def test_vectors_single_samples_and_nan() -> None:
    assert doubt_about_scores(scores(features=np.zeros((5, 3))), ["features"]) is None
    assert doubt_about_scores(scores(pred_loss=np.zeros(1)), ["pred_loss"]) is None
    assert "not finite" in doubt_about_scores(scores(pred_loss=np.full(3, np.nan)), ["pred_loss"])
    one_nan = np.array([np.nan, 0.1, 0.4], np.float32)
    assert doubt_about_scores(scores(pred_loss=one_nan), ["pred_loss"]) is None
