"""Gains of queries, from what comparisons left."""

import os
from pathlib import Path

from mmal.evaluation.gain import Gain
from mmal.evaluation.summary import summarize
from mmal.visualization.learning_curve import metric_names

from .forecast import read_seeds


def read_gains(path: str | os.PathLike, baseline: str = "Random", query: str | None = None) -> Gain:
    """Return by how much a query is above the baseline, as the comparison's own table says.

    Its p value is corrected for all queries of the comparison.

    Args:
        path: The directory of a comparison, or its ``results.csv``.
        baseline: What the gain is over.
        query: What it is of; by default the first that is not the baseline.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no table of a comparison, or has no such query or baseline.
    """
    path = Path(path)
    path = path / "results.csv" if path.is_dir() else path
    curves = read_seeds(path)
    others = [name for name in curves if name != baseline]
    query = query or next(iter(others), None)
    if None in curves or baseline not in curves or query not in others:
        there = ", ".join(repr(name) for name in curves if name is not None) or "none"
        raise ValueError(
            f"{path} has no trials of {query!r} and of {baseline!r}. Its queries are: {there}."
        )
    first = next(iter(curves[baseline].values()))
    summary = summarize(curves, metric_names(first)[0], baseline)
    return next(entry.gain for entry in summary.queries if entry.query == query)
