"""Gains of queries, from what comparisons left."""

import os
from pathlib import Path

from mmal.evaluation.gain import Gain
from mmal.evaluation.summary import summarize
from mmal.visualization import metric_column, metric_names

from .forecast import read_seeds


def read_gains(
    path: str | os.PathLike,
    baseline: str = "Random",
    query: str | None = None,
    metric: str | None = None,
) -> Gain:
    """Return by how much a query is above the baseline, as the comparison's own table says.

    Its p value is corrected for all queries of the comparison.

    Args:
        path: The directory of a comparison, or its ``results.csv``.
        baseline: What the gain is over.
        query: What it is of; by default the first that is not the baseline.
        metric: Its name, also without its prefix; by default the first of the table.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no table of a comparison, has no such query, baseline or metric, or
            trials of different lengths.
    """
    path = Path(path)
    path = path / "results.csv" if path.is_dir() else path
    curves = read_seeds(path)
    others = [name for name in curves if name != baseline]
    query = query or next(iter(others), None)
    if None in curves or baseline not in curves or query not in others:
        there = ", ".join(repr(name) for name in curves if name is not None) or "none"
        wanted = "another query" if query in (None, baseline) else repr(query)
        raise ValueError(
            f"{path} needs trials of {baseline!r}, the baseline, and of {wanted}. Its queries are: "
            f"{there}."
        )
    rows = [row for trials in curves.values() for t in trials.values() for row in t]
    names, chosen = metric_names(rows), metric_column(rows, metric)
    if chosen not in names:
        raise ValueError(f"{path} has no metric {metric or ''}: its metrics are {names}.")
    lengths = {q: {len(trial) for trial in trials.values()} for q, trials in curves.items()}
    if len(set.union(*lengths.values())) > 1:
        raise ValueError(
            f"{path} has trials of different numbers of rounds, {lengths}. Finish the comparison."
        )
    by_seed = {q: {int(seed): t for seed, t in trials.items()} for q, trials in curves.items()}
    summary = summarize(by_seed, chosen, baseline)
    return next(entry.gain for entry in summary.queries if entry.query == query)
