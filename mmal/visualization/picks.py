"""What a round picked, against what it could have picked."""

import os
from collections.abc import Collection, Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mmal.structures import PoolScores
from mmal.utils import atomic_path

_BINS = 40


def plot_picks(
    picks: Collection[str],
    scores: PoolScores | None,
    histograms: Mapping[str, Mapping[str, int]],
    path: str | os.PathLike,
) -> None:
    """Plot histograms of the picks' labels and scores into an image file.

    Args:
        picks: Ids of the picked samples.
        scores: Scores of the candidates, those picked among them; None if nothing was scored.
        histograms: Counts by label of ``picks`` and of the whole ``pool``.
        path: The image file; its ending says which format.
    """
    columns = {k: v for k, v in scores.fields.items() if v.ndim == 1} if scores else {}
    panels = len(columns) + 1
    width = 4 + 0.25 * len(histograms["pool"])
    figure = Figure(figsize=(width + 4.4 * len(columns), 4.2), layout="constrained")
    ratios = [width, *([4.4] * len(columns))]
    axes = figure.subplots(1, panels, width_ratios=ratios, squeeze=False)[0]
    _plot_labels(axes[0], histograms)
    for panel, (name, values) in zip(axes[1:], columns.items(), strict=True):
        values = values.astype(np.float64)  # neighbours in single precision have no bins between
        picked = np.isin(scores.ids, list(picks))
        bins = np.histogram_bin_edges(values[np.isfinite(values)], _BINS)
        panel.hist(values, bins, color="0.8", label=f"{len(values)} candidates")
        panel.hist(values[picked], bins, color="C0", label=f"{picked.sum()} picks")
        panel.set_xlabel(name)
        panel.set_ylabel("samples")
        panel.legend(frameon=False)
    for panel in axes:
        panel.spines[["top", "right"]].set_visible(False)
    with atomic_path(path) as tmp:
        figure.savefig(tmp, dpi=150)


def _plot_labels(axes: Axes, histograms: Mapping[str, Mapping[str, int]]) -> None:
    """Shares, not counts: there are few picks and many others."""
    names = list(histograms["pool"])
    places = np.arange(len(names))
    for shift, (kind, color) in zip((-0.2, 0.2), (("pool", "0.8"), ("picks", "C0")), strict=True):
        counts = np.array([histograms[kind][name] for name in names], dtype=float)
        label = f"{kind}: {counts.sum():.0f} annotations"
        axes.bar(places + shift, counts / max(counts.sum(), 1), 0.4, color=color, label=label)
    axes.set_xticks(places, names, rotation=90)
    axes.set_ylabel("share of the annotations")
    axes.legend(frameon=False)
