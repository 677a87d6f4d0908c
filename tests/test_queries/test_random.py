"""Tests of the random query; what every query promises is in test_base.py."""

from collections import Counter

import numpy as np

from mmal.queries import Random
from mmal.structures import PoolScores


def test_scores_are_neither_needed_nor_used():
    ids = list("abcdef")
    without = PoolScores(ids, ids)
    scored = PoolScores(ids, ids, dict(pred_loss=np.array([np.nan, 1, 2, 3, 4, 5])))

    assert Random.requires == ()
    assert Random().select(without, 3, np.random.default_rng(0)) == Random().select(
        scored, 3, np.random.default_rng(0)
    )


def test_all_ordered_picks_are_equally_likely():
    ids = list("abcd")
    scores = PoolScores(ids, ids)
    counts = Counter(
        tuple(Random().select(scores, 2, np.random.default_rng(seed))) for seed in range(1200)
    )

    # 4 * 3 ordered pairs, 100 each, with a binomial deviation of sqrt(1200 * 1/12 * 11/12) = 9.6.
    assert len(counts) == 12
    assert max(abs(n - 100) for n in counts.values()) < 4 * 9.6
