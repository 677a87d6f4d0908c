"""An annotator's loop, step by step: raw images in, picks out, labels back, a model."""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from mmengine.config import Config
from mmengine.dist import init_dist, is_distributed, is_main_process
from rich.console import Console

from mmal.datasets.exchange import FORMATS
from mmal.engine.acquisition import DRAWN
from mmal.engine.loop import (
    MIN_SCORE,
    REPORT_FILE,
    Candidates,
    Delivery,
    LoopData,
    Project,
    ProjectError,
    begin_project,
    commit_delivery,
    export_picks,
    find_candidates,
    is_outdated,
    opened,
    pick_images,
    read_delivery,
    skip_images,
    train_model,
    write_loop_report,
)
from mmal.engine.rounds import WorkDir
from mmal.utils import few
from mmal.visualization import read_curve, rounds_table
from mmal.visualization.text import printable

from .forecast import forecast_runs

#: Of how many images hints and forecasts speak before anybody has chosen a number.
_BATCH = 50
_OTHER_QUERY = "A query that does without the predicted loss: undo, then pick --query Herding."
_WIDTH = None if sys.stdout.isatty() else 120


class LoopSteps:
    """The steps of a project, each of which says what it did and what comes next.

    Args:
        root: The project's folder.
        command: How a user calls the steps, for the hints.
    """

    def __init__(self, root: str | os.PathLike, command: str = "python tools/loop.py") -> None:
        self.root = Path(root)
        self._command = command

    def init(
        self,
        cfg: Config,
        images: Sequence[str],
        image_root: str | None = None,
        people: str | None = None,
        own_data: bool = False,
        labels: str | None = None,
        format_name: str | None = None,
        seed: int = 0,
    ) -> None:
        """Begin a project; see :func:`mmal.engine.loop.begin_project`.

        Args:
            cfg: The config.
            images: Sources of the pool.
            image_root: The folder below which images are named.
            people: Boxes of people.
            own_data: Whether to train on the config's own training data, too.
            labels: Labels of images of the pool that exist already.
            format_name: Their format.
            seed: Of all draws.
        """
        project, data, found = begin_project(
            self.root, cfg, images, image_root, people, own_data, seed
        )
        self._say(f"{self.root}: a pool of {len(found.paths)} images{_left_out(found)}.")
        self._warn_of(found)
        schema = data.schema
        self._say(f"To be labelled: {schema.kind} of {few(schema.classes, 10)}.")
        if labels is not None:
            try:
                self.import_labels(labels, format_name, unpicked=True)
            except ValueError as error:
                raise ProjectError(
                    f"The project was begun, without labels: {error}\nMend them, then: "
                    f"{self._command} import {self.root} {labels} --unpicked"
                ) from error
            return
        self._next(project, left=len(found.paths))

    def pick(
        self,
        budget: int,
        query: dict | None = None,
        checkpoint: str | None = None,
        subset: int | None = None,
        more: bool = False,
    ) -> None:
        """Pick images to be labelled next; see :func:`mmal.engine.loop.pick_images`.

        Args:
            budget: How many.
            query: Config of the query.
            checkpoint: The model that scores; by default the last trained one.
            subset: Score a random subset of this size.
            more: Whether to pick although others wait for labels.

        Raises:
            ProjectError: If others wait for labels.
        """
        with self._opened() as (project, data):
            if project.pending and not more:
                raise ProjectError(
                    f"{len(project.pending)} picked images wait for labels. Import these first, or "
                    "pick --more beside them."
                )
            found = find_candidates(data)
            self._warn_of(found)
            picked = pick_images(project, data, found, budget, query, checkpoint, subset)
            step = picked.step
            by = f" with {step.model}" if step.model else ""
            self._say(
                f"{len(step.picks)} of {len(found.paths)} images picked by {step.query}{by}"
                f"{_left_out(found)}: {project.pick_dir(len(project.picks) - 1)}/picks.txt"
            )
            if picked.doubt and step.query.startswith(DRAWN):
                self._say(f"Drawn at random: {picked.doubt}.")
            elif picked.doubt:
                advice = _OTHER_QUERY if picked.by_module else ""
                self._say(f"These picks may be worthless: {picked.doubt}. {advice}".rstrip())
            self._write_report(project)
            self._next(project)

    def export(
        self,
        format_name: str,
        out_dir: str | None = None,
        proposals: bool = True,
        min_score: float = MIN_SCORE,
        images: str = "none",
        url: str | None = None,
    ) -> None:
        """Write what waits for labels for an annotation tool; see :func:`export_picks`."""
        with self._opened() as (project, data):
            done = export_picks(
                project, data, format_name, out_dir, proposals, min_score, images, url
            )
            if done.gone:
                self._say(f"Not in the pool any more, and left out: {few(done.gone)}.")
            self._say(f"{done.images} images, {done.proposed} proposed objects: {done.target}")
            self._next(project, exported=True)

    def import_labels(
        self,
        path: str,
        format_name: str | None = None,
        all_finished: bool = False,
        unpicked: bool = False,
        only_valid: bool = False,
    ) -> None:
        """Read what came back; see :func:`read_delivery` and :func:`commit_delivery`.

        Args:
            path: A file, a folder or an archive.
            format_name: Its format.
            all_finished: Whether annotators are through with every image of the file.
            unpicked: Whether images that were never picked may be among them.
            only_valid: Whether to take what is right where something else is wrong.

        Raises:
            ProjectError: If something in it is wrong; nothing was imported then.
        """
        with self._opened() as (project, data):
            found = read_delivery(project, data, path, format_name, all_finished, unpicked)
            if found.problems and not only_valid:
                others = len(found.labels)
                raise ProjectError(
                    f"{path}: the labels of {len(found.problems)} images are refused, so nothing "
                    f"was imported.\n{_listed(found.problems)}\nMend them and import again"
                    f"{f', or take the {others} others by --only-valid' if others else ''}."
                )
            step = commit_delivery(project, data, found, path)
            self._report(found)
            if step is None:
                self._say("Nothing in it is new: the project is as it was.")
            else:
                self._write_report(project)
            self._next(project)

    def train(self, launcher: str = "none") -> None:
        """Train on all labels and evaluate; see :func:`train_model`.

        Args:
            launcher: The job launcher, as of mmengine's runner.
        """
        if launcher != "none" and not is_distributed():
            init_dist(launcher)
        with self._opened() as (project, data):
            if project.trainings and not project.unlearnt and not is_outdated(project, data):
                raise ProjectError("No label has come since the last training. Import some first.")
            data.cfg.launcher = launcher
            record = train_model(project, data)
            self._table(project)
            if doubt := record.get("ranking_doubt"):
                self._say(f"The predicted losses mean little: {doubt}.")
            self._write_report(project)
            self._next(project)

    def skip(self, names: Sequence[str]) -> None:
        """Take images out of the pool for good; see :func:`skip_images`."""
        with self._opened() as (project, data):
            step = skip_images(project, data, names)
            self._say(f"{len(step.images)} images will not be picked again.")
            self._write_report(project)
            self._next(project)

    def relocate(self, images: Sequence[str], image_root: str | None = None) -> None:
        """Say where the pool's images are by now."""
        with opened(self.root) as project:
            project.relocate(images, image_root)
        self.status()

    def undo(self) -> None:
        """Take back the last step, unless it was a training."""
        with opened(self.root) as project:
            step = project.undo()
            what = {
                "pick": lambda: (
                    f"{len(step.picks)} images by {step.query}; its folder is put aside"
                ),
                "import": lambda: (
                    f"{step.file}: {len(step.new)} new, {len(step.changed)} corrected"
                ),
                "skip": lambda: few(list(step.images)),
            }[step.kind]()
            self._say(f"The last step, {step.kind}, is taken back ({what}).")
            self._write_report(project)
            self._next(project)

    def status(self) -> None:
        """Say where the project stands and what comes next."""
        project = Project.load(self.root)
        data = LoopData(project, project.config())
        found = find_candidates(data)
        self._say(
            f"{self.root}: {len(project.labeled)} images labelled, {len(project.pending)} wait for "
            f"labels, {len(project.skipped)} skipped, {len(found.paths)} left to pick"
            f"{_left_out(found)}."
        )
        self._warn_of(found)
        if project.trainings:
            self._table(project)
        outdated = is_outdated(project, data)
        if outdated:
            self._say(
                f"{project.config_file} was changed since the last model was trained: train again, "
                "or picks and proposals are by a model of another config."
            )
        if len(project.trainings) > 2:
            self._forecast(project, len(project.picks[-1].picks) if project.picks else _BATCH)
        self._next(project, left=len(found.paths), outdated=outdated)

    def _write_report(self, project: Project) -> None:
        if is_main_process():
            write_loop_report(project)
            self._say(f"Report: {self.root / REPORT_FILE}")

    def _forecast(self, project: Project, batch: int) -> None:
        """Say what the next batch is going to bring, see docs/when_to_stop.md."""
        try:
            forecast = forecast_runs([read_curve(project.training)])
            self._say(*forecast.sentences(None, [batch]))
        except ValueError as error:  # a curve without a metric, or that never rose
            self._say(f"No forecast: {error}")

    @contextmanager
    def _opened(self) -> Iterator[tuple[Project, LoopData]]:
        with opened(self.root) as project:
            yield project, LoopData(project, project.config())

    @property
    def _console(self) -> Console:
        """The terminal, of one of several processes; a launcher tells late which."""
        return Console(quiet=not is_main_process(), highlight=False, width=_WIDTH)

    def _say(self, *lines: str) -> None:
        for line in lines:
            self._console.print(printable(line), markup=False, soft_wrap=True)

    def _warn_of(self, found: Candidates) -> None:
        if found.unreadable:
            problems = {image.path: image.reason for image in found.unreadable}
            self._say(f"{len(problems)} images cannot be used:", _listed(problems))
        if found.missing:
            self._say(f"Not in the pool any more: {few(found.missing)}.")

    def _report(self, found: Delivery) -> None:
        counts = {
            "newly labelled": len(found.new),
            "with corrected labels": len(found.changed),
            "as they were": found.same,
            "skipped by the annotator": len(found.skipped),
            "that nobody seems to have looked at yet": len(found.untouched),
            "refused": len(found.problems),
        }
        said = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
        self._say(f"Images: {said or 'none'}.")
        if found.untouched:
            self._say(
                f"Not looked at: {few(found.untouched)}, without labels, or with those that were "
                "proposed. If they are right as they are: --all-finished."
            )
        if found.as_proposed:
            self._say(f"{found.as_proposed} of them have the model's proposals, unchanged.")
        if found.clipped:
            self._say(f"{found.clipped} boxes or joints stuck out of their images and were cut.")
        if found.problems:
            self._say(_listed(found.problems))

    def _table(self, project: Project) -> None:
        work_dir = WorkDir(project.training)
        records = [work_dir.read_record(step.round) for step in project.trainings]
        self._console.print(rounds_table(records))

    def _next(
        self,
        project: Project,
        exported: bool = False,
        left: int | None = None,
        outdated: bool = False,
    ) -> None:
        """Say what comes next.

        Args:
            project: The project.
            exported: Whether what waits for labels has just been written.
            left: How many images may be picked, where that is known.
            outdated: Whether the last model is of another config.
        """
        command = f"{self._command} {{}} {self.root}"
        if project.pending:
            export = f" ({command.format('export')} --format {'|'.join(FORMATS)})"
            self._say(
                f"Next: have {len(project.pending)} images labelled{'' if exported else export}, "
                f"then {command.format('import')} LABELS"
            )
        elif (project.unlearnt and len(project.labeled) > 1) or outdated:
            self._say(f"Next: {command.format('train')}")
        elif left == 0:
            self._say("No image is left to be picked. New ones in the pool's folders join it.")
        else:
            budget = _BATCH if left is None else min(_BATCH, left)
            self._say(f"Next: {command.format('pick')} --budget {budget}")


def _left_out(found: Candidates) -> str:
    if not found.left_out:
        return ""
    return f" ({', '.join(f'{count} {why}' for why, count in found.left_out.items())} left out)"


def _listed(problems: dict[str, str], most: int = 10) -> str:
    lines = [f"  {name}: {problem}" for name, problem in list(problems.items())[:most]]
    if len(problems) > most:
        lines.append(f"  … and {len(problems) - most} more")
    return "\n".join(lines)
