"""Predicted against true losses."""

import os

import numpy as np
from matplotlib.figure import Figure
from scipy.stats import rankdata

from mmal.utils import atomic_path


def plot_losses(pred: np.ndarray, target: np.ndarray, title: str, path: str | os.PathLike) -> None:
    """Plot predicted over true target losses into an image file, by value and by rank.

    The scale of predicted losses has no meaning; their order has, which the ranks show. Samples
    with losses that are not finite are left out of the picture.

    Args:
        pred: Predicted losses of shape (N,).
        target: Target losses of shape (N,).
        title: Of the picture.
        path: The image file; its ending says which format.
    """
    figure = Figure(figsize=(8.4, 4.2), layout="constrained")
    draw_losses(figure, pred, target)
    figure.suptitle(title, fontsize="medium")
    with atomic_path(path) as tmp:
        figure.savefig(tmp, dpi=150)


def draw_losses(figure: Figure, pred: np.ndarray, target: np.ndarray) -> None:
    """Draw both panels; see :func:`plot_losses` for the parameters."""
    finite = np.isfinite(pred) & np.isfinite(target)
    pred, target = pred[finite], target[finite]
    by_value, by_rank = figure.subplots(1, 2)
    points = dict(s=12, alpha=0.5, linewidths=0)
    by_value.scatter(target, pred, **points)
    by_value.set_xlabel("target loss")
    by_value.set_ylabel("predicted loss (scale without meaning)")
    by_value.xaxis.get_major_locator().set_params(nbins=5)
    by_rank.scatter(rankdata(target), rankdata(pred), **points)
    by_rank.set_xlabel("rank of the target loss")
    by_rank.set_ylabel("rank of the predicted loss")
    by_rank.set_aspect("equal")
    for axis in (by_rank.xaxis, by_rank.yaxis):
        axis.get_major_locator().set_params(integer=True)
    for axes in (by_value, by_rank):
        axes.spines[["top", "right"]].set_visible(False)
