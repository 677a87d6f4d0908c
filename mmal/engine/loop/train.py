"""Training on everything that annotators have labelled."""

import hashlib
import itertools
import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from mmengine.dist import barrier, is_main_process
from rich.console import Console

from mmal.structures import Pool
from mmal.utils import atomic_path, few
from mmal.visualization import plot_curves, read_curve

from ..data_config import DataConfig
from ..rounds.preflight import check_round
from ..rounds.round_training import RoundTraining
from ..rounds.settings import RoundSettings
from ..rounds.work_dir import WorkDir
from .loop_data import LoopData
from .project import Project, ProjectError
from .steps import Train

#: In a round's folder: what it was trained on, and how.
_MARK = "trained_on.txt"


def train_model(project: Project, data: LoopData) -> dict:
    """Train the next model on all labels and evaluate it on the config's test data.

    The folder ``training`` of the project is a work directory as rounds of studies leave it, with
    a round a training. One that was interrupted goes on at its last checkpoint.

    Args:
        project: The project; gets a step.
        data: Its data.

    Returns:
        The round's record, as in its ``metrics.json``.

    Raises:
        ProjectError: If there is nothing new to train on, or too little.
        ValueError: If config and labels do not fit; see :func:`mmal.engine.rounds.check_round`.
    """
    paths, missing = data.located(project.labeled)
    if len(paths) < 2 and not project.sources.own_data:
        raise ProjectError(
            f"{len(paths)} images are labelled and there, but training needs at least two. Import "
            "labels first."
        )
    index = len(project.trainings)
    work_dir = WorkDir(project.training)
    if is_main_process():
        data.write_training_file(paths)
        _begin_or_go_on(project, data, work_dir, index)
    barrier()
    cfg = data.training_config()
    settings = RoundSettings.from_config(cfg)
    pool = check_round(cfg, settings, _all_labeled)
    if is_main_process():
        pool.save(work_dir.pool)
    barrier()
    console = Console(quiet=not is_main_process(), width=None if sys.stdout.isatty() else 120)
    if missing:
        console.print(f"Labelled, but not in the pool any more: {few(missing)}. Trained without.")
    training = RoundTraining(cfg, work_dir, console, settings)
    record = work_dir.read_record(index)
    if not record:
        counts = DataConfig(cfg).labeled_split(pool).annotation_counts()
        record = training.train(index, dict(labeled=len(pool.ids), annotations=counts))
    training.evaluate(record)
    if is_main_process():
        _write_curve(work_dir, index)
    checkpoint = os.path.relpath(work_dir.checkpoint(index), project.root)
    project.take(Train(index, len(paths), checkpoint))
    barrier()
    return record


def check_training(data: LoopData, candidates: Mapping[str, str]) -> None:
    """Try one step of a training on made-up labels, before annotators begin.

    Args:
        data: The data of a project, of which nothing need be labelled.
        candidates: Files of images that may be picked, by id.

    Raises:
        ValueError: If the config cannot be trained; see :func:`mmal.engine.rounds.check_round`.
    """
    if len(candidates) < 2:
        return  # no training takes so few
    batch = data.cfg.train_dataloader.get("batch_size") or 1
    paths = dict(itertools.islice(candidates.items(), max(batch, 2)))
    with tempfile.TemporaryDirectory() as folder:
        cfg = data.rehearsal_config(paths, Path(folder))
        check_round(cfg, RoundSettings.from_config(cfg), _all_labeled, audit=False)


def _begin_or_go_on(project: Project, data: LoopData, work_dir: WorkDir, index: int) -> None:
    """Put aside what an interrupted training left, unless its labels and config are the same.

    Labels that came since would else be taken for learnt.
    """
    folder = work_dir.round_dir(index)
    if folder.exists() and _mark(project, index) != _state(project, data):
        project.set_aside(folder)
    with atomic_path(folder / _MARK) as tmp:
        tmp.write_text(_state(project, data))


def is_outdated(project: Project, data: LoopData) -> bool:
    """Whether the last model was trained by another config than the project has by now."""
    if not project.trainings or not data.training_file.exists():
        return False
    return _mark(project, project.trainings[-1].round) not in ("", _state(project, data))


def _mark(project: Project, index: int) -> str:
    file = WorkDir(project.training).round_dir(index) / _MARK
    return file.read_text() if file.exists() else ""


def _state(project: Project, data: LoopData) -> str:
    """What tells labels and configs apart."""
    state = hashlib.sha256(data.training_file.read_bytes())
    state.update(project.config_file.read_bytes())
    return state.hexdigest()


def _all_labeled(ids: list[str]) -> Pool:
    pool = Pool(ids)
    pool.commit(ids, "labelled", None)
    return pool


def _write_curve(work_dir: WorkDir, last: int) -> None:
    records = [work_dir.read_record(index) for index in range(last + 1)]
    work_dir.write_curve(records)
    if any(record["metrics"] for record in records):
        plot_curves({"loop": [read_curve(work_dir.root)]}, work_dir.curve_png)
