"""Comparing learning curves."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np


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
    """Mean of the differences of paired trials, with a bootstrap percentile interval.

    Efron & Tibshirani, "An Introduction to the Bootstrap", 1993, section 13.3. With as few trials
    as are usual here (3 to 5) such intervals are too narrow; they say little more than whether the
    differences agree.

    Args:
        first: A number a trial, shape (T,).
        second: Those of the trials with the same seeds, shape (T,).
        level: Of the interval.
        draws: Bootstrap samples.
        seed: Of the draws.

    Returns:
        Mean of ``first - second`` and its interval; of one trial the limits are NaN.
    """
    differences = np.subtract(first, second, dtype=float)
    if len(differences) < 2:
        return Interval(float(differences.mean()), float("nan"), float("nan"))
    rng = np.random.default_rng(seed)
    drawn = rng.choice(differences, size=(draws, len(differences))).mean(axis=1)
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(differences.mean()), float(low), float(high))


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
