"""Forecasting the curves of runs: from their files to sentences."""

import csv
import io
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mmal.evaluation.forecast import CurveForecast, fit_curve
from mmal.evaluation.forecast_sentences import (
    cost_per_label,
    doubts,
    gain_sentence,
    target_sentence,
    told_upper,
)
from mmal.visualization import COSTS, metric_column, read_curve
from mmal.visualization.learning_curve import Curve, aligned

#: What says of a run's metric that its upper bound is to be told from its values.
AUTO = "auto"


@dataclass(frozen=True)
class RunForecast:
    """The forecast of a run, or of several that differ in their seed.

    Attributes:
        metric: Column of ``curve.csv``.
        forecast: Of the metric.
        cost_name: What was drawn on the images, such as ``boxes``; None if the curves do not say,
            or say no more than how many images there are.
        cost: How many of them a further image takes; NaN without a name.
    """

    metric: str
    forecast: CurveForecast
    cost_name: str | None
    cost: float

    def sentences(self, target: float | None, batches: Sequence[float]) -> list[str]:
        """Say how many images a target takes, what each of the batches brings, and what to doubt.

        Raises:
            ValueError: If a target or a batch is out of reach.
        """
        cost = () if self.cost_name is None else (self.cost, self.cost_name)
        said = [] if target is None else [target_sentence(self.forecast, target, *cost)]
        said += [gain_sentence(self.forecast, more, *cost) for more in batches]
        return said + doubts(self.forecast)


def forecast_runs(
    curves: Sequence[Curve], metric: str | None = None, upper: float | str | None = None
) -> RunForecast:
    """Fit the mean curve of runs that differ in their seed alone, over the rounds all have.

    Args:
        curves: A run each, as :func:`read_runs` returns them.
        metric: A column of ``curve.csv``, also without its prefix; by default the first metric.
        upper: The most that the metric can be; None for no bound, ``auto`` for what is
            told from its values: 1 if none is above 1, else 100.

    Raises:
        ValueError: If a curve lacks the metric, or they allow no forecast.
    """
    metric = metric_column(curves[0], metric)
    if metric is None:
        raise ValueError("The curve has no column with a metric.")
    labels, values = aligned("the run", curves, metric)
    bound = told_upper(values) if upper == AUTO else upper
    forecast = fit_curve(labels, values, upper=bound)
    for name in COSTS:
        if all(name in row for curve in curves for row in curve):
            costs = aligned("the run", curves, name)[1]
            if (costs != labels).any():
                return RunForecast(metric, forecast, name, cost_per_label(labels, costs))
    return RunForecast(metric, forecast, None, float("nan"))


def read_runs(paths: Sequence[str | os.PathLike], query: str | None = None) -> list[Curve]:
    """Read the curves of runs that differ in their seed.

    Args:
        paths: Work directories of ``tools/run_rounds.py``, ``curve.csv`` files, or what
            ``tools/compare_queries.py`` left: its directory, or its ``results.csv``.
        query: Whose trials to take of a comparison; not needed if it has one query.

    Raises:
        FileNotFoundError: If there is no such file, or no round is finished.
        ValueError: If a comparison has several queries and none is chosen, or not the one that
            is; or if a file is no curve.
    """
    curves = []
    for path in map(Path, paths):
        if path.is_dir() and not (path / "results.csv").exists():
            curves.append(read_curve(path))
            continue
        by_query = read_trials(path / "results.csv" if path.is_dir() else path)
        if list(by_query) == [None] and query is None:
            curves += by_query[None]
            continue
        chosen = next(iter(by_query)) if len(by_query) == 1 and query is None else query
        if chosen not in by_query:
            there = ", ".join(repr(name) for name in by_query if name is not None) or "none"
            asked = "Choose one by its name" if query is None else f"{query!r} is none of them"
            raise ValueError(f"The queries of {path} are {there}. {asked}.")
        curves += by_query[chosen]
    return curves


def read_trials(path: str | os.PathLike) -> dict[str | None, list[Curve]]:
    """Read a table of curves: its trials by their query; of a single curve by None.

    Errors are those of :func:`read_seeds`.
    """
    return {query: list(curves.values()) for query, curves in read_seeds(path).items()}


def read_seeds(path: str | os.PathLike) -> dict[str | None, dict[str | None, Curve]]:
    """Read a table of curves by query and seed, None where it does not say which.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no text, has no column ``labeled`` or nothing in it, a round twice, or
            if what should be a number is none.
    """
    if not Path(path).exists():
        raise FileNotFoundError(f"{path} does not exist.")
    try:
        text = Path(path).read_text(encoding="utf-8-sig")  # Excel begins with a mark
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is no CSV file: {error}.") from error
    reader = csv.DictReader(io.StringIO(text, newline=""))
    if "labeled" not in (reader.fieldnames or ()):
        raise ValueError(f"{path} is no learning curve: it has no column 'labeled'.")
    by_query: dict[str | None, dict[str | None, Curve]] = {}
    for row in reader:
        where = f"{path}, line {reader.line_num}"
        query, seed = row.pop("query", None), row.pop("seed", None)
        trial = by_query.setdefault(query, {}).setdefault(seed, [])
        try:
            point = {name: float(value) for name, value in row.items() if value}
        except (TypeError, ValueError) as error:
            raise ValueError(f"{where}: {error}.") from error
        if "labeled" not in point:
            raise ValueError(f"{where}: it has no number of labelled samples.")
        if "round" in point and any(known.get("round") == point["round"] for known in trial):
            trial_of = f" of {query}, seed {seed}" if query is not None else ""
            raise ValueError(f"{where}: round {point['round']:.0f}{trial_of} is there twice.")
        trial.append(point)
    if not by_query:
        raise ValueError(f"{path} has no finished round.")
    return by_query
