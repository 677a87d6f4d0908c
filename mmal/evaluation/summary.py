"""What the curves of several queries and trials amount to."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from .curve_statistics import area_under_curve, labels_to_reach, paired_bootstrap, share_above
from .gain import Gain
from .paired_tests import paired_test, smallest_visible_gain

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
        gain: By how much ``area`` is above the baseline's; None for the baseline.
    """

    query: str
    labeled: np.ndarray
    mean: np.ndarray
    std: np.ndarray
    trials: int
    area: float
    gain: Gain | None


@dataclass(frozen=True)
class Summary:
    """The queries of a table.

    Attributes:
        queries: In the order of the curves.
        baseline: The query that others are compared to.
        seeds: The trials that all queries have.
        test: Name of the test by which gains are told from noise.
        rises: Whether the baseline ends higher than it began. Where it does not, labels taught
            nothing that the metric sees, and no query can be told from another.
    """

    queries: list[QuerySummary]
    baseline: str
    seeds: list[int]
    test: str
    rises: bool

    @property
    def compared(self) -> list[QuerySummary]:
        """All but the baseline."""
        return [summary for summary in self.queries if summary.gain is not None]


def summarize(curves: Curves, metric: str, baseline: str, cost: str = "labeled") -> Summary:
    """Summarise the seeds that every query has.

    A round without the metric counts as 0: evaluators leave it out where nothing was detected.

    Args:
        curves: By query and seed, a dict a round with ``labeled``, ``metric`` and ``cost``.
        metric: What is compared, higher is better.
        baseline: The query that others are compared to.
        cost: What labels cost: ``labeled`` (samples), ``boxes``, ``joints`` or ``labels``.

    Raises:
        ValueError: If the queries have no seed in common.
    """
    seeds = sorted(set.intersection(*(set(trials) for trials in curves.values())))
    if not seeds:
        raise ValueError("The queries have no finished trial of the same seed yet.")
    measured = _measure({q: [t[s] for s in seeds] for q, t in curves.items()}, metric, cost)
    others = [query for query in curves if query != baseline]
    zero = measured[baseline].areas
    differences = np.reshape([measured[q].areas - zero for q in others], (-1, len(seeds)))
    test = paired_test(differences)
    p_values = dict(zip(others, test.p_values, strict=True))
    queries = []
    for query, trials in measured.items():
        gain = None
        if query in p_values:
            gain = _gain(trials, measured[baseline], float(p_values[query]), len(others))
        labeled = np.array(_column(curves[query][seeds[0]], "labeled"))
        std = _std(trials.values)
        area = float(trials.areas.mean())
        queries.append(QuerySummary(query, labeled, trials.mean, std, len(seeds), area, gain))
    return Summary(queries, baseline, seeds, test.name, measured[baseline].rises)


@dataclass(frozen=True)
class _Trials:
    """Costs and values of a query, shape (T, R), with areas of shape (T,)."""

    costs: np.ndarray
    values: np.ndarray
    areas: np.ndarray

    @property
    def mean(self) -> np.ndarray:
        return self.values.mean(axis=0)

    @property
    def rises(self) -> bool:
        return bool(self.mean[-1] > self.mean[0])


def _measure(
    curves: Mapping[str, list[list[dict[str, float]]]], metric: str, cost: str
) -> dict[str, _Trials]:
    values = {q: np.array([_column(curve, metric) for curve in t]) for q, t in curves.items()}
    costs = {q: np.array([_column(curve, cost) for curve in t]) for q, t in curves.items()}
    ends = np.min([c[:, -1] for c in costs.values()], axis=0)
    measured = {}
    for query in curves:
        cut = [_until(*row) for row in zip(costs[query], values[query], ends, strict=True)]
        areas = np.array([area_under_curve(*row) for row in cut])
        measured[query] = _Trials(costs[query], values[query], areas)
    return measured


def _gain(trials: _Trials, baseline: _Trials, p_value: float, comparisons: int) -> Gain:
    difference = trials.areas - baseline.areas
    saved = None
    if baseline.rises:  # else its end is reached before anything is picked
        needed, reached = (
            labels_to_reach(of.costs.mean(axis=0), of.mean, baseline.mean[-1])
            for of in (baseline, trials)
        )
        saved = float(needed - reached)
    pairs = zip(trials.costs, trials.values, baseline.costs, baseline.values, strict=True)
    return Gain(
        by_seed=difference,
        interval=paired_bootstrap(trials.areas, baseline.areas),
        area=float(baseline.areas.mean()),
        p_value=p_value,
        smallest=smallest_visible_gain(difference, comparisons),
        rounds_above=float(np.mean([share_above(*pair) for pair in pairs])),
        saved=saved,
    )


def _std(values: np.ndarray) -> np.ndarray:
    """Over the trials, (T, R) -> (R,)."""
    if len(values) == 1:
        return np.full(values.shape[1], np.nan)
    return values.std(axis=0, ddof=1)


def _column(curve: list[dict[str, float]], name: str) -> list[float]:
    return [row.get(name, 0.0) for row in curve]


def _until(x: np.ndarray, y: np.ndarray, end: float) -> tuple[np.ndarray, np.ndarray]:
    """Cut a curve at ``end``."""
    inside = x < end
    return np.append(x[inside], end), np.append(y[inside], np.interp(end, x, y))
