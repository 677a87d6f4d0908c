"""Tests of the query of learning loss; what every query promises is in test_base.py."""

import numpy as np
import pytest

from mmal.queries import LearnedLoss
from mmal.structures import PoolScores


def select(pred_loss: dict[str, float], budget: int, seed: int = 0) -> list[str]:
    ids = list(pred_loss)
    values = np.array(list(pred_loss.values()), np.float32)
    return LearnedLoss().select(
        PoolScores(ids, ids, dict(pred_loss=values)), budget, np.random.default_rng(seed)
    )


def test_largest_predicted_loss_first():
    assert select(dict(a=-3, b=0.5, c=-0.1, d=7), 3) == ["d", "b", "c"]


@pytest.mark.parametrize("budget", [1, 10, 50])
def test_same_as_sorting_by_hand_whatever_the_order_of_the_pool(budget):
    rng = np.random.default_rng(1)
    pred_loss = {f"{i}": float(value) for i, value in enumerate(rng.normal(size=50))}
    expected = sorted(pred_loss, key=pred_loss.get, reverse=True)[:budget]
    shuffled = {i: pred_loss[i] for i in rng.permutation(list(pred_loss))}

    assert select(pred_loss, budget, seed=1) == expected
    assert select(shuffled, budget, seed=2) == expected


def test_only_equal_scores_are_put_in_random_order():
    pred_loss = dict(low=0, a=1, b=1, c=1, high=2)
    orders = {tuple(select(pred_loss, 5, seed)) for seed in range(100)}

    assert {order[0] for order in orders} == {"high"}
    assert {order[4] for order in orders} == {"low"}
    assert len({order[1:4] for order in orders}) == 6  # 3! orders of a, b and c
