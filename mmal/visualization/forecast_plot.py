"""Forecasts of a learning curve as a plot and as a table."""

import os
from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from rich.table import Table

from mmal.evaluation.forecast import CurveForecast
from mmal.utils import atomic_path

#: Levels of the fan's bands, the widest first, with their colours.
BANDS = {0.95: "#d9e8f3", 0.8: "#b5d2e8", 0.5: "#8fbbdb"}


def plot_forecast(
    forecast: CurveForecast,
    path: str | os.PathLike,
    metric: str,
    until: float,
    target: float | None = None,
) -> None:
    """Plot a learning curve and the fan of its forecast into an image file.

    Args:
        forecast: Of the metric.
        path: The image file; its ending says which format.
        metric: Label of the vertical axis.
        until: Labels up to which the fan goes.
        target: A value of the metric to mark.

    Raises:
        ValueError: If ``until`` is beyond the reach of the forecast.
    """
    labels = np.linspace(forecast.labels[-1], until, 60)
    figure = Figure(figsize=(6.4, 4.4), layout="constrained")
    axes = figure.add_subplot()
    for level, color in BANDS.items():
        bands = np.array([forecast.at(n, level)[1:] for n in labels])
        axes.fill_between(labels, *bands.T, color=color, linewidth=0, label=f"{level:.0%} within")
    middle = [forecast.at(n).estimate for n in labels]
    axes.plot(labels, middle, color="C0", linestyle="--", label="forecast")
    measured = "measured" + (f" (mean of {forecast.seeds} seeds)" if forecast.seeds > 1 else "")
    axes.plot(forecast.labels, forecast.values, color="C1", marker="o", label=measured)
    if target is not None:
        axes.axhline(target, color="grey", linewidth=0.8)
    axes.set_xlabel("labelled samples")
    axes.set_ylabel(metric)
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    with atomic_path(path) as tmp:
        figure.savefig(tmp, dpi=150)


def forecast_table(
    forecast: CurveForecast,
    batches: Sequence[float],
    metric: str,
    cost: float | None = None,
    cost_name: str = "labels",
) -> Table:
    """Return a table with a row a batch: what will be measured with so many more images.

    Args:
        forecast: Of the metric.
        batches: Numbers of further images.
        metric: Its name.
        cost: What a further image costs; None leaves the column out.
        cost_name: What that is, in the plural.

    Raises:
        ValueError: If a batch is beyond the reach of the forecast.
    """
    rounds, seeds = len(forecast.labels), forecast.seeds
    told = f"{rounds} rounds" + (f", mean of {seeds} seeds" if seeds > 1 else "")
    table = Table(title=f"{metric} from {told}")
    names = ["more", "in all", "forecast", "80 %", "95 %", "gain", "80 %"]
    for name in names + [cost_name] * (cost is not None):
        table.add_column(name, justify="right", no_wrap=True)
    digits = 3 if np.abs(forecast.values).max() <= 1 else 1
    for more in batches:
        total = forecast.labels[-1] + more
        then, gain = forecast.at(total), forecast.gain(more)
        spans = (then[1:], forecast.at(total, 0.95)[1:], gain[1:])
        within, nearly, gains = (
            f"{low:{sign}.{digits}f} to {high:{sign}.{digits}f}"
            for (low, high), sign in zip(spans, ("", "", "+"), strict=True)
        )
        middle, step = f"{then.estimate:.{digits}f}", f"{gain.estimate:+.{digits}f}"
        row = [f"{more:,.0f}", f"{total:,.0f}", middle, within, nearly, step, gains]
        table.add_row(*row, *([f"{cost * more:,.0f}"] if cost is not None else []))
    return table
