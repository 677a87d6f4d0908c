"""The tables of a comparison."""

from collections.abc import Mapping, Sequence

import numpy as np
from rich.table import Table

from mmal.evaluation import Gain
from mmal.evaluation.summary import Summary


def metric_rows(summary: Summary) -> list[list[str]]:
    """Return the header and a row for each query: mean ± std a round."""
    digits = _digits(summary)
    rows = [["query", *(f"{count:.0f}" for count in summary.queries[0].labeled)]]
    for query in summary.queries:
        cells = [
            f"{mean:.{digits}f}" + ("" if std != std else f" ± {std:.{digits}f}")
            for mean, std in zip(query.mean, query.std, strict=True)
        ]
        rows.append([query.query, *cells])
    return rows


def gain_rows(summary: Summary, unit: str = "labels") -> list[list[str]]:
    """Return the header and a row for each query: its area, and its gain over the baseline's.

    The gain has an interval of 95 %, or, of few trials, each seed's. What is saved is left out
    where the gain is not above the noise.

    Args:
        summary: What is compared.
        unit: What labels are counted in, in the plural.
    """
    digits = _digits(summary)
    if not summary.compared:
        return [["query", "area"], *([q.query, f"{q.area:.{digits}f}"] for q in summary.queries)]
    gain = summary.compared[0].gain
    limits = "each seed's" if gain.interval.low != gain.interval.low else "95 %"
    header = ["query", "area", f"gain of area ({limits})", "gain in %", "p (Holm)"]
    header += ["smallest visible gain", "seeds above", "rounds above", f"{unit} saved"]
    rows = [header]
    for query in summary.queries:
        cells = [""] * (len(header) - 2) if query.gain is None else _gain_cells(query.gain, digits)
        rows.append([query.query, f"{query.area:.{digits}f}", *cells])
    return rows


def gain_table_rows(gains: Mapping[str, Gain]) -> list[list[str]]:
    """Return the header and a row for each data set: a query's gain there, in per cent of the area.

    Args:
        gains: By the name of the data set.
    """
    rows = [["", "seeds above", "gain of area", "95 %", "p (Holm)", "labels saved", ""]]
    for name, gain in gains.items():
        low, high = (_or_nothing(gain.relative(v), "+.1%") for v in gain.interval[1:])
        _, _, p_value, _, above, _, saved = _gain_cells(gain, 3)
        limits = f"{low} to {high}" if low else ""
        mean = _or_nothing(gain.relative(gain.estimate), "+.1%")
        rows.append([name, above, mean, limits, p_value, saved, gain.verdict])
    return rows


def verdicts(summary: Summary) -> list[str]:
    """Return what a table amounts to: a sentence for each query, and one for all."""
    if not summary.compared:
        return []
    digits = _digits(summary)
    baseline, trials = summary.baseline, len(summary.seeds)
    lines = [query.gain.sentence(query.query, baseline, digits) for query in summary.compared]
    found = [query.gain.verdict for query in summary.compared]
    if "above" not in found and "undecided" not in found:
        lines.append(f"No query is shown to be above {baseline}.")
    if not summary.rises:
        lines.append(
            f"{baseline} ends no higher than it began: its labels taught nothing that the metric "
            "sees, so that little can be compared here."
        )
    if "undecided" not in found:
        test = summary.test
        if not test.startswith("Wilcoxon"):
            test = f"a {test} ({trials} seeds are too few for Wilcoxon's signed-rank test)"
        queries = "1 query" if len(found) == 1 else f"{len(found)} queries"
        lines.append(
            f"By {test} over {trials} seeds, two-sided, with Holm's correction over {queries}; "
            "above and below mean p ≤ 0.05."
        )
    return lines


def overlap_rows(queries: Sequence[str], shares: np.ndarray) -> list[list[str]]:
    """Return the header and a row for each query: shares of shape (Q, Q) in per cent."""
    rows = [
        [name, *(f"{share:.0%}" for share in row)]
        for name, row in zip(queries, shares, strict=True)
    ]
    return [["picks in common", *queries], *rows]


def terminal_table(rows: Sequence[Sequence[str]], title: str) -> Table:
    """Return rows, the first of them the header, as a table for a terminal."""
    header, *rows = rows
    table = Table(title=title)
    for i, name in enumerate(header):
        # Names of queries may be long; numbers stay on a line.
        table.add_column(name, justify="right" if i else "left", no_wrap=len(name) < 12)
    for row in rows:
        table.add_row(*row)
    return table


def markdown_table(rows: Sequence[Sequence[str]], title: str) -> str:
    """Return rows, the first of them the header, as a Markdown table below a line."""
    header, *rows = rows
    lines = [header, ["---", *(["---:"] * (len(header) - 1))], *rows]
    return title + "\n\n" + "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _gain_cells(gain: Gain, digits: int) -> list[str]:
    mean, low, high = (f"{value:+.{digits}f}" for value in gain.interval)
    limits = f"{low} to {high}"
    if gain.interval.low != gain.interval.low:
        limits = ", ".join(f"{value:+.{digits}f}" for value in gain.by_seed)
    saved = ""
    if gain.saved is not None and gain.verdict == "above":
        saved = "not reached" if gain.saved != gain.saved else f"{gain.saved:.0f}"
    # Of trials that are too few for a verdict, it would say what could not be shown.
    decided = gain.verdict != "undecided"
    smallest = gain.relative(gain.smallest) if decided else float("nan")
    return [
        mean if len(gain.by_seed) == 1 else f"{mean} ({limits})",
        _or_nothing(gain.relative(gain.estimate), "+.1%"),
        "< 0.001" if gain.p_value < 0.001 else _or_nothing(gain.p_value, ".3f"),
        _or_nothing(gain.smallest if decided else float("nan"), f".{digits}f")
        + ("" if smallest != smallest else f" ({smallest:.1%})"),
        f"{np.sum(gain.by_seed > 0)} of {len(gain.by_seed)}",
        _or_nothing(gain.rounds_above, ".0%"),
        saved,
    ]


def _or_nothing(value: float, form: str) -> str:
    return "" if value != value else format(value, form)


def _digits(summary: Summary) -> int:
    """Digits after the point: mAP is in 0..1, PCK in 0..100."""
    return 3 if max(query.mean.max() for query in summary.queries) <= 1 else 2
