"""The report of a loop: what was picked, what came back, and what the models learnt from it."""

from collections.abc import Iterator
from dataclasses import replace

from mmal.visualization import read_curve
from mmal.visualization.report import RoundReport, RunReport, render_run, write_page

from ..reporting import changed_at, read_round, warned
from .project import Project
from .steps import Pick, Train

#: The report of a project.
REPORT_FILE = "report.html"


def write_loop_report(project: Project) -> None:
    """Write ``report.html`` of a project; an error is a warning."""
    with warned("the report cannot be written"):
        write_page(render_run(read_loop(project)), project.root / REPORT_FILE)


def read_loop(project: Project) -> RunReport:
    """Read what a project's steps left, as far as it is there.

    Args:
        project: The project.
    """
    curve = read_curve(project.training) if project.trainings else []
    notes: list[str] = []
    facts = [
        ("labelled", f"{len(project.labeled):,} images"),
        ("waiting for labels", f"{len(project.pending):,}"),
        ("skipped", f"{len(project.skipped):,}"),
        ("models", str(len(project.trainings))),
        ("picked by", ", ".join(dict.fromkeys(step.query for step in project.picks)) or "nothing"),
        ("as of", changed_at(project.file)),
    ]
    rounds = list(_rounds(project, notes))
    return RunReport(project.root.resolve().name, tuple(facts), curve, rounds, tuple(notes))


def _rounds(project: Project, notes: list[str]) -> Iterator[RoundReport]:
    """Yield each model with what was picked after it; before the first, what came first."""
    found: RoundReport | None = None
    number = 0
    for step in project.steps:
        if isinstance(step, Train):
            if found is not None:
                yield found
            folder = project.training / f"round_{step.round:02d}"
            found = read_round(folder, step.round, notes=notes)
        elif isinstance(step, Pick):
            picked = read_round(project.pick_dir(number), number, step.picks, step.query, notes)
            if found is None:
                yield replace(picked, title=f"Pick {number}, before any training")
            elif found.query is None:
                found = _with_picks(found, picked)
            else:  # others, by the same model
                yield found
                found = replace(
                    picked, index=found.index, title=f"Pick {number}, by round {found.index}"
                )
            number += 1
    if found is not None:
        yield found


def _with_picks(trained: RoundReport, picked: RoundReport) -> RoundReport:
    """Put together what a round's model was worth, and what was picked by it."""
    of_picks = ("query", "budget", "picks", "easiest", "scores", "picked", "map")
    return replace(trained, **{name: getattr(picked, name) for name in of_picks})
