"""What a round picked, against what it could have picked."""

import os
from collections.abc import Collection, Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mmal.structures import PoolScores
from mmal.utils import atomic_path


def plot_histogram(
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
    width = min(4 + 0.2 * len(histograms["pool"]), 20)
    figure = Figure(figsize=(width + 4.4 * len(columns), 4.2), layout="constrained")
    ratios = [width, *([4.4] * len(columns))]
    axes = figure.subplots(1, panels, width_ratios=ratios, squeeze=False)[0]
    draw_label_shares(axes[0], histograms)
    for panel, (name, values) in zip(axes[1:], columns.items(), strict=True):
        draw_scores(panel, name, values, np.isin(scores.ids, list(picks)))
    for panel in axes:
        panel.spines[["top", "right"]].set_visible(False)
    with atomic_path(path) as tmp:
        figure.savefig(tmp, dpi=150)


def draw_scores(axes: Axes, name: str, values: np.ndarray, picked: np.ndarray) -> None:
    """Draw a histogram of scores. Shares, not counts: there are few picks and many others.

    Args:
        axes: Where to.
        name: Of the score.
        values: Those of the candidates, shape (N,).
        picked: Whether a candidate was picked, shape (N,).
    """
    values = values.astype(np.float64)  # neighbours in single precision have no bins between
    bins = np.histogram_bin_edges(values[np.isfinite(values)], min(max(len(values) // 5, 5), 40))
    for chosen, label, style in (
        (np.ones(len(values), dtype=bool), "candidates", dict(color="0.8")),
        (picked, "picks", dict(color="C0", histtype="step", linewidth=1.5)),
    ):
        count = chosen.sum()
        shares = np.full(count, 1 / max(count, 1))
        axes.hist(values[chosen], bins, weights=shares, label=f"{count} {label}", **style)
    axes.set_xlabel(name)
    axes.set_ylabel("share of the samples")
    axes.xaxis.get_major_locator().set_params(nbins=5)
    _add_legend(axes)


def draw_label_shares(axes: Axes, histograms: Mapping[str, Mapping[str, int]]) -> None:
    """Draw how the annotations of ``picks`` and of the whole ``pool`` are spread over labels."""
    names = list(histograms["pool"])
    places = np.arange(len(names))
    for shift, (kind, color) in zip((-0.2, 0.2), (("pool", "0.8"), ("picks", "C0")), strict=True):
        counts = np.array([histograms[kind][name] for name in names], dtype=float)
        label = f"{kind}: {counts.sum():.0f} annotations"
        axes.bar(places + shift, counts / max(counts.sum(), 1), 0.4, color=color, label=label)
    # Names may hold dollars, which are no mathematics.
    axes.set_xticks(places, names, rotation=90, fontsize="small", parse_math=False)
    axes.set_ylabel("share of the annotations")
    _add_legend(axes)


def _add_legend(axes: Axes) -> None:
    """Above the axes, where it covers nothing."""
    axes.legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 1), fontsize="small")
