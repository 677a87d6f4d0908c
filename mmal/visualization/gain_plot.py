"""Gains of a query on several data sets, side by side."""

import os
from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from mmal.evaluation.gain import Gain
from mmal.utils import atomic_path


def plot_gains(gains: Mapping[str, Gain], path: str | os.PathLike, baseline: str) -> None:
    """Plot gains of area in shares of the baseline's, a row each, into an image file.

    A row has the mean with its interval of 95 %, where the trials are enough for one, and a dot a
    seed. What the test calls above or below the baseline has a colour.

    Args:
        gains: By the name of the data set, the first on top.
        path: The image file; its ending says which format.
        baseline: What gains are over.
    """
    figure = Figure(figsize=(6.4, 0.8 + 0.32 * len(gains)), layout="constrained")
    axes = figure.add_subplot()
    axes.axvline(0, color="black", linewidth=0.8)
    colours = dict(above="tab:blue", below="tab:red")
    for row, gain in enumerate(gains.values()):
        colour = colours.get(gain.verdict, "tab:gray")
        seeds = [gain.relative(value) for value in gain.by_seed]
        axes.scatter(
            seeds, np.full(len(seeds), row), s=9, color=colour, alpha=0.5, linewidth=0, zorder=3
        )
        limits = [gain.relative(limit) for limit in gain.interval[1:]]
        axes.plot(limits, [row, row], color=colour, linewidth=2.5, solid_capstyle="butt")
        axes.plot(gain.relative(gain.estimate), row, "o", color=colour, markersize=6)
    names = [f"{name} ({len(gain.by_seed)} seeds)" for name, gain in gains.items()]
    axes.set_yticks(range(len(gains)), names)
    axes.set_ylim(len(gains) - 0.5, -0.5)
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.set_xlabel(f"gain of area over {baseline}\n95 % interval, a dot a seed")
    axes.grid(alpha=0.3, axis="x")
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    with atomic_path(path) as tmp:
        figure.savefig(tmp, dpi=150)
