"""The data of a config, by name."""

import copy
from collections.abc import Callable, Iterator

from mmengine.config import Config

from mmal.datasets import PoolDataset
from mmal.datasets.pools import is_shaped
from mmal.structures import Pool
from mmal.tasks import task_of_pipeline
from mmal.utils import type_name

from .unreadable import UNREADABLE_SHARE

#: Wrappers that mix images or repeat them by class: the labelled split goes inside them.
OUTER_WRAPPERS = ("MultiImageMixDataset", "ClassBalancedDataset")


class DataConfig:
    """Finds the data sets and pipelines where MM configs hide them.

    The config is read when this is made; what is missing is an error where it is asked for.

    Args:
        cfg: The whole config.

    Attributes:
        unlabeled: Config of the unlabelled images of the ActiveLearningHook, if it has any.
        group_by: What the pool is made of, see :class:`mmal.PoolDataset`.
        group_score: The score of an image by its people, ``mean`` or ``max``.
        unreadable: The share of the candidates whose images may be unreadable.
    """

    def __init__(self, cfg: Config) -> None:
        self._name = cfg.filename or ""
        self._model = cfg.get("model")
        self._preprocessor = cfg.get("data_preprocessor")
        self._loaders = {s: cfg.get(f"{s}_dataloader") or {} for s in ("train", "val", "test")}
        given = (hook.get("unlabeled") for hook in learning_hooks(cfg))
        self.unlabeled = next((dataset for dataset in given if dataset is not None), None)
        rounds = cfg.get("active_learning") or {}
        self.group_by = rounds.get("group_by", "sample")
        self.group_score = rounds.get("group_score", "mean")
        self.unreadable = rounds.get("unreadable", UNREADABLE_SHARE)

    def dataset(self, stage: str) -> dict:
        """Return the config of a data set, with its wrappers.

        Args:
            stage: ``train``, ``val`` or ``test``.

        Raises:
            ValueError: If there is none.
        """
        if (dataset := self._loaders[stage].get("dataset")) is None:
            what = "is the pool" if stage == "train" else "is evaluated, and whose pipeline scores"
            raise ValueError(
                f"The config {self._name} has no {stage}_dataloader.dataset, which {what}. Set "
                f"{stage}_dataloader."
            )
        return dataset

    @property
    def pool(self) -> dict:
        """The config of the data set that is the pool of rounds: the training data."""
        dataset = self.dataset("train")
        while type_name(dataset) in OUTER_WRAPPERS:
            dataset = dataset["dataset"]
        return dataset

    @property
    def test_pipeline(self) -> list[dict]:
        """The pipeline of the test data set, inside whatever wrappers: that of scoring."""
        return next(leaf_datasets(self.dataset("test")))["pipeline"]

    @property
    def scored_by(self) -> dict:
        """What scores depend on beside weights and samples: model and pipeline, as plain dicts."""
        found = dict(
            model=self._model, preprocessor=self._preprocessor, pipeline=self.test_pipeline
        )
        return Config(found).to_dict()

    def loading(self, stage: str = "test") -> dict:
        """Return batch size and number of workers that a stage loads by."""
        loader = self._loaders[stage]
        return dict(batch_size=loader["batch_size"], num_workers=loader.get("num_workers", 0))

    def leaves(self) -> dict[str, list[dict]]:
        """Return the data sets without wrappers: what there is to audit.

        Returns:
            ``train``, ``test``, ``val`` where that is another set, and ``pool``, the unlabelled
            images of an ActiveLearningHook, if it has any.

        Raises:
            ValueError: If the config has no training or test data set.
        """
        sets = {stage: list(leaf_datasets(self.dataset(stage))) for stage in ("train", "test")}
        if self._loaders["val"].get("dataset") is not None:
            val = list(leaf_datasets(self.dataset("val")))
            if val != sets["test"]:
                sets["val"] = val
        if self.unlabeled is not None:
            sets["pool"] = list(leaf_datasets(self.unlabeled))
        return sets

    def labeled_dataset(self, stage: str = "test") -> dict:
        """Return a data set's config whose samples have what the target's loss needs.

        What evaluation loads is not that: MMDetection's boxes are in the original image, MMPose
        makes no targets. How to is in the training pipeline; see
        :meth:`mmal.tasks.Task.labeled_pipeline`.

        Args:
            stage: ``test`` or ``val``.

        Raises:
            ValueError: If there is no such data set, or its pipeline is of no known kind.
        """
        training = self._loaders["train"].get("dataset")
        training = next(leaf_datasets(training))["pipeline"] if training else []

        def labeled(leaf: dict) -> dict:
            task = task_of_pipeline(leaf["pipeline"])
            pipeline = task.labeled_pipeline(_inner(leaf["pipeline"]), _inner(training))
            if (cached := _cached(leaf["pipeline"])) is not None:
                pipeline = [{**cached, "pipeline": pipeline}]
            return task.labeled_dataset({**leaf, "pipeline": pipeline})

        return with_leaves(copy.deepcopy(self.dataset(stage)), labeled)

    def all_labeled(self) -> dict:
        """Return the training data's config as if all of it were labelled.

        That is the config itself, unless it shapes a pool, which is for PoolDataset to hold.
        """
        training = self.dataset("train")
        if not is_shaped(training):
            return training
        pool = self.labeled_pool()

        def held(dataset: dict) -> dict:
            if type_name(dataset) in OUTER_WRAPPERS:
                return {**dataset, "dataset": held(dataset["dataset"])}
            return dict(type="mmal.PoolDataset", dataset=dataset, pool=pool, group_by=self.group_by)

        return held(training)

    def labeled_pool(self) -> Pool:
        """Return the pool with all of its samples labelled."""
        pool = Pool(self.unlabeled_split().pool.ids)
        pool.commit(pool.ids, "all", None)
        return pool

    def labeled_split(self, pool: Pool) -> PoolDataset:
        """Build what is labelled of the training data, without a pipeline: to be counted.

        Args:
            pool: Says what that is.
        """
        return PoolDataset(self.pool, pool, "labeled", [], self.group_by)

    def unlabeled_split(
        self, pool: Pool | str | None = None, source: dict | None = None
    ) -> PoolDataset:
        """Build what is unlabelled, with the test pipeline.

        Args:
            pool: A pool or its file, which says what that is; None for everything.
            source: Config of the data set; by default the training data.
        """
        source = source if source is not None else self.pool
        return PoolDataset(source, pool, "unlabeled", self.test_pipeline, self.group_by)


