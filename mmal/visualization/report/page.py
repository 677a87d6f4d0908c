"""Reports as pages: one file each, with all that it shows inside."""

import base64
import functools
import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from importlib import resources

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from mmal.utils import atomic_path

from ..learning_curve import COSTS, metric_names
from ..text import printable
from .figures import curve_figure, labels_figure, losses_figure, map_figure, scores_figure
from .gallery import Pictures
from .structures import ComparisonReport, ReportTable, RoundReport, RunReport

#: Images without a picture that are named.
_NAMED = 3
#: In a cell of which nothing is known.
_NONE = "-"


def render_run(report: RunReport) -> str:
    """Return the page of a run.

    Args:
        report: What it shows.
    """
    pictures = Pictures(report.rounds)
    rounds = [_round(f"round-{i}", found, pictures) for i, found in enumerate(report.rounds)]
    notes = [printable(note) for note in report.notes]
    if pictures.failures:
        first = list(pictures.failures.items())[:_NAMED]
        named = "; ".join(f"{path} ({why})" for path, why in first)
        count = len(pictures.failures)
        images = "1 image" if count == 1 else f"{count} images"
        notes.append(printable(f"{images} cannot be read: {named}"))
    return _render(
        "run.html.j2",
        title=printable(report.title),
        facts=_printable_pairs(report.facts),
        notes=notes,
        curves=list(_curves(report)),
        table=rounds_rows(report.rounds),
        rounds=rounds,
        overlays=any(
            card.predicted for r in rounds for _, _, cards in r["galleries"] for card in cards
        ),
        colors=[(printable(name), color) for name, color in pictures.colors.items()],
    )


def render_comparison(report: ComparisonReport) -> str:
    """Return the page of a comparison.

    Args:
        report: What it shows.
    """
    curves = [
        figure
        for i, cost in enumerate(report.costs)
        if report.metric
        and (figure := curve_figure(report.runs, report.metric, cost, f"curve-{i}")) is not None
    ]
    return _render(
        "comparison.html.j2",
        title=printable(report.title),
        facts=_printable_pairs(report.facts),
        notes=[printable(note) for note in report.notes],
        verdicts=[printable(line) for line in report.verdicts],
        curves=curves,
        tables=[_printable_table(table) for table in report.tables],
        overlaps=[_printable_table(table) for table in report.overlaps],
        settings=_printable_pairs(report.settings),
    )


def write_page(page: str, path: str | os.PathLike) -> None:
    """Write a page, atomically."""
    with atomic_path(path) as tmp:
        tmp.write_text(page, encoding="utf-8")


def rounds_rows(rounds: Sequence[RoundReport]) -> list[list[str]]:
    """Return the header and a row for each round."""
    annotations = list(dict.fromkeys(name for r in rounds for name in r.annotations))
    metrics = list(dict.fromkeys(name for r in rounds for name in r.metrics))
    ranking = list(dict.fromkeys(name for r in rounds for name in r.ranking))
    trivial = ["best trivial ranking"] if any(r.yardsticks for r in rounds) else []
    steps = list(dict.fromkeys(name for r in rounds for name in r.seconds))
    rows = [["round", "labelled", *annotations, *metrics]]
    rows[0] += [name.replace("_", " ") for name in ranking] + trivial
    rows[0] += ["picked by", "picks", *(f"{step} s" for step in steps)]
    for r in rounds:
        if not (r.metrics or r.seconds):  # picks without a model of their own
            continue
        row = [str(r.index), str(r.labeled)]
        row += [_number(r.annotations.get(name)) for name in annotations]
        row += [_number(r.metrics.get(name), 4) for name in metrics]
        row += [_number(r.ranking.get(name), 3) for name in ranking]
        row += [_number(max(r.yardsticks.values(), default=None), 3)] if trivial else []
        row += [r.query or _NONE, str(r.budget) if r.query else _NONE]
        row += [_number(r.seconds.get(step), 1) for step in steps]
        rows.append([printable(cell) for cell in row])
    rows[0] = [printable(cell) for cell in rows[0]]
    return rows


