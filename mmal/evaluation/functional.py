"""How well predicted losses rank."""

import math

import numpy as np
from scipy import stats


def pair_ranking_accuracy(pred: np.ndarray, target: np.ndarray) -> float:
    """Share of all pairs of samples that the prediction puts in the right order.

    Pairs with equal target losses do not count; predictions that tie count one half; samples
    whose target loss is not finite are left out. 0.5 is chance, which means that the loss
    prediction module learnt nothing.

    Args:
        pred: Predicted losses of shape (N,).
        target: Target losses of shape (N,).

    Returns:
        A value in 0..1, higher is better; NaN if no pair counts or a prediction is NaN.

    Example:
        >>> pair_ranking_accuracy(np.array([1, 2, 3]), np.array([10, 30, 20]))
        0.6666666666666666
    """
    pred, target = _with_finite_target(pred, target)
    pairs = math.comb(len(target), 2)
    counted, untied = pairs - _ties(target), pairs - _ties(pred)
    if not counted:
        return float("nan")
    if np.isnan(pred).any():
        return float("nan")
    if not untied:
        return 0.5
    # Right minus wrong pairs by Kendall's tau-b, in N log N steps.
    tau = stats.kendalltau(pred, target).statistic
    return 0.5 + round(tau * math.sqrt(counted) * math.sqrt(untied)) / (2 * counted)


def spearman_correlation(pred: np.ndarray, target: np.ndarray) -> float:
    """Spearman's rank correlation: Pearson's of the ranks, equal values sharing their mean rank.

    Samples whose target loss is not finite are left out.

    Args:
        pred: Predicted losses of shape (N,).
        target: Target losses of shape (N,).

    Returns:
        A value in -1..1, 0 is chance; NaN if all predictions or all target losses are equal.
    """
    pred, target = _with_finite_target(pred, target)
    return float(stats.spearmanr(pred, target).statistic) if _vary(pred, target) else float("nan")


def kendall_correlation(pred: np.ndarray, target: np.ndarray) -> float:
    """Kendall's tau-b: right pairs minus wrong pairs, in proportion to those without ties.

    Samples whose target loss is not finite are left out.

    Args:
        pred: Predicted losses of shape (N,).
        target: Target losses of shape (N,).

    Returns:
        A value in -1..1, 0 is chance; NaN if all predictions or all target losses are equal.
    """
    pred, target = _with_finite_target(pred, target)
    return float(stats.kendalltau(pred, target).statistic) if _vary(pred, target) else float("nan")


def _with_finite_target(pred: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    finite = np.isfinite(target)
    return np.asarray(pred)[finite], np.asarray(target)[finite]


def _ties(values: np.ndarray) -> int:
    """Count the pairs of equal values."""
    return sum(math.comb(count, 2) for count in np.unique(values, return_counts=True)[1].tolist())


def _vary(pred: np.ndarray, target: np.ndarray) -> bool:
    return len(np.unique(pred)) > 1 and len(np.unique(target)) > 1
