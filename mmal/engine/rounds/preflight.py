"""Everything that can be refused before the first training."""

from collections.abc import Sequence

from mmengine.config import Config
from mmengine.dist import is_main_process
from mmengine.registry import init_default_scope
from torch import nn

from mmal.datasets import PoolDataset
from mmal.datasets.checks import check_datasets
from mmal.models import LearningLossMixin, build_model
from mmal.queries import build_query
from mmal.structures import Pool, PoolError
from mmal.utils import type_name

from ..checks import check_batch_size, check_joints, check_scores
from ..pipelines import dataset_of, labeled_test_dataset, leaf_datasets, test_pipeline
from .round_config import pool_of
from .settings import RoundSettings
from .work_dir import WorkDir


def preflight(cfg: Config, settings: RoundSettings, work_dir: WorkDir, resume: bool) -> Pool:
    """Check config, data, model and work directory; write nothing.

    The images themselves are checked once, when a run begins, not when it is resumed.

    Returns:
        The pool: that of the work directory, or a new one with no round yet.

    Raises:
        FileExistsError: If the work directory holds rounds and ``resume`` is not set.
        ValueError: For whatever else does not fit; the message says what and where.
        TypeError: If the query needs scores that the model cannot give.
    """
    _check_work_dir(work_dir, resume)
    init_default_scope(cfg.get("default_scope", "mmdet"))
    model = build_model(cfg)
    if isinstance(model, LearningLossMixin):
        check_batch_size(model, cfg.train_dataloader.batch_size)
        labeled_test_dataset(cfg)  # refuses pipelines that give no targets
    if cfg.train_dataloader.get("drop_last") and settings.initial < cfg.train_dataloader.batch_size:
        raise ValueError(
            f"active_learning.initial ({settings.initial}) is less than the batch size "
            f"({cfg.train_dataloader.batch_size}) of train_dataloader, and its drop_last leaves "
            "out the only batch."
        )
    query = settings.build_query()
    begins = not work_dir.pool.exists()
    if begins and is_main_process():
        test = dataset_of(cfg, "test_dataloader")
        leaves = [*leaf_datasets(pool_of(cfg)), *leaf_datasets(test)]
        check_datasets(leaves, settings.ignore_classes)
    dataset = PoolDataset(
        pool_of(cfg),
        split="unlabeled",
        pipeline=test_pipeline(cfg),
        group_by=settings.group_by,
    )
    settings.check_pool_size(len(dataset.pool.ids))
    check_joints(model, dataset)
    check_scores(model, dataset, query.requires)
    _check_hooks(cfg, model)
    seed = cfg.randomness.seed
    if begins:
        return Pool(dataset.pool.ids, seed=seed)
    pool = Pool.load(work_dir.pool, dataset.pool.ids)
    _check_same_run(pool, settings, seed, work_dir)
    return pool


def check_queries(cfg: Config, queries: Sequence[dict]) -> None:
    """Check what queries need of data and model; write nothing, and do not look at the images.

    Args:
        cfg: A config of acquisition rounds; its own query does not matter.
        queries: Configs of queries.

    Raises:
        ValueError: If the pool is too small for all rounds.
        TypeError: If the model cannot give what a query reads.
    """
    init_default_scope(cfg.get("default_scope", "mmdet"))
    settings = RoundSettings.from_config(cfg)
    model = build_model(cfg)
    dataset = PoolDataset(
        pool_of(cfg),
        split="unlabeled",
        pipeline=test_pipeline(cfg),
        group_by=settings.group_by,
    )
    settings.check_pool_size(len(dataset.pool.ids))
    for query in queries:
        check_scores(model, dataset, build_query(query).requires)


def _check_work_dir(work_dir: WorkDir, resume: bool) -> None:
    if work_dir.pool.exists() and not resume:
        raise FileExistsError(
            f"{work_dir.root} already holds rounds (pool.json). Go on with them by --resume, or "
            "choose another --work-dir."
        )
    if not work_dir.pool.exists() and (left := sorted(work_dir.root.glob("round_*"))):
        raise FileExistsError(
            f"{left[0]} is left of other rounds, but {work_dir.pool} is missing. Put it back, or "
            "choose another --work-dir."
        )


def _check_hooks(cfg: Config, model: nn.Module) -> None:
    hooks = [h for h in cfg.get("custom_hooks") or [] if type_name(h) == "ActiveLearningHook"]
    if hooks and not isinstance(model, LearningLossMixin):
        raise TypeError(
            f"The config's model is a plain {type(model).__name__}: remove ActiveLearningHook from "
            "custom_hooks, or wrap the model by mmal.LearningLoss."
        )
    for hook in hooks:
        if hook.get("unlabeled") is not None:
            raise ValueError(
                "Rounds acquire by themselves: remove 'unlabeled', 'budget', 'query' and 'subset' "
                "from the ActiveLearningHook of the config; active_learning holds them."
            )


def _check_same_run(pool: Pool, settings: RoundSettings, seed: int, work_dir: WorkDir) -> None:
    """Refuse to go on with other settings than the rounds so far had."""
    if len(pool.rounds) > settings.rounds:
        raise PoolError(
            f"{work_dir.pool} holds {len(pool.rounds)} rounds, but active_learning.rounds is "
            f"{settings.rounds}. Resume with at least as many."
        )
    query = settings.build_query().description
    found = [(pool.seed, len(r.picks), r.query) for r in pool.rounds]
    budgets = [settings.initial] + [settings.budget] * (len(found) - 1)
    queries = ["initial"] + [query] * (len(found) - 1)
    expected = [(seed, b, q) for b, q in zip(budgets, queries, strict=True)]
    for index, (was, now) in enumerate(zip(found, expected, strict=True)):
        if was != now:
            raise PoolError(
                f"{work_dir.pool}: round {index} was picked with (seed, samples, query) = {was}, "
                f"but the config now says {now}. Resume with the settings that the run began "
                "with, or choose another --work-dir."
            )
