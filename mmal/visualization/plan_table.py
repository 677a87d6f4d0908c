"""The table of a dry run."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from rich.table import Table

if TYPE_CHECKING:  # visualization does not stand above the rounds
    from mmal.engine.rounds import Plan

#: The steps of a round, and what the table calls them.
_STEPS = dict(train="train", evaluate="evaluate", score="score", query="pick")


def plan_table(plan: "Plan") -> Table:
    """Return a table with a row a round that is left, and one of their sum.

    Times are ``hours:minutes:seconds``, or seconds. ``-`` is what is not known, or not to be done.

    Args:
        plan: Of at least one round.
    """
    kinds = next((r.annotations for r in plan.rounds if r.annotations), {})
    table = Table(title=_title(plan), title_justify="left")
    columns = ("round", "labelled", *kinds, "epochs", "steps", "scored", *_STEPS.values(), "total")
    for name in columns:
        table.add_column(name, justify="right", no_wrap=True)
    sums = dict.fromkeys(_STEPS, 0.0)
    if plan.initial is not None:
        scored, seconds = plan.initial
        blank = ["-"] * (3 + len(kinds))
        times = ["-", "-", _time(seconds), "-", _time(seconds)]
        table.add_row("initial", *blank, str(scored), *times)
        sums["score"] = _sum([seconds])
    for planned in plan.rounds:
        for name, seconds in planned.seconds.items():
            sums[name] = _sum([sums[name], seconds])
        table.add_row(
            str(planned.index),
            str(planned.labeled),
            *(str((planned.annotations or {}).get(kind, "-")) for kind in kinds),
            _number(planned.epochs),
            _number(planned.iterations),
            _number(planned.scored),
            *(_time(planned.seconds.get(name)) for name in _STEPS),
            _time(_sum(planned.seconds.values())),
        )
    table.add_section()
    blank = [""] * (4 + len(kinds))
    table.add_row("all", *blank, *map(_time, sums.values()), _time(_sum(sums.values())))
    return table


def _title(plan: "Plan") -> str:
    said = []
    if plan.done:
        said.append(f"{plan.done} rounds are done.")
    first = plan.rounds[0]
    if first.begins_at is not None:
        said.append(f"Round {first.index} goes on at {first.begins_at}.")
    return " ".join(["What would run.", *said])


def _sum(seconds: Iterable[float | None]) -> float | None:
    values = list(seconds)
    return None if None in values else sum(values)


def _time(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, seconds = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{seconds:02d}"


def _number(value: int | None) -> str:
    return str(value) if value else "-"
