"""Everything that can be refused before the first training."""

import copy
import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from mmengine.config import Config
from mmengine.hooks import CheckpointHook
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from torch import nn

from mmal.datasets import PoolDataset
from mmal.models import LearningLossMixin
from mmal.models.features import sources_of
from mmal.models.pretrained import pretrained_backbone
from mmal.queries import build_query
from mmal.structures import Pool, PoolError
from mmal.utils import safe_loading

from ..acquisition import DRAWN
from ..data_config import DataConfig, learning_hooks
from ..hooks import ActiveLearningHook
from ..preflight import (
    Problems,
    audit_data,
    audit_settings,
    check_checkpoints,
    check_detach_epoch,
    check_evaluator_files,
    check_labels,
    check_no_validation,
    check_optimizer,
    check_pretrained,
    check_runner,
    check_scores,
    check_seed,
    check_sync_batchnorm,
    check_variants,
    check_workers,
    max_epochs_of,
    rehearse_evaluation,
    rehearse_hooks,
    rehearse_losses,
    rehearse_precision,
    rehearse_training,
    unlabeled_sets,
)
from ..scoring import bare
from ..unreadable import PoolImages, refuse_labeled
from .rehearsal_runner import rehearsal_runner
from .settings import RoundSettings
from .work_dir import WorkDir


def preflight(
    cfg: Config,
    settings: RoundSettings,
    work_dir: WorkDir,
    resume: bool,
    comparable: dict | None = None,
) -> Pool:
    """Check config, data, model and work directory; write nothing.

    1. The settings, by looking at the config.
    2. The data: an audit of every annotation and image, when a run begins.
    3. A rehearsal: training, test and unlabelled data, loops, optimizer, hooks and evaluator are
       built as the first round will build them, in a temporary folder, and see one batch each.

    All problems are told at once.

    Args:
        cfg: The config.
        settings: Those of its ``active_learning``.
        work_dir: Where the rounds are, or will be.
        resume: Whether to go on with those that are there.
        comparable: The settings that must be those that the run began with; None to allow others.

    Returns:
        The pool: that of the work directory, or a new one with no round yet.

    Raises:
        FileExistsError: If the work directory holds rounds and ``resume`` is not set.
        PreflightError: If there are several problems.
        ValueError: For whatever else does not fit; the message says what and where.
        TypeError: If the query needs scores that the model cannot give.
    """
    _check_work_dir(work_dir, resume)
    if resume and work_dir.finished(settings.rounds):
        init_default_scope(cfg.get("default_scope", "mmdet"))
        pool = Pool.load(work_dir.pool, DataConfig(cfg).unlabeled_split().pool.ids)
        _check_same_run(pool, settings, cfg.randomness.seed, work_dir, comparable)
        return pool  # nothing is left that data or weights would be needed for
    begins = not work_dir.pool.exists() or not resume

    def open_pool(ids: Sequence[str]) -> Pool:
        if begins:
            return Pool(ids, seed=cfg.randomness.seed)
        pool = Pool.load(work_dir.pool, ids)
        _check_same_run(pool, settings, cfg.randomness.seed, work_dir, comparable)
        return pool

    return _examine(cfg, settings, [settings.query], open_pool, begins)


def check_queries(cfg: Config, queries: Sequence[dict], seeds: Sequence[int] = (0,)) -> None:
    """Check what :func:`preflight` checks, for several queries; write nothing.

    Args:
        cfg: A config of acquisition rounds; its own query and seed do not matter.
        queries: Configs of queries.
        seeds: Of the trials; the rehearsal is that of the first.

    Raises:
        PreflightError: If there are several problems.
        ValueError: If something does not fit, such as a pool that is too small for all rounds.
        TypeError: If the model cannot give what a query reads.
    """
    for seed in seeds:
        check_seed(seed)
    cfg = copy.deepcopy(cfg)
    cfg.randomness = {**(cfg.get("randomness") or {}), "seed": seeds[0]}
    settings = RoundSettings.from_config(cfg)
    _examine(cfg, settings, queries, lambda ids: Pool(ids, seed=seeds[0]), audit=True)


def check_round(
    cfg: Config,
    settings: RoundSettings,
    open_pool: Callable[[Sequence[str]], Pool],
    audit: bool = True,
) -> Pool:
    """Check what :func:`preflight` checks of config, data and model, for one training.

    Args:
        cfg: The config.
        settings: Those of its ``active_learning``; the query does not matter.
        open_pool: Makes the pool, with what is labelled, of all ids.
        audit: Whether to look at every annotation and image.

    Returns:
        The pool.

    Raises:
        PreflightError: If there are several problems.
        ValueError: For whatever else does not fit.
    """
    return _examine(cfg, settings, [], open_pool, audit, all_labeled=True)


