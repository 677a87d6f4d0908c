"""The report of a loop: what was picked, what came back, and what the models learnt from it."""

from collections.abc import Iterator
from dataclasses import replace

from mmal.visualization import read_curve
from mmal.visualization.report import RoundReport, RunReport, render_run, write_page

from ..reporting import read_round, warned
from .project import Project

#: The report of a project.
REPORT_FILE = "report.html"


def write_loop_report(project: Project) -> None:
    """Write ``report.html`` of a project, once a model is trained; an error is a warning."""
    if not project.trainings:
        return
    with warned("the report cannot be written"):
        write_page(render_run(read_loop(project)), project.root / REPORT_FILE)


def read_loop(project: Project) -> RunReport:
    """Read what a project's steps left, as far as it is there.

    Args:
        project: A project with a trained model.
    """
    curve = read_curve(project.training)
    notes: list[str] = []
    facts = [
        ("labelled", f"{len(project.labeled):,} images"),
        ("waiting for labels", f"{len(project.pending):,}"),
        ("skipped", f"{len(project.skipped):,}"),
        ("models", str(len(project.trainings))),
        ("picked by", ", ".join(dict.fromkeys(step.query for step in project.picks)) or "nothing"),
    ]
    rounds = list(_rounds(project, notes))
    return RunReport(project.root.resolve().name, tuple(facts), curve, rounds, tuple(notes))


def _rounds(project: Project, notes: list[str]) -> Iterator[RoundReport]:
    """Yield each model with what was picked by it first."""
    by_model = {step.model: number for number, step in reversed(list(enumerate(project.picks)))}
    for step in project.trainings:
        trained = read_round(project.training / f"round_{step.round:02d}", step.round, notes=notes)
        number = by_model.get(step.checkpoint)
        if number is None:
            yield trained
            continue
        pick = project.picks[number]
        picked = read_round(project.pick_dir(number), step.round, pick.picks, pick.query, notes)
        yield replace(
            picked,
            labeled=trained.labeled,
            annotations=trained.annotations,
            metrics=trained.metrics,
            ranking=trained.ranking,
            yardsticks=trained.yardsticks,
            seconds=trained.seconds,
            doubts=trained.doubts,
            wrong=trained.wrong,
            losses=trained.losses,
        )
