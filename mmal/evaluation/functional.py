"""How well predicted losses rank."""

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
        A value in 0..1, higher is better; NaN if no pair counts.

    Example:
        >>> pair_ranking_accuracy(np.array([1, 2, 3]), np.array([10, 30, 20]))
        0.6666666666666666
    """
    pred, target = _with_finite_target(pred, target)
    right, counted = 0.0, 0
    for i in range(1, len(target)):  # a row at a time: memory stays O(N)
        order = np.sign(target[:i] - target[i])
        # Comparisons, not differences: infinite predictions have none.
        agreement = ((pred[:i] > pred[i]) * 1 - (pred[:i] < pred[i])) * order
        counted += np.count_nonzero(order)
        right += np.count_nonzero(agreement > 0)
        right += 0.5 * np.count_nonzero((agreement == 0) & (order != 0))
    return right / counted if counted else float("nan")


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


def _vary(pred: np.ndarray, target: np.ndarray) -> bool:
    return len(np.unique(pred)) > 1 and len(np.unique(target)) > 1
