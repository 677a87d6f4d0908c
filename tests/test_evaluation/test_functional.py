"""Tests of the ranking measures, against loops over all pairs and published formulas."""

import math
from itertools import combinations

import numpy as np
import pytest
from scipy.stats import kendalltau

from mmal.evaluation import kendall_correlation, pair_ranking_accuracy, spearman_correlation


def by_loop(pred: np.ndarray, target: np.ndarray) -> float:
    """The definition, pair by pair."""
    points = []
    for i, j in combinations(range(len(target)), 2):
        if not (math.isfinite(target[i]) and math.isfinite(target[j])) or target[i] == target[j]:
            continue
        if pred[i] == pred[j]:
            points.append(0.5)
        else:
            points.append(float((pred[i] > pred[j]) == (target[i] > target[j])))
    return math.fsum(points) / len(points)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("noise", [0, 0.3, 3])
def test_equals_kendalls_tau_without_ties(seed, noise):
    rng = np.random.default_rng(seed)
    target = rng.normal(size=80)
    pred = -2 * target + noise * rng.normal(size=80)

    # Without ties tau is right pairs minus wrong pairs, over all pairs.
    expected = (kendalltau(pred, target).statistic + 1) / 2
    assert pair_ranking_accuracy(pred, target) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16, np.int64])
@pytest.mark.parametrize("seed", range(3))
def test_equals_a_loop_with_ties(seed, dtype):
    rng = np.random.default_rng(seed)
    pred, target = rng.integers(-4, 4, size=(2, 60)).astype(dtype)

    assert pair_ranking_accuracy(pred, target) == pytest.approx(by_loop(pred, target), abs=1e-12)


def test_target_losses_that_are_not_finite_are_left_out():
    rng = np.random.default_rng(0)
    pred, target = rng.normal(size=(2, 40))
    target[[0, 7, 39]] = np.nan, np.inf, -np.inf

    assert pair_ranking_accuracy(pred, target) == pytest.approx(by_loop(pred, target), abs=1e-12)


@pytest.mark.parametrize(
    ("pred", "target", "expected"),
    [
        ([1, 2, 3], [10, 30, 20], 2 / 3),  # (1, 2) and (1, 3) are right, (2, 3) is not
        ([1, 2], [5, 6], 1),
        ([2, 1], [5, 6], 0),
        ([0, 0, 0], [1, 2, 3], 0.5),  # a module that learnt nothing
        ([3, 3, 1], [1, 2, 3], 1 / 6),  # a tie and two wrong
        ([1, 2, 3], [5, 5, 6], 1),  # the first pair does not count
        ([np.inf, np.inf], [1, 2], 0.5),  # a tie, too
        ([np.inf, 1], [2, 1], 1),
    ],
)
def test_values_by_hand(pred, target, expected):
    accuracy = pair_ranking_accuracy(np.array(pred, float), np.array(target, float))

    assert isinstance(accuracy, float)
    assert accuracy == pytest.approx(expected, abs=1e-15)


@pytest.mark.parametrize("target", [[], [1.0], [2.0, 2.0, 2.0], [1.0, np.nan], [np.inf, np.inf]])
def test_nan_if_no_pair_counts(target):
    assert math.isnan(pair_ranking_accuracy(np.arange(len(target)), np.array(target)))


def test_nan_if_a_prediction_is_none_and_half_if_all_are_equal():
    assert math.isnan(pair_ranking_accuracy(np.array([1, np.nan, 3]), np.array([1, 2, 3])))
    assert pair_ranking_accuracy(np.full(3, np.inf), np.array([1, 2, 3])) == 0.5


def ranks_by_counting(values: np.ndarray) -> np.ndarray:
    """The mean of the places that equal values share, counted from 1."""
    below = (values[None] < values[:, None]).sum(axis=1)
    equal = (values[None] == values[:, None]).sum(axis=1)
    return below + (equal + 1) / 2


@pytest.mark.parametrize("seed", range(3))
def test_spearman_is_pearsons_correlation_of_ranks_with_ties(seed):
    pred, target = np.random.default_rng(seed).integers(-4, 4, size=(2, 60)).astype(float)
    pred += target

    expected = np.corrcoef(ranks_by_counting(pred), ranks_by_counting(target))[0, 1]
    assert spearman_correlation(pred, target) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_kendall_is_tau_b(seed):
    """Kendall, "The treatment of ties in ranking problems", Biometrika 1945."""
    pred, target = np.random.default_rng(seed).integers(-4, 4, size=(2, 60)).astype(float)
    pred += target
    a, b = (np.sign(v[:, None] - v[None]) for v in (pred, target))

    expected = (a * b).sum() / math.sqrt((a * a).sum() * (b * b).sum())
    assert kendall_correlation(pred, target) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("correlation", [spearman_correlation, kendall_correlation])
def test_correlations_leave_out_and_know_their_limits(correlation):
    pred, target = np.array([1, 2, 3, 9.0]), np.array([10, 20, 30, np.nan])
    assert correlation(pred, target) == pytest.approx(1)
    assert correlation(-pred, target) == pytest.approx(-1)
    for constant in (np.zeros(4), np.array([])):
        assert math.isnan(correlation(constant, target[: len(constant)]))
    assert math.isnan(correlation(pred, np.full(4, 2.0)))