@safe_loading()
def _examine(
    cfg: Config,
    settings: RoundSettings,
    queries: Sequence[dict],
    open_pool: Callable[[Sequence[str]], Pool],
    audit: bool,
    all_labeled: bool = False,
) -> Pool:
    init_default_scope(cfg.get("default_scope", "mmdet"))
    problems = Problems()
    _check_settings(cfg, problems)
    if problems.failed("randomness.seed"):  # any other will do for the rest
        cfg = copy.deepcopy(cfg)
        cfg.randomness.seed = 0
    weights = Problems()
    check_pretrained(cfg, weights)
    loads = not weights.anywhere()
    problems.extend(weights)
    evaluator = Problems()
    with evaluator.collect("test_evaluator"):
        check_evaluator_files(cfg, "test")
    evaluates = not evaluator.anywhere()
    problems.extend(evaluator)
    data = Problems()
    if audit:
        with data.collect():
            audit_data(cfg, audit_settings(cfg), () if all_labeled else unlabeled_sets(cfg))
    pool = dataset = listed = None
    if not data.anywhere():  # else nothing can be built of them
        with data.collect():
            check_variants(cfg)
            dataset = DataConfig(cfg).unlabeled_split()
            settings.check_pool_size(len(dataset.pool.ids))
            pool = open_pool(dataset.pool.ids)
            if settings.initial_set.file is not None and not pool.rounds:
                listed = settings.initial_set.listed(pool, dataset)
                refuse_labeled(PoolImages(dataset).unreadable(listed), listed)
    if not data.anywhere():
        with tempfile.TemporaryDirectory() as folder:
            with problems.collect("model"):
                images = PoolImages(dataset)
                runner = rehearsal_runner(cfg, settings, pool, images, listed, Path(folder))
            if not problems.failed("model"):
                wanted = [q for q in (settings.initial_set.query, *queries) if q is not None]
                pretrained = _pretrained(cfg, wanted, problems) if loads else None
                _rehearse(runner, dataset, settings, wanted, pretrained, evaluates, problems)
    problems.extend(data)
    problems.raise_all()
    return pool


def _check_settings(cfg: Config, problems: Problems) -> None:
    with problems.collect("randomness.seed"):
        check_seed(cfg.randomness.seed)
    for check in (check_runner, check_checkpoints, check_no_validation, check_workers):
        with problems.collect():
            check(cfg)
    with problems.collect():
        if (cached := RoundSettings.from_config(cfg).cached) is not None:
            cached.check(cfg)
    for hook in learning_hooks(cfg):
        with problems.collect():
            check_detach_epoch(hook.get("detach_epoch"), max_epochs_of(cfg))
        if hook.get("unlabeled") is not None:
            problems.add(
                ValueError(
                    "Rounds acquire by themselves: remove 'unlabeled', 'budget', 'query' and "
                    "'subset' from the ActiveLearningHook of the config; active_learning holds "
                    "them."
                )
            )


def _pretrained(cfg: Config, queries: Sequence[dict], problems: Problems) -> nn.Module | None:
    """Build the pretrained backbone, if a query reads its features and there is one."""
    with problems.collect():
        names = [name for query in queries for name in build_query(query).requires]
        return pretrained_backbone(cfg, names)
    return None


def _rehearse(
    runner: Runner,
    dataset: PoolDataset,
    settings: RoundSettings,
    queries: Sequence[dict],
    pretrained: nn.Module | None,
    evaluates: bool,
    problems: Problems,
) -> None:
    """Try out what a round does, each part for itself."""
    model = bare(runner.model)
    of_model = Problems()
    with of_model.collect():
        _check_hooks(runner, model)
        check_sync_batchnorm(model)
        check_labels(model, runner.cfg)
        for query in queries:
            names = build_query(query).requires
            if pretrained is None:  # why was said, or none is asked for
                names = [name for name in names if not sources_of([name]) & {"pretrained"}]
            check_scores(model, dataset, names, pretrained)
    fits = not of_model.anywhere()
    problems.extend(of_model)
    if not fits:  # training and evaluation would fail for the same reasons
        return
    training = Problems()
    with training.collect("train_cfg, train_dataloader"):
        rehearse_training(runner, training, trains=False)
    if not training.anywhere():
        _rehearse_hooks(runner, training)
    problems.extend(training)
    wanted = [settings.metric] if settings.metric else []
    if evaluates:
        rehearse_evaluation(runner, "test", wanted, problems, short=True)
    rehearse_losses(runner, problems)


