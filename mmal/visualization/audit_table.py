"""The audit of data sets as tables for a terminal."""

from collections.abc import Mapping

from rich.table import Table
from rich.text import Text

from mmal.datasets.audit import AuditReport

from .text import printable

_STYLES = dict(error="bold red", warning="yellow", info="cyan")
#: How many classes of a set are shown.
_CLASSES = 6


def sets_table(report: AuditReport) -> Table:
    """Return a table with a row a data set: what its files state, and what of it is used.

    Objects that are ignored in training are none that are used.
    """
    table = Table(title="Data sets", title_justify="left")
    table.add_column("set", no_wrap=True)
    table.add_column("data set", overflow="fold")
    table.add_column("annotations", overflow="fold")
    table.add_column("images", justify="right")
    table.add_column("objects", justify="right")
    table.add_column("classes")
    for counts in report.sets:
        table.add_row(
            counts.name,
            counts.type,
            _text(counts.source),
            _of(counts.images_stated, counts.images),
            "" if counts.name == "pool" else _of(counts.objects_stated, counts.objects),
            _text(_shortened(counts.classes)),
        )
    return table


def findings_table(report: AuditReport) -> Table:
    """Return a table with a row a kind of finding and set, errors first."""
    table = Table(title="Findings", title_justify="left", show_lines=True)
    table.add_column("severity", no_wrap=True)
    table.add_column("set")
    table.add_column("kind", overflow="fold", max_width=16)
    table.add_column("count", justify="right", no_wrap=True)
    table.add_column("what, where, and what to do", overflow="fold", ratio=1)
    for group in report.groups:
        what = Text(group.what, style="bold")
        for line in group.details:
            what.append(f"\n{printable(line)}", style="not bold")
        if group.kind.advice:
            what.append(f"\n→ {group.kind.advice}.", style="not bold italic")
        severity = Text(group.severity, style=_STYLES[group.severity])
        count = f"{group.count:,}"
        table.add_row(severity, _text(group.set_name), group.kind.name, count, what)
    return table


def audit_summary(report: AuditReport) -> str:
    """Sum a report up in a line."""
    parts = []
    for severity in ("error", "warning"):
        groups = list(report.of(severity))
        if groups:
            found = sum(group.count for group in groups)
            parts.append(f"{_number(len(groups), severity)} ({_number(found, 'finding')})")
    if parts:
        return ", ".join(parts)
    sets = _number(len({counts.name for counts in report.sets}), "set")
    images = _number(sum(counts.images for counts in report.sets), "image")
    objects = _number(sum(counts.objects for counts in report.sets), "object")
    return f"Nothing wrong found in {sets}: {images}, {objects}."


def _number(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _of(stated: int, used: int) -> str:
    """What a file states, and what of it is used, once where that is the same."""
    return f"{used:,}" if stated in (used, 0) else f"{stated:,} ({used:,} used)"


def _shortened(classes: Mapping[str, int]) -> str:
    """The classes with most objects; those without any are named, too: they may be misspelt."""
    found = sorted((name for name in classes if classes[name]), key=lambda name: -classes[name])
    parts = [f"{name} {classes[name]:,}" for name in found[:_CLASSES]]
    if len(found) > _CLASSES:
        parts.append(f"… {len(found) - _CLASSES} more")
    # Of a set without labels all classes are without objects.
    empty = [name for name in classes if not classes[name]] if found else []
    if empty:
        more = f", … {len(empty) - _CLASSES} more" if len(empty) > _CLASSES else ""
        parts.append(f"none: {', '.join(empty[:_CLASSES])}{more}")
    return ", ".join(parts)


def _text(text: str) -> Text:
    """Text in which brackets are no markup."""
    return Text(printable(text))
