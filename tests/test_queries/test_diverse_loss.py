"""Tests of how predicted loss and diversity share a pick; the clustering has its own tests."""

import numpy as np
import pytest

from mmal.queries import build_query
from mmal.queries.picking import k_means_members
from mmal.structures import PoolScores

CALM, DIFFICULT = 100, 200


def scores_of(features: np.ndarray, pred_loss: np.ndarray) -> PoolScores:
    ids = [str(i) for i in range(len(features))]
    return PoolScores(ids, ids, dict(features=features, pred_loss=pred_loss))


@pytest.fixture
def pool() -> PoolScores:
    """Two equal clouds; the predicted loss is small in the one, large in the other."""
    rng = np.random.default_rng(0)
    features = rng.normal(size=(DIFFICULT, 8)).astype(np.float32)
    features[CALM:, 0] += 20
    return scores_of(features, np.arange(DIFFICULT, dtype=np.float32))


def labeled(count: int) -> PoolScores:
    """Far from both clouds: they take no candidate from a centre."""
    far = np.full((count, 8), 1e3, np.float32)
    return scores_of(far, np.zeros(count, np.float32))


def difficult_picks(pool: PoolScores, known: PoolScores | None, **parameters) -> float:
    """How many of 40 picks are difficult, on average."""
    query = build_query(dict(type="DiverseLoss", **parameters))
    drawn = (query.select(pool, 40, np.random.default_rng(s), known) for s in range(20))
    return float(np.mean([sum(int(i) >= CALM for i in picks) for picks in drawn]))


def test_the_more_is_labelled_the_more_the_loss_counts(pool: PoolScores) -> None:
    few, many = difficult_picks(pool, labeled(2)), difficult_picks(pool, labeled(2000))
    assert few == pytest.approx(20, abs=1.5)
    assert many > few + 1.5
    # Where the labelled samples are not known it counts by half.
    assert few < difficult_picks(pool, None) < many + 1.5


def test_emphasis_multiplies_the_share(pool: PoolScores) -> None:
    without = difficult_picks(pool, labeled(2000), emphasis=0)
    assert without == pytest.approx(20, abs=1.5)
    assert difficult_picks(pool, labeled(2000), emphasis=4) > without + 4


def test_is_weighted_k_means_on_the_features(pool: PoolScores) -> None:
    features = pool.fields["features"]
    query = build_query(dict(type="DiverseLoss", emphasis=2))
    picks = query.select(pool, 9, np.random.default_rng(3), labeled(50))

    # Ranks 1..200 of 200, to the power of twice the share 50 / 250.
    weights = ((np.arange(DIFFICULT) + 1) / DIFFICULT) ** 0.4
    known, rng = labeled(50).fields["features"], np.random.default_rng(3)
    expected = k_means_members(features, known, 9, rng, weights.astype(np.float32))
    assert picks == [str(i) for i in expected]


def test_an_emphasis_that_leaves_nothing_of_small_ranks(pool: PoolScores) -> None:
    query = build_query(dict(type="DiverseLoss", emphasis=100))
    picks = query.select(pool, DIFFICULT, np.random.default_rng(0), labeled(2000))
    assert len(set(picks)) == DIFFICULT


@pytest.mark.parametrize("emphasis", [-1, "much", None, 101, float("inf"), float("nan")])
def test_other_emphases_are_refused(emphasis: object) -> None:
    with pytest.raises(
        ValueError, match=r"'emphasis' parameter of DiverseLoss must be a number in 0\.\.100"
    ):
        build_query(dict(type="DiverseLoss", emphasis=emphasis))
