"""What the curves of several queries and trials amount to."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from .curve_statistics import Interval, area_under_curve, labels_to_reach, paired_bootstrap

#: By query and seed, the rounds of a trial as columns of numbers.
Curves = Mapping[str, Mapping[int, list[dict[str, float]]]]


@dataclass(frozen=True)
class QuerySummary:
    """A query's trials in numbers.

    Attributes:
        query: Its name.
        labeled: Labelled samples, shape (R,).
        mean: Mean of the metric over the trials, shape (R,).
        std: Its standard deviation over the trials (n - 1), shape (R,); NaN of one trial.
        trials: How many.
        area: Mean over the trials of the curve's mean height over the cost, up to the cost that
            all queries of the same seed have reached.
        gain: By how much ``area`` is above the baseline's, paired by seed; None for the baseline.
        saved: How many labels fewer than the baseline's last its mean curve needs to get where
            the baseline's ends; NaN if it does not, None for the baseline and if that
            ends no higher than it began.
    """

    query: str
    labeled: np.ndarray
    mean: np.ndarray
    std: np.ndarray
    trials: int
    area: float
    gain: Interval | None
    saved: float | None


def summarize(
    curves: Curves, metric: str, baseline: str, cost: str = "labeled"
) -> list[QuerySummary]:
    """Summarise the seeds that every query has.

    A round without the metric counts as 0: evaluators leave it out where nothing was detected.

    Args:
        curves: By query and seed, a dict a round with ``labeled``, ``metric`` and ``cost``.
        metric: What is compared, higher is better.
        baseline: The query that others are compared to.
        cost: What labels cost: ``labeled`` (samples), ``boxes`` or ``joints``.

    Returns:
        A summary for each query, in the order of ``curves``.

    Raises:
        ValueError: If the queries have no seed in common.
    """
    seeds = sorted(set.intersection(*(set(trials) for trials in curves.values())))
    if not seeds:
        raise ValueError("The queries have no finished trial of the same seed yet.")
    values = {q: np.array([_column(t[s], metric) for s in seeds]) for q, t in curves.items()}
    costs = {q: np.array([_column(t[s], cost) for s in seeds]) for q, t in curves.items()}
    ends = np.min([c[:, -1] for c in costs.values()], axis=0)
    areas = {
        q: [area_under_curve(*_until(*row)) for row in zip(costs[q], values[q], ends, strict=True)]
        for q in curves
    }
    goal = values[baseline].mean(axis=0)[-1]
    summaries = []
    for query, trials in curves.items():
        labeled = np.array([row["labeled"] for row in trials[seeds[0]]])
        mean = values[query].mean(axis=0)
        several = len(seeds) > 1
        std = values[query].std(axis=0, ddof=1) if several else np.full_like(mean, np.nan)
        gain = None if query == baseline else paired_bootstrap(areas[query], areas[baseline])
        # A baseline that ends no higher than it began is reached before anything is picked.
        comparable = query != baseline and goal > values[baseline].mean(axis=0)[0]
        saved = labeled[-1] - labels_to_reach(labeled, mean, goal) if comparable else None
        area = float(np.mean(areas[query]))
        summaries.append(QuerySummary(query, labeled, mean, std, len(seeds), area, gain, saved))
    return summaries


def _column(curve: list[dict[str, float]], name: str) -> list[float]:
    return [row.get(name, 0.0) for row in curve]


def _until(x: np.ndarray, y: np.ndarray, end: float) -> tuple[np.ndarray, np.ndarray]:
    """Cut a curve at ``end``."""
    inside = x < end
    return np.append(x[inside], end), np.append(y[inside], np.interp(end, x, y))
