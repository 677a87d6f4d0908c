"""The tables of a comparison."""

from collections.abc import Sequence

import numpy as np
from rich.table import Table

from mmal.evaluation import Interval
from mmal.evaluation.summary import QuerySummary


def comparison_rows(summaries: Sequence[QuerySummary]) -> list[list[str]]:
    """Return the header and a row for each query: mean ± std a round, area, gain, labels saved."""
    counts = [f"{count:.0f}" for count in summaries[0].labeled]
    rows = [["query", *counts, "area", "gain of area (95 %)", "labels saved"]]
    for summary in summaries:
        digits = 3 if summary.mean.max() <= 1 else 2  # mAP is in 0..1, PCK in 0..100
        cells = [
            f"{mean:.{digits}f}" + ("" if std != std else f" ± {std:.{digits}f}")
            for mean, std in zip(summary.mean, summary.std, strict=True)
        ]
        gain = "" if summary.gain is None else _interval(summary.gain, digits)
        saved = "" if summary.saved is None else f"{summary.saved:.0f}"
        saved = "not reached" if saved == "nan" else saved
        rows.append([summary.query, *cells, f"{summary.area:.{digits}f}", gain, saved])
    return rows


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


def _interval(gain: Interval, digits: int) -> str:
    if gain.low != gain.low:
        return f"{gain.estimate:+.{digits}f}"
    return f"{gain.estimate:+.{digits}f} ({gain.low:+.{digits}f} to {gain.high:+.{digits}f})"
