"""What a comparison leaves behind: table, curves and the rows that they are made of."""

import copy
from collections.abc import Iterator, Sequence

from mmengine.config import Config
from rich.console import Console

from mmal.engine.reporting import warned
from mmal.evaluation.overlap import picks_overlap
from mmal.evaluation.summary import Curves, summarize
from mmal.utils import atomic_path
from mmal.visualization import COSTS, metric_column, plot_curves
from mmal.visualization.comparison_table import (
    gain_rows,
    markdown_table,
    metric_rows,
    overlap_rows,
    terminal_table,
    verdicts,
)
from mmal.visualization.report import (
    ComparisonReport,
    ReportTable,
    render_comparison,
    write_page,
)

from .comparison import Comparison


def write_report(
    comparison: Comparison, metric: str | None, cost: str, console: Console, command: str = ""
) -> None:
    """Write ``results.csv``, ``curves.png``, ``table.md`` and ``report.html``; print the tables.

    Args:
        comparison: Its finished trials are what is reported.
        metric: What is compared, a column of ``curve.csv``; by default the first metric.
        cost: What the curves are plotted over and the first table of gains is taken over, one of
            :data:`mmal.visualization.COSTS`; others that the curves have get a table, too.
        console: Where tables are printed.
        command: What the comparison was run with.

    Raises:
        ValueError: If the baseline has no finished trial, the queries have none of the same seed,
            or the curves lack metric or cost.
    """
    curves = {query: trials for query, trials in comparison.curves().items() if trials}
    baseline = next(iter(comparison.queries))
    if baseline not in curves:
        raise ValueError(f"{baseline}, which others are compared to, has no finished trial yet.")
    root = comparison.work_dir
    comparison.write_csv(root / "results.csv")
    metric = comparison.metric_column(metric) or metric_column(_rows(curves), None) or "no metric"
    if any(metric in row for row in _rows(curves)):
        for row in _rows(curves):  # evaluators leave it out where nothing was detected
            row.setdefault(metric, 0.0)
    seeds = sorted(set.intersection(*(set(trials) for trials in curves.values())))
    runs = {query: [trials[seed] for seed in seeds] for query, trials in curves.items()}
    if seeds:
        plot_curves(runs, root / "curves.png", metric, cost)
    tables = list(_gains(curves, metric, baseline, cost))
    overlaps = list(_overlaps(comparison, list(curves)))
    parts = [*tables, *overlaps]
    missing = [
        f"{query} (seed {seed})"
        for query in comparison.queries
        for seed in comparison.seeds
        if not comparison.finished(query, seed)
    ]
    note = f"Not finished, and not in the table: {', '.join(missing)}" if missing else ""
    with atomic_path(root / "table.md") as tmp:
        texts = [_markdown(part) for part in parts] + ([f"{note}\n"] if note else [])
        tmp.write_text("\n".join(texts), encoding="utf-8")
    with warned("the report cannot be written"):
        found = ComparisonReport(
            title=root.resolve().name,
            verdicts=next((table.lines for table in tables if table.lines), ()),
            facts=_facts(comparison, metric, seeds),
            runs=runs if seeds else {},
            metric=metric if seeds else None,
            costs=_costs(curves, cost),
            tables=tables,
            overlaps=overlaps,
            settings=_settings(comparison, command),
            notes=(note,) if note else (),
        )
        write_page(render_comparison(found), root / "report.html")
    for part in parts:
        console.print(terminal_table(part.rows, part.title))
        for line in part.lines:
            console.print(line, markup=False, highlight=False)
    if note:
        console.print(note, markup=False)
    console.print(f"Table, curves and results.csv: {root}", markup=False)
    console.print(f"Report: {root / 'report.html'}", markup=False, soft_wrap=True)


def _gains(curves: Curves, metric: str, baseline: str, cost: str) -> Iterator[ReportTable]:
    """The curves, then the gains over each cost."""
    costs = _costs(curves, cost) if len(curves) > 1 else [cost]
    for i, name in enumerate(costs):
        summary = summarize(curves, metric, baseline, name)
        trials = len(summary.seeds)
        if i == 0:
            what = f"mean ± std of {trials} trials" if trials > 1 else "one trial"
            yield ReportTable(f"{metric} by labelled samples, {what}", metric_rows(summary), [])
        title = f"{metric}, area: mean height over {COSTS[name]}"
        if summary.compared:
            seeds = ", ".join(map(str, summary.seeds))
            title += f"; gain: over {baseline}, paired by seed ({seeds})"
        rows = gain_rows(summary, "labels" if name == "labeled" else name)
        yield ReportTable(title, rows, verdicts(summary))


def _costs(curves: Curves, first: str) -> list[str]:
    """Return the costs that all curves have and that differ from each other, ``first`` first."""
    found: dict[tuple[float, ...], str] = {}
    for name in (first, *(cost for cost in COSTS if cost != first)):
        if name == first or _has_cost(curves, name):
            found.setdefault(tuple(row.get(name, 0.0) for row in _rows(curves)), name)
    return list(found.values())


def _has_cost(curves: Curves, cost: str) -> bool:
    """Whether all rounds have it, and all trials spend some: an area needs a width."""
    return all(cost in row for row in _rows(curves)) and all(
        curve[-1][cost] > curve[0][cost] for trials in curves.values() for curve in trials.values()
    )


def _overlaps(comparison: Comparison, queries: list[str]) -> Iterator[ReportTable]:
    """Tables of picks in common after one round and after all."""
    picks = {query: comparison.picks()[query] for query in queries}
    subset = comparison.cfg.active_learning.get("subset")
    if len(queries) < 2:
        return
    for rounds in dict.fromkeys((1, comparison.cfg.active_learning.rounds - 1)):
        trial = next(iter(picks[queries[0]].values()))
        count = sum(map(len, trial[:rounds]))
        title = f"Share of the first {count} picks that two queries have in common"
        if rounds == 1 or subset is None:
            # Each round draws its candidates anew, the same for all queries in the first.
            candidates = min(comparison.pool_size(), subset or comparison.pool_size())
            title += f"; by chance {count / candidates:.0%}"
        yield ReportTable(title, overlap_rows(queries, picks_overlap(picks, rounds)), [])


def _rows(curves: Curves) -> Iterator[dict[str, float]]:
    return (row for trials in curves.values() for curve in trials.values() for row in curve)


def _facts(
    comparison: Comparison, metric: str, seeds: Sequence[int]
) -> tuple[tuple[str, str], ...]:
    return (
        ("metric", metric),
        ("compared to", next(iter(comparison.queries))),
        ("queries", str(len(comparison.queries))),
        ("seeds finished by all", ", ".join(map(str, seeds)) or "none"),
        ("rounds", str(comparison.cfg.active_learning.rounds)),
    )


def _settings(comparison: Comparison, command: str) -> tuple[tuple[str, str], ...]:
    """What the comparison was run with, by name."""
    # Laying the config out would take seconds.
    content = copy.deepcopy(comparison.cfg.to_dict())
    text = Config(content, format_python_code=False).pretty_text
    queries = "\n".join(f"{name}: {query}" for name, query in comparison.queries.items())
    config = (str(comparison.cfg.filename or "Config"), text)
    return tuple(
        entry for entry in (("Command", command), ("Queries", queries), config) if entry[1]
    )


def _markdown(part: ReportTable) -> str:
    lines = "".join(f"- {line}\n" for line in part.lines)
    return markdown_table(part.rows, part.title) + (f"\n{lines}" if lines else "")
