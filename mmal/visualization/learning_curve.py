"""Learning curves: a metric over the number of labelled samples."""

import csv
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mmal.tasks import TASKS
from mmal.utils import atomic_path

#: What a metric can be plotted over: columns of ``curve.csv`` with the label of the axis.
COSTS = {"labeled": "labelled samples"} | {task.annotation: task.cost for task in TASKS}
#: Columns of ``curve.csv`` that are no metric of the test data set.
_OTHER_COLUMNS = ("round", *COSTS, "spearman", "kendall")

Curve = list[dict[str, float]]


def read_curve(work_dir: str | os.PathLike) -> Curve:
    """Read the ``curve.csv`` of a work directory, a dict a round.

    Raises:
        FileNotFoundError: If the directory holds no finished round.
    """
    path = Path(work_dir, "curve.csv")
    if not path.exists():
        raise FileNotFoundError(
            f"{path} does not exist: {work_dir} is no work directory of tools/run_rounds.py, or "
            "its first round is not finished."
        )
    with open(path, newline="") as file:
        return [{k: float(v) for k, v in row.items() if v} for row in csv.DictReader(file)]


def metric_names(curve: Curve) -> list[str]:
    """Return the names of the test metrics in a curve, the main one first."""
    names = dict.fromkeys(name for row in curve for name in row)
    # ranking_accuracy, and that of the yardsticks beside it.
    others = {k for k in names if k.startswith("ranking_") or k.endswith("_seconds")}
    return [k for k in names if k not in _OTHER_COLUMNS and k not in others]


def metric_column(curve: Curve, metric: str | None) -> str | None:
    """Return the column of a metric, which may be named without its prefix; by default the first.

    What is no metric's name is returned as it is.
    """
    names = metric_names(curve)
    return next((n for n in names if metric in (None, n, n.rpartition("/")[2])), metric)


def plot_curves(
    runs: Mapping[str, Sequence[Curve]],
    path: str | os.PathLike,
    metric: str | None = None,
    cost: str = "labeled",
) -> None:
    """Plot learning curves into an image file.

    Args:
        runs: For each label in the legend the curves of its trials. Several trials become their
            mean with a band of one standard deviation and a thin line each, over the label counts
            that all have.
        path: The image file; its ending says which format.
        metric: A column of ``curve.csv``, of a metric also without its prefix; by default the first
            metric of the first curve.
        cost: What it is plotted over, one of :data:`COSTS`. What a trial's labels cost is its own:
            of several trials it is their mean.

    Raises:
        ValueError: If a curve lacks the metric or the cost.
    """
    figure = Figure(figsize=(6.4, 4.4), layout="constrained")
    draw_curves(figure.add_subplot(), runs, metric, cost)
    with atomic_path(path) as tmp:
        figure.savefig(tmp, dpi=150)


def draw_curves(
    axes: Axes,
    runs: Mapping[str, Sequence[Curve]],
    metric: str | None = None,
    cost: str = "labeled",
) -> None:
    """Draw learning curves; see :func:`plot_curves` for the parameters and errors."""
    metric = metric_column(next(iter(runs.values()))[0], metric)
    for label, curves in runs.items():
        costs, values = (aligned(label, curves, column)[1] for column in (cost, metric))
        labeled = costs.mean(axis=0)
        mean, deviation = values.mean(axis=0), values.std(axis=0, ddof=len(curves) > 1)
        name = f"{label} ({len(curves)} trials)" if len(curves) > 1 else label
        (line,) = axes.plot(labeled, mean, marker="o", markersize=4, label=name)
        if len(curves) > 1:
            band = mean - deviation, mean + deviation
            axes.fill_between(labeled, *band, color=line.get_color(), alpha=0.15, linewidth=0)
            for trial in zip(costs, values, strict=True):
                axes.plot(*trial, color=line.get_color(), alpha=0.45, linewidth=0.6, zorder=1.5)
    axes.set_xlabel(COSTS[cost])
    axes.set_ylabel(metric)
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.legend(frameon=False)


def aligned(label: str, curves: Sequence[Curve], column: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the label counts that all trials have, shape (R,), and a column, (trials, R).

    Args:
        label: What the trials are called in an error message.
        curves: The trials.
        column: A column of ``curve.csv``; NaN in rounds without it, as an evaluator may leave out
            a metric where nothing was detected. It has to be in the first or any other trial.

    Raises:
        ValueError: If a curve lacks the column, or the trials have no label count in common.
    """
    by_count = []
    for curve in curves:
        if not any(column in row for row in curve):
            raise ValueError(
                f"The curve of {label!r} has no column {column!r}. It has "
                f"{[*(c for c in COSTS if c in curve[0]), *metric_names(curve)]}."
            )
        by_count.append({row["labeled"]: row.get(column, np.nan) for row in curve})
    common = sorted(set.intersection(*(set(counts) for counts in by_count)))
    if not common:
        raise ValueError(f"The trials of {label!r} have no number of labelled samples in common.")
    return np.array(common), np.array([[c[n] for n in common] for c in by_count])
