"""What a run of rounds would do, and about how long it takes."""

import tempfile
from pathlib import Path
from typing import NamedTuple

from mmengine.config import Config
from mmengine.device import get_device
from mmengine.dist import get_world_size
from mmengine.runner import Runner

from mmal.datasets import PoolDataset
from mmal.models.pretrained import pretrained_backbone
from mmal.structures import Pool
from mmal.utils import safe_loading

from ..acquisition import draw_initial
from ..data_config import DataConfig
from ..preflight import max_epochs_of
from ..unreadable import PoolImages
from .checkpoints import steps_of
from .rates import Rates, measured_rates
from .rehearsal_runner import rehearsal_runner
from .settings import RoundSettings
from .work_dir import WorkDir
from .workload import STEPS, Workload

_RECORDED = "Times are those of the rounds that are done, scaled by images and steps. "
_MEASURED = (
    "Times are estimates from up to 3 batches of each kind, tried out here ({device}) with this "
    "model and these data. They leave out checkpoints, pictures and what the evaluator computes. "
)
_CACHED = "No times: features are computed first, and rounds train on these. "


class PlannedRound(NamedTuple):
    """A round, or what is left of it.

    Attributes:
        index: Its number.
        labeled: Samples that are labelled in it.
        annotations: What annotators made in them, if that is known: ``{"boxes": 197}``.
        epochs: Of its training; None if that counts iterations.
        iterations: Left of its training.
        scored: Samples whose scores the query reads.
        seconds: Estimate by step, of those that are left; None where there is none.
        begins_at: The checkpoint that the training goes on at.
    """

    index: int
    labeled: int
    annotations: dict[str, int] | None
    epochs: int | None
    iterations: int
    scored: int
    seconds: dict[str, float | None]
    begins_at: str | None = None


class Plan(NamedTuple):
    """What a run would do.

    Attributes:
        rounds: Those that are left.
        done: How many are done.
        initial: Samples scored to find the initial set, and the seconds; None if it needs none.
        source: A sentence about the estimates.
    """

    rounds: list[PlannedRound]
    done: int
    initial: tuple[int, float | None] | None
    source: str


@safe_loading()
def plan_rounds(cfg: Config, settings: RoundSettings, work_dir: WorkDir, pool: Pool) -> Plan:
    """Say what :func:`~mmal.engine.rounds.run_rounds` would do; write nothing.

    Estimates are made of the rounds that are done, where the work directory has them, else of a few
    batches that are tried out.

    Args:
        cfg: A config that was checked.
        settings: Those of its ``active_learning``.
        work_dir: Where the rounds are, or will be.
        pool: As the check returned it.
    """
    records = [work_dir.read_record(index) for index in range(settings.rounds)]
    done = [
        "metrics" in record and (len(pool.rounds) > index + 1 or index + 1 == settings.rounds)
        for index, record in enumerate(records)
    ]
    first = done.index(False) if False in done else settings.rounds
    if first == settings.rounds:
        return Plan([], first, None, "")
    data = DataConfig(cfg)
    dataset = data.unlabeled_split()
    listed = None
    if settings.initial_set.file is not None and not pool.rounds:
        listed = settings.initial_set.listed(pool, dataset)
    with tempfile.TemporaryDirectory() as folder:
        images = PoolImages(dataset)
        runner = rehearsal_runner(cfg, settings, pool, images, listed, Path(folder), first)
        size = len(listed) if listed else settings.initial_set.size
        labeled = len(pool.labeled_ids) if pool.rounds else size
        work = _workload(runner, settings, dataset, first, labeled)
        rates, source = work.recorded_rates(records[:first]), _RECORDED
        if not rates.complete and settings.cached is not None:
            source = _CACHED
        elif not rates.complete:
            source = (_RECORDED if first else "") + _MEASURED.format(device=get_device())
            rates = rates.or_else(_measured(cfg, settings, runner, data, dataset))
    rounds = []
    for index in range(first, settings.rounds):
        left = _left(records[index], index + 1 < settings.rounds)
        begins_at = work_dir.checkpoint(index) if "train" in left else None
        steps = work.steps(work.labeled(index)) if "train" in left else 0
        if begins_at is not None:
            steps = max(steps - steps_of(begins_at), 0)
        seconds = work.seconds(index, rates, steps)
        rounds.append(
            PlannedRound(
                index,
                work.labeled(index),
                _annotations(data, pool, images, listed, settings) if index == first else None,
                work.epochs if "train" in left else None,
                steps,
                work.read(index),
                {name: seconds[name] for name in STEPS if name in left},
                begins_at.name if begins_at is not None else None,
            )
        )
    initial = None
    query = settings.initial_set.build_query()
    if query is not None and query.requires and not pool.rounds:
        scored = None if rates.scored is None else rates.scored * len(dataset) / work.processes
        initial = (len(pool.ids), scored)
    return Plan(rounds, first, initial, source)


def _left(record: dict, picks: bool) -> tuple[str, ...]:
    """The steps of a round that are left."""
    steps = STEPS if picks else STEPS[:2]
    if not record:
        return steps
    return steps[2:] if "metrics" in record else steps[1:]


def _workload(
    runner: Runner, settings: RoundSettings, dataset: PoolDataset, index: int, labeled: int
) -> Workload:
    """Read off the runner of a round, in which so many samples are labelled, how much there is."""
    loop = runner.train_loop
    sampler = loop.dataloader.batch_sampler
    epochs = max_epochs_of(runner.cfg)
    return Workload(
        settings=settings,
        initial=labeled - index * settings.budget,
        pool=len(dataset.pool.ids),
        test=len(runner.test_loop.dataloader.dataset),
        epochs=epochs,
        iterations=loop.max_iters if epochs is None else None,
        batch_size=sampler.batch_size,
        drop_last=getattr(sampler, "drop_last", False),
        repeats=len(loop.dataloader.dataset) / labeled,
        scored=len(dataset) / len(dataset.pool.ids),
        processes=get_world_size(),
    )


def _measured(
    cfg: Config, settings: RoundSettings, runner: Runner, data: DataConfig, dataset: PoolDataset
) -> Rates:
    query = settings.build_query()
    names = list(query.requires)
    if (initial := settings.initial_set.build_query()) is not None:
        names += [name for name in initial.requires if name not in names]
    pretrained = pretrained_backbone(cfg, names)
    return measured_rates(runner, data, dataset, query, names, pretrained)


def _annotations(
    data: DataConfig,
    pool: Pool,
    images: PoolImages,
    listed: list[str] | None,
    settings: RoundSettings,
) -> dict[str, int] | None:
    """Count what is annotated in what is labelled so far, if that is decided."""
    if not pool.rounds:
        if listed is None and settings.initial_set.query is not None:
            return None
        size, share = settings.initial_set.size, settings.unreadable
        picks = listed or draw_initial(pool, size, images, share)
        pool = Pool(pool.ids, pool.seed)
        pool.commit(picks, "initial", None)
    return data.labeled_split(pool).annotation_counts()
