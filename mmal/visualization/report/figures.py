"""Plots that take the colours of the page they are in."""

import io
import re
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from markupsafe import Markup, escape
from matplotlib import colormaps, rc_context
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from ..histogram import draw_label_shares, draw_scores
from ..learning_curve import Curve, draw_curves
from ..losses import draw_losses
from ..text import plain, printable
from .structures import VectorMap

#: Matplotlib's colours, by what they become: the page says what these are in light and dark.
_COLORS = {"#000000": "currentColor", "#cccccc": "var(--faint)", "#b0b0b0": "var(--rule)"}
_COLORS |= {
    to_hex(color): f"var(--series-{i})" for i, color in enumerate(colormaps["tab10"].colors)
}
_STYLE = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 10,
    "savefig.transparent": True,
}
#: Letters of a name in a legend, at the most.
_LETTERS = 44
#: Points of a plot, at the most.
_POINTS = 1500


def curve_figure(
    runs: Mapping[str, Sequence[Curve]], metric: str, cost: str, name: str
) -> Markup | None:
    """Learning curves; None if the curves do not have metric or cost."""
    named = {
        plain(label if len(label) <= _LETTERS else f"{label[:_LETTERS]}… ({i + 1})"): curves
        for i, (label, curves) in enumerate(runs.items())
    }

    def draw(figure: Figure) -> None:
        axes = figure.add_subplot()
        draw_curves(axes, named, metric, cost)
        axes.set_ylabel(plain(metric))
        if len(runs) == 1:
            axes.get_legend().remove()
        else:  # above the axes, where it covers nothing
            axes.legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 1), fontsize="small")

    what = "Learning curve" if len(runs) == 1 else "Learning curves"
    try:
        height = 3.6 + 0.19 * len(runs) * (len(runs) > 1)
        return themed_svg(draw, (5.6, height), f"{what}: {metric} over {cost}", name)
    except ValueError:
        return None


def losses_figure(pred: np.ndarray, target: np.ndarray, name: str) -> Markup:
    """Predicted over true losses, by value and by rank."""
    rows = np.arange(len(pred))
    if len(rows) > _POINTS:
        rows = np.linspace(0, len(pred) - 1, _POINTS).round().astype(int)
    return themed_svg(
        lambda figure: draw_losses(figure, pred[rows], target[rows]),
        (7.6, 3.6),
        "Predicted over true losses of test images, by value and by rank",
        name,
    )


def labels_figure(histograms: Mapping[str, Mapping[str, int]], name: str) -> Markup:
    """Labels of the picks against those of the pool."""
    pool, picks = histograms["pool"], histograms["picks"]
    shown = dict(
        pool={printable(label): count for label, count in pool.items()},
        picks={printable(label): picks.get(label, 0) for label in pool},
    )

    def draw(figure: Figure) -> None:
        axes = figure.add_subplot()
        draw_label_shares(axes, shown)
        axes.spines[["top", "right"]].set_visible(False)

    width = float(np.clip(2 + 0.2 * len(histograms["pool"]), 3.4, 11.6))
    return themed_svg(draw, (width, 3.6), "Annotations of picks and pool by label", name)


def scores_figure(column: str, values: np.ndarray, picked: np.ndarray, name: str) -> Markup:
    """Scores of the candidates and of the picks among them."""

    def draw(figure: Figure) -> None:
        axes = figure.add_subplot()
        draw_scores(axes, plain(column), values, picked)
        axes.spines[["top", "right"]].set_visible(False)

    return themed_svg(draw, (3.3, 3.6), f"{column} of the candidates and of the picks", name)


def map_figure(found: VectorMap, name: str) -> Markup:
    """Candidates, labelled samples and picks by two principal components."""

    def draw(figure: Figure) -> None:
        axes = figure.add_subplot()
        for points, label, style in (
            (found.candidates, "candidates", dict(color="0.8", s=9)),
            (found.labeled, "labelled", dict(color="C0", s=11, alpha=0.8)),
            (
                found.picks,
                "picks",
                dict(color="C1", s=26, marker="D", edgecolors="black", linewidths=0.5),
            ),
        ):
            if len(points):
                axes.scatter(*np.asarray(points).T, label=label, **{"linewidths": 0, **style})
        for axis, share in zip((axes.xaxis, axes.yaxis), found.explained, strict=True):
            place = "first" if axis is axes.xaxis else "second"
            axis.set_label_text(f"{place} component ({share:.0%} of variance)")
        axes.set_xticks([])
        axes.set_yticks([])
        axes.spines[["top", "right"]].set_visible(False)
        legend = dict(loc="lower left", bbox_to_anchor=(0, 1), ncols=3, columnspacing=1)
        axes.legend(frameon=False, fontsize="small", handletextpad=0.2, **legend)

    return themed_svg(draw, (3.6, 3.6), f"Map of the picks by {found.column}", name)


def themed_svg(
    draw: Callable[[Figure], None], size: tuple[float, float], title: str, name: str
) -> Markup:
    """Return a plot as SVG to stand in a page: transparent, its lines and text in page colours.

    Args:
        draw: Draws into the figure.
        size: Width and height in inches.
        title: What it shows, for those who do not see it.
        name: Of the plot in the page, so that its ids are its own.
    """
    with rc_context({**_STYLE, "svg.hashsalt": name}):
        figure = Figure(figsize=size, layout="constrained")
        draw(figure)
        stream = io.StringIO()
        figure.savefig(stream, format="svg", metadata=dict(Date=None, Creator=None))
    svg = stream.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", svg, flags=re.DOTALL)
    # Its rules would be those of the whole page.
    svg = re.sub(r'<style type="text/css">.*?</style>', "", svg, flags=re.DOTALL)
    svg = re.sub(r"<[^>]*>", lambda tag: _themed_tag(tag[0], name), svg)
    width, height = size
    attributes = f'class="plot" role="img" aria-labelledby="{name}-title" '
    attributes += f'viewBox="0 0 {72 * width:.6g} {72 * height:.6g}" '
    attributes += f'style="width: {96 * width:.0f}px"'
    start = f'<svg xmlns="http://www.w3.org/2000/svg" {attributes}>'
    title = f'<title id="{name}-title">{escape(printable(title))}</title>'
    return Markup(start + title + svg[svg.index(">") + 1 :])


def _themed_tag(tag: str, name: str) -> str:
    tag = re.sub(r"(\d\.\d\d)\d+", r"\1", tag)
    tag = re.sub(r' id="', f' id="{name}-', tag)
    tag = re.sub(r"url\(#", f"url(#{name}-", tag)
    tag = re.sub(r'(?:xlink:)?href="#', f'href="#{name}-', tag)
    return re.sub(r"#[0-9a-f]{6}\b", lambda c: _COLORS.get(c[0].lower(), c[0]), tag, flags=re.I)