def _curves(report: RunReport) -> Iterator[Markup]:
    names = metric_names(list(report.curve))
    if not names or not any(names[0] in row for row in report.curve):
        return
    seen = []
    for cost in COSTS:
        costs = [row.get(cost) for row in report.curve]
        if None in costs or costs in seen:
            continue
        seen.append(costs)
        curve = [dict(row) for row in report.curve]
        figure = curve_figure({report.title: [curve]}, names[0], cost, f"curve-{cost}")
        if figure is not None:
            yield figure


def _round(name: str, found: RoundReport, pictures: Pictures) -> dict:
    picks = pictures.picks(found.picks)
    shown = f"{found.budget}" if len(picks) == found.budget else f"{len(picks)} of {found.budget}"
    easiest, wrong = pictures.others(found.easiest), pictures.others(found.wrong)
    galleries = [
        ("picks", f"Picked: {shown}, best first", picks),
        ("easiest", "Easiest: candidates of least predicted loss", easiest),
        ("wrong", "Most wrong: test images whose loss was predicted worst", wrong),
    ]
    figures = []
    histograms = None
    if found.histograms and any(found.histograms["pool"].values()):
        figures.append(
            ("Classes in picks and pool", labels_figure(found.histograms, f"{name}-labels"))
        )
        histograms = _shares(found.histograms)
    if found.picked is not None:
        for column, values in found.scores.items():
            if np.isfinite(values).any():
                figure = scores_figure(column, values, found.picked, f"{name}-{_slug(column)}")
                figures.append((f"Scores: {column}", figure))
    if found.map is not None:
        figures.append(("Map of the picks", map_figure(found.map, f"{name}-map")))
    if found.losses is not None and len(found.losses[0]):
        title = "Predicted against true loss"
        figures.append((title, losses_figure(*found.losses, f"{name}-losses")))
    metric = next(iter(found.metrics.items()), None)
    summary = [f"{found.labeled} labelled"] if found.metrics else []
    if metric is not None:
        summary.append(f"{metric[0].rpartition('/')[2]} {metric[1]:.4g}")
    if found.query:
        summary.append(f"{found.budget} picked by {found.query}")
    return dict(
        name=name,
        title=printable(found.title or f"Round {found.index}"),
        summary=printable(", ".join(summary)),
        doubts=[printable(doubt) for doubt in found.doubts],
        galleries=[gallery for gallery in galleries if gallery[2]],
        figures=[(printable(title), figure) for title, figure in figures],
        histograms=histograms,
    )


def _shares(histograms: Mapping[str, Mapping[str, int]]) -> list[list[str]]:
    totals = {kind: max(sum(histograms[kind].values()), 1) for kind in ("pool", "picks")}
    rows = [["label", "in the pool", "share", "in the picks", "share of the picks"]]
    for label, count in histograms["pool"].items():
        picked = histograms["picks"].get(label, 0)
        row = [printable(label), str(count), f"{count / totals['pool']:.1%}"]
        rows.append([*row, str(picked), f"{picked / totals['picks']:.1%}"])
    return rows


def _slug(text: str) -> str:
    return "".join(c if c.isascii() and c.isalnum() else "-" for c in text)


def _number(value: float | None, digits: int = 0) -> str:
    return _NONE if value is None or value != value else f"{value:.{digits}f}"


def _printable_pairs(pairs: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(printable(name), printable(value)) for name, value in pairs]


def _printable_table(table: ReportTable) -> ReportTable:
    return ReportTable(
        printable(table.title),
        [[printable(cell) for cell in row] for row in table.rows],
        [printable(line) for line in table.lines],
    )


def _render(template: str, **content: object) -> str:
    script, style = _asset("page.js"), _asset("style.css")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    page = _environment().get_template(template)
    return page.render(script=Markup(script), style=Markup(style), digest=digest, **content)


@functools.cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("mmal.visualization.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@functools.cache
def _asset(name: str) -> str:
    return resources.files(__package__).joinpath("templates", name).read_text(encoding="utf-8")