def _rehearse_hooks(runner: Runner, problems: Problems) -> None:
    with problems.collect("optim_wrapper, param_scheduler"):
        check_optimizer(runner.cfg)
        runner.optim_wrapper = runner.build_optim_wrapper(runner.optim_wrapper)
        if runner.param_schedulers is not None:
            runner.build_param_scheduler(runner.param_schedulers)
    if problems.anywhere():
        return
    rehearse_hooks(runner, problems)
    rehearse_precision(runner, problems)
    with problems.collect():
        for hook in runner.hooks:
            if isinstance(hook, (ActiveLearningHook, CheckpointHook)):
                hook.before_train(runner)


def _check_work_dir(work_dir: WorkDir, resume: bool) -> None:
    if work_dir.root.exists() and not work_dir.root.is_dir():
        raise FileExistsError(f"--work-dir {work_dir.root} is a file; it must be a folder.")
    root = work_dir.root.absolute()
    above = next(path for path in (root, *root.parents) if path.exists())
    if not resume and not (above.is_dir() and os.access(above, os.W_OK)):
        raise FileExistsError(
            f"--work-dir {work_dir.root} cannot be made or written: {above} is "
            f"{'no folder' if not above.is_dir() else 'read-only'}."
        )
    if work_dir.is_locked:
        raise FileExistsError(work_dir.in_use())
    if work_dir.pool.exists() and not resume and not work_dir.nothing_trained:
        raise FileExistsError(
            f"{work_dir.root} already holds rounds (pool.json). Go on with them by --resume, or "
            "choose another --work-dir."
        )
    if not work_dir.pool.exists() and (left := sorted(work_dir.root.glob("round_*"))):
        raise FileExistsError(
            f"{left[0]} is left of other rounds, but {work_dir.pool} is missing. Put it back, or "
            "choose another --work-dir."
        )


def _check_hooks(runner: Runner, model: nn.Module) -> None:
    if not isinstance(model, LearningLossMixin) and list(learning_hooks(runner.cfg)):
        raise TypeError(
            f"The config's model is a plain {type(model).__name__}: remove ActiveLearningHook from "
            "custom_hooks, or wrap the model by mmal.LearningLoss."
        )


def _check_model(pool: Pool, settings: RoundSettings, work_dir: WorkDir) -> None:
    """Refuse to go on with a round that is trained, whose model is not there but is needed."""
    index = len(pool.rounds) - 1
    record = work_dir.read_record(index) if index >= 0 else {}
    if record and ("metrics" not in record or len(pool.rounds) < settings.rounds):
        work_dir.checkpoints(index).trained()


def _check_same_run(
    pool: Pool, settings: RoundSettings, seed: int, work_dir: WorkDir, comparable: dict | None
) -> None:
    """Refuse to go on with other settings than the rounds so far had."""
    if len(pool.rounds) > settings.rounds:
        raise PoolError(
            f"{work_dir.pool} holds {len(pool.rounds)} rounds, but active_learning.rounds is "
            f"{settings.rounds}. Resume with at least as many."
        )
    for index in range(len(pool.rounds)):  # damaged ones are told of before anything runs
        work_dir.read_record(index)
        work_dir.checkpoint(index)
    _check_model(pool, settings, work_dir)
    first = work_dir.read_record(0)
    trained = first.get("cached_features")
    if trained is not None:  # the backbone's weights are compared when they are loaded
        trained = {key: value for key, value in trained.items() if key != "name"}
    cached = settings.cached and settings.cached.what_is_trained
    if first and trained != cached:
        raise PoolError(
            f"{work_dir.root}: round 0 was trained with active_learning.cached_features={trained}, "
            f"but the config now says {cached}. Resume with the settings that the run began with, "
            "or choose another --work-dir."
        )
    query = settings.build_query().description
    found = [(pool.seed, len(r.picks), r.query.removeprefix(DRAWN)) for r in pool.rounds]
    # A list may name images that hold several people.
    listed = settings.initial_set.file is not None
    first = len(pool.rounds[0].picks) if listed and pool.rounds else settings.initial_set.size
    budgets = [first] + [settings.budget] * (len(found) - 1)
    queries = ["initial"] + [query] * (len(found) - 1)
    expected = [(seed, b, q) for b, q in zip(budgets, queries, strict=True)]
    for index, (was, now) in enumerate(zip(found, expected, strict=True)):
        if was != now:
            raise PoolError(
                f"{work_dir.pool}: round {index} was picked with (seed, samples, query) = {was}, "
                f"but the config now says {now}. Resume with the settings that the run began "
                "with, or choose another --work-dir."
            )
    if comparable is not None and not work_dir.nothing_trained:
        work_dir.settings.refuse_changes(comparable)
