"""Comparing learning curves."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from scipy import stats

#: Fewer trials get no interval.
INTERVAL_TRIALS = 5


class Interval(NamedTuple):
    """An estimate with the limits of its interval."""

    estimate: float
    low: float
    high: float


def area_under_curve(labeled: Sequence[float], values: Sequence[float]) -> float:
    """Mean height of a learning curve: its area by the trapezoidal rule, divided by its width.

    Args:
        labeled: Numbers of labels, or what they cost, ascending; shape (R,).
        values: The metric, shape (R,).

    Returns:
        The mean height, in the metric's unit; of a curve of one point its height.
    """
    x, y = np.asarray(labeled, float), np.asarray(values, float)
    if len(x) == 1:
        return float(y[0])
    return float(np.sum((y[1:] + y[:-1]) / 2 * np.diff(x)) / (x[-1] - x[0]))


def paired_bootstrap(
    first: Sequence[float],
    second: Sequence[float],
    level: float = 0.95,
    draws: int = 10_000,
    seed: int = 0,
) -> Interval:
    """Mean of the differences of paired trials, with a bootstrap interval for few trials.

    The expanded percentile interval of Hesterberg, "What Teachers Should Know about the
    Bootstrap", arXiv 1411.5279: quantiles of the bootstrap means (Efron & Tibshirani, "An
    Introduction to the Bootstrap", 1993, section 13.3), taken as far out as makes the interval of
    normal differences as wide as Student's. Plain percentiles are too narrow: of intervals of
    95 %, 85 % hold the truth with 5 trials and 89 % with 10; expanded, 92 % and 94 %.

    Args:
        first: A number a trial, shape (T,).
        second: Those of the trials with the same seeds, shape (T,).
        level: Of the interval.
        draws: Bootstrap samples.
        seed: Of the draws.

    Returns:
        Mean of ``first - second`` and its interval. With fewer than :data:`INTERVAL_TRIALS`
        trials the limits are NaN: so few say nothing of the ends of their distribution.
    """
    differences = np.subtract(first, second, dtype=float)
    trials = len(differences)
    if trials < INTERVAL_TRIALS:
        return Interval(float(differences.mean()), float("nan"), float("nan"))
    rng = np.random.default_rng(seed)
    drawn = rng.choice(differences, size=(draws, trials)).mean(axis=1)
    widening = np.sqrt(trials / (trials - 1))
    tail = stats.norm.cdf(widening * stats.t.ppf((1 - level) / 2, trials - 1))
    low, high = np.quantile(drawn, [tail, 1 - tail])
    return Interval(float(differences.mean()), float(low), float(high))


def share_above(
    x: Sequence[float],
    values: Sequence[float],
    baseline_x: Sequence[float],
    baseline_values: Sequence[float],
) -> float:
    """Share of a curve's points, after the first, that lie above another curve.

    The other is taken on straight lines between its points; points beyond its last do not count,
    and equal ones count one half.

    Args:
        x: Numbers of labels, or what they cost, ascending; shape (R,).
        values: The metric, shape (R,).
        baseline_x: Those of the other curve, shape (S,).
        baseline_values: Its metric, shape (S,).

    Returns:
        A share in 0..1; NaN if no point counts.
    """
    x, values = np.asarray(x, float)[1:], np.asarray(values, float)[1:]
    counted = x <= baseline_x[-1]
    if not counted.any():
        return float("nan")
    over = values[counted] - np.interp(x[counted], baseline_x, baseline_values)
    return float(np.mean(np.sign(over) + 1) / 2)


def labels_to_reach(labeled: Sequence[float], values: Sequence[float], goal: float) -> float:
    """Find where a learning curve first reaches a value, between its points on straight lines.

    Args:
        labeled: Numbers of labels, ascending; shape (R,).
        values: The metric, shape (R,).
        goal: The value.

    Returns:
        The number of labels; NaN if the curve does not get there.
    """
    points = list(zip(labeled, values, strict=True))
    if points[0][1] >= goal:
        return float(points[0][0])
    for (x0, y0), (x1, y1) in pairwise(points):
        if y1 >= goal:
            return float(x0 + (goal - y0) / (y1 - y0) * (x1 - x0))
    return float("nan")