def learning_hooks(cfg: Config) -> Iterator[dict]:
    """Yield the configs of the ActiveLearningHooks in ``custom_hooks``."""
    for hook in cfg.get("custom_hooks") or []:
        if type_name(hook) == "ActiveLearningHook":
            yield hook


def leaf_datasets(dataset: dict) -> Iterator[dict]:
    """Yield the configs of the data sets inside all wrappers of a data set config."""
    if "datasets" in dataset:
        for child in dataset["datasets"]:
            yield from leaf_datasets(child)
    elif "dataset" in dataset:
        yield from leaf_datasets(dataset["dataset"])
    else:
        yield dataset


def target_config(cfg: Config) -> dict:
    """Return the config of the target model, which may be all of the model."""
    return cfg.model["target"] if type_name(cfg.model) == "LearningLoss" else cfg.model


def preprocessor_config(cfg: Config) -> dict:
    """Return the config of the data preprocessor: the target's own, the model's, or the config's.

    A model whose class has one of its own returns an empty dict.
    """
    owners = (target_config(cfg), cfg.model, cfg)
    given = (owner.get("data_preprocessor") for owner in owners)
    return next((found for found in given if found is not None), {})


def with_leaves(dataset: dict, change: Callable[[dict], dict]) -> dict:
    """Return a data set config, each data set in its wrappers replaced by what `change` makes."""
    if "datasets" in dataset:
        return {**dataset, "datasets": [with_leaves(d, change) for d in dataset["datasets"]]}
    if "dataset" in dataset:
        return {**dataset, "dataset": with_leaves(dataset["dataset"], change)}
    return change(dataset)


def _cached(pipeline: list[dict]) -> dict | None:
    """Return the CachedViews that a pipeline is, if it is."""
    return next((t for t in pipeline if type_name(t) == "CachedViews"), None)


def _inner(pipeline: list[dict]) -> list[dict]:
    """Return the pipeline in whose place CachedViews stands, or the pipeline itself."""
    cached = _cached(pipeline)
    return pipeline if cached is None else cached["pipeline"]
