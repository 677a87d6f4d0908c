"""The labelled or the unlabelled part of any data set."""

import copy
import inspect
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
from mmengine.dataset import BaseDataset
from mmengine.registry import DATASETS as ROOT_DATASETS

from mmal.registry import DATASETS
from mmal.structures import Pool, PoolError
from mmal.tasks import Task, task_of
from mmal.utils import registered_class, type_name

from .backend_args import backend_args_of
from .listed_samples import ListedSamples, Listings
from .pools import peel


@DATASETS.register_module()
class PoolDataset:
    """The labelled or the unlabelled samples of a data set, as a pool file says.

    1. The inner data sets (inside Concat and Repeat) list their samples, unfiltered.
    2. Each sample gets its id; together they are the pool, unless a shaper around the data set
       makes another one of them (:class:`mmal.datasets.pools.PoolShaper`).
    3. The samples of the split are kept. Labelled ones then pass the data set's own
       ``filter_cfg``; unlabelled ones do not, since what it filters by are labels.
    4. Unlabelled samples lose everything that may be a label (:meth:`mmal.tasks.Task.unlabeled`),
       are repeated once and go through the pipeline in test mode.

    A sample that the pipeline rejects in training is replaced by one of the same split.

    In top-down pose data a sample is a person, but an annotator labels an image. ``group_by``
    says which of them the pool is made of. Unlabelled people keep their boxes.

    Args:
        dataset: Config of any data set based on ``mmengine.dataset.BaseDataset``, or of
            Concat or Repeat data sets around such, with or without shapers. Wrappers that mix
            images or repeat them by their classes (``MultiImageMixDataset``,
            ``ClassBalancedDataset``) go around this one.
        pool: Path of the pool file, or a pool. Without one, every sample is unlabelled.
        split: ``labeled`` or ``unlabeled``.
        pipeline: Replaces the pipeline of the inner data sets.
        group_by: ``sample``, or ``image`` to label all people of an image together.

    Raises:
        FileNotFoundError: If the pool file is missing.
        PoolError: If the pool file belongs to another data set, or an id occurs twice.
        ValueError: If ``split`` or ``group_by`` is neither, the split is empty, or classes differ.
        TypeError: If ``dataset`` is a wrapper that belongs around this one.

    Attributes:
        leaves: The inner data sets, each with its samples of the split.
    """

    def __init__(
        self,
        dataset: dict,
        pool: str | Pool | None = None,
        split: str = "labeled",
        pipeline: Sequence[dict] | None = None,
        group_by: str = "sample",
    ) -> None:
        for name, value, allowed in (
            ("split", split, ("labeled", "unlabeled")),
            ("group_by", group_by, ("sample", "image")),
        ):
            if value not in allowed:
                raise ValueError(
                    f"The {name!r} parameter of PoolDataset must be {allowed[0]!r} or "
                    f"{allowed[1]!r}. Got {value!r} instead."
                )
        self.split = split
        self.group_by = group_by
        self._pipeline = pipeline
        self.leaves: list[BaseDataset] = []
        self._listed: list[ListedSamples] = []
        tree = self._load(dataset)
        ids = [name for listed in self._listed for name in listed.ids]
        if group_by == "image":
            ids = list(dict.fromkeys(ids))
        self._check_classes()
        self.pool = pool if isinstance(pool, Pool) else self._read_pool(pool, ids)
        if ids != self.pool.ids and set(ids) != set(self.pool.ids):
            raise PoolError("The 'pool' parameter of PoolDataset belongs to another data set.")
        self._keep(frozenset(self.pool.labeled_ids))
        self._index = np.array(self._order(tree), dtype=np.int64).reshape(-1, 2)
        if not len(self._index):
            raise ValueError(
                f"The {split} split of the pool {pool if isinstance(pool, str) else ''} is empty: "
                f"{len(self.pool.labeled_ids)} of {len(ids)} samples are labelled"
                + (
                    " and the data set's filter_cfg drops them all, or none has a label."
                    if self.pool.labeled_ids and split == "labeled"
                    else "."
                )
            )

    @property
    def metainfo(self) -> dict:
        """The (first) inner data set's meta information."""
        return self.leaves[0].metainfo

    @property
    def task(self) -> Task:
        """The task of the (first) inner data set."""
        return task_of(self.leaves[0])

    @property
    def pipeline(self) -> Any:
        """The (first) inner data set's pipeline; hooks that switch pipelines set it for all."""
        return self.leaves[0].pipeline

    @pipeline.setter
    def pipeline(self, pipeline: Any) -> None:
        for leaf in self.leaves:
            leaf.pipeline = pipeline

    def full_init(self) -> None:
        """Do nothing: the data set is complete once built."""

    def get_data_info(self, idx: int) -> dict:
        """Return the data info of sample ``idx`` of the split, with its ``sample_id``."""
        leaf, inner = self._index[idx]
        return self.leaves[leaf].get_data_info(int(inner))

    def sample_name(self, idx: int) -> tuple[str, str]:
        """Return a sample's id and its image file; where an image has no file, its id again."""
        info = self.get_data_info(idx)
        return info["sample_id"], info.get("img_path", info["sample_id"])

    def image_file(self, idx: int) -> tuple[str, dict | None] | None:
        """Return a sample's image file and the arguments of its file backend; None in memory."""
        path = self.get_data_info(idx).get("img_path")
        if not isinstance(path, str):
            return None
        return path, backend_args_of(self.leaves[self._index[idx][0]])

    def annotation_counts(self) -> dict[str, int]:
        """Count what an annotator made in the labelled split, each sample once.

        Returns:
            ``boxes``, those ignored in training included, visible ``joints``, or ``labels``.

        Raises:
            RuntimeError: If this is the unlabelled split: it hands out no labels.
        """
        return {self.task.annotation: self.task.count(self._annotated(None), self.metainfo)}

    def label_histogram(self, ids: Collection[str] | None = None) -> dict[str, int]:
        """Count the annotations of the labelled split by what they show, each sample once.

        Args:
            ids: Of these samples only.

        Returns:
            Boxes or labels by class or, of pose data, visible joints by joint, in the data set's
            order.

        Raises:
            RuntimeError: If this is the unlabelled split: it hands out no labels.
        """
        return self.task.histogram(self._annotated(ids), self.metainfo)

    def get_cat_ids(self, idx: int) -> list[int]:
        """Return the categories in sample ``idx`` of the labelled split.

        Raises:
            RuntimeError: If this is the unlabelled split: it hands out no labels.
        """
        if self.split == "unlabeled":
            raise RuntimeError("The unlabeled split of PoolDataset hands out no category ids.")
        leaf, inner = self._index[idx]
        return self.leaves[leaf].get_cat_ids(int(inner))

    def __len__(self) -> int:
        return len(self._index)

    def __getitem__(self, idx: int) -> Any:
        leaf, inner = self._index[idx]
        data = self.leaves[leaf][int(inner)]
        if self.split == "unlabeled":
            # The id travels with the sample, so that no order has to be relied upon.
            metainfo = {"sample_id": self.get_data_info(idx)["sample_id"]}
            data["data_samples"].set_metainfo(metainfo)
        return data

    def _load(self, cfg: dict) -> list | dict | int:
        """Build the inner data sets, list their samples, and return how they are nested.

        A list is a Concat, ``{times: child}`` a Repeat, a number one of the data sets.
        """
        kind = type_name(cfg)
        if kind in ("ConcatDataset", "RepeatDataset"):
            _check_parameters(cfg)
        if kind == "ConcatDataset":
            return [self._load(child) for child in cfg["datasets"]]
        if kind == "RepeatDataset":
            return {cfg["times"]: self._load(cfg["dataset"])}
        whole = cfg
        shapers, cfg = peel(cfg)
        if "dataset" in cfg or "datasets" in cfg:
            raise TypeError(
                f"PoolDataset cannot hold the wrapper {kind}: which samples belong to the pool "
                f"must not depend on it. Name the data set that {kind} wraps; PoolDataset goes "
                "inside MultiImageMixDataset and ClassBalancedDataset."
            )
        dataset = self._build_leaf(cfg)
        self._listed.append(Listings.listed(whole, dataset, shapers, self.group_by))
        if self.split == "unlabeled":
            dataset.test_mode = True  # not sooner: some data sets choose their files by it
        self.leaves.append(dataset)
        return len(self.leaves) - 1

    def _build_leaf(self, cfg: dict) -> BaseDataset:
        cfg = copy.deepcopy(dict(cfg))
        if cfg.get("indices") is not None:
            raise ValueError(
                f"The 'indices' parameter of {cfg['type']} cannot be used inside PoolDataset: "
                "which samples belong to the pool must not depend on their order."
            )
        if self._pipeline is not None:
            cfg["pipeline"] = copy.deepcopy(self._pipeline)
        kind = registered_class(cfg, ROOT_DATASETS)
        if isinstance(kind, type) and not issubclass(kind, BaseDataset):
            raise TypeError(
                f"PoolDataset needs a data set based on mmengine.dataset.BaseDataset, which "
                f"{kind.__name__} is not."
            )
        if self.split == "unlabeled":
            cfg["filter_cfg"] = None
        return ROOT_DATASETS.build({**cfg, "lazy_init": True})

    @staticmethod
    def _read_pool(path: str | None, ids: list[str]) -> Pool:
        if path is None:
            return Pool(ids)
        try:
            return Pool.load(path, ids)
        except FileNotFoundError as error:
            raise FileNotFoundError(
                f"PoolDataset finds no pool file at {path!r}. tools/run_rounds.py makes one in its "
                "work directory; a data set without a pool file is all unlabelled (pool=None)."
            ) from error

    def _annotated(self, ids: Collection[str] | None) -> list[dict]:
        """Data infos of the labelled split, or of those with some ids, each sample once."""
        if self.split == "unlabeled":
            raise RuntimeError("The unlabeled split of PoolDataset hands out no annotations.")
        infos = (
            self.leaves[leaf].get_data_info(int(inner))
            for leaf, inner in np.unique(self._index, axis=0)
        )
        return [info for info in infos if ids is None or info["sample_id"] in ids]

    def _check_classes(self) -> None:
        classes = [tuple(leaf.metainfo.get("classes") or ()) for leaf in self.leaves]
        if len(set(classes)) > 1:
            raise ValueError(
                "The data sets inside PoolDataset must have the same classes. Got "
                f"{list(dict.fromkeys(classes))} instead."
            )

    def _keep(self, labeled: frozenset[str]) -> None:
        """Leave the samples of the split in each inner data set, and note how many there are."""
        self._sizes: list[int] = []
        for dataset, listed in zip(self.leaves, self._listed, strict=True):
            task = task_of(dataset)
            wanted = self.split == "labeled"
            kept = (listed.info(i) for i, n in enumerate(listed.ids) if (n in labeled) == wanted)
            if self.split == "unlabeled":
                kept = [task.unlabeled(info, dataset) for info in kept]
            else:
                kept = [info for info in kept if task.is_labeled(info)]
            self._sizes.append(_fill(dataset, kept))
        self._listed.clear()

    def _order(self, tree: list | dict | int) -> list[tuple[int, int]]:
        """Return the samples of the split as (inner data set, place in it)."""
        if isinstance(tree, list):
            return [entry for child in tree for entry in self._order(child)]
        if isinstance(tree, dict):
            ((times, child),) = tree.items()
            return self._order(child) * (1 if self.split == "unlabeled" else times)
        return [(tree, i) for i in range(self._sizes[tree])]


def _fill(dataset: BaseDataset, infos: list[dict]) -> int:
    """Initialise a lazy data set with ``infos`` in place of its file; return how many pass.

    Going through ``full_init`` keeps the data set's own filter and serialisation; it cannot
    serialise nothing.
    """
    dataset.data_list = infos
    if not dataset.filter_data():
        return 0
    dataset.load_data_list = lambda: infos
    try:
        dataset.full_init()
    finally:
        del dataset.load_data_list  # a lambda cannot be sent to spawned workers
    return len(dataset)


def _check_parameters(cfg: dict) -> None:
    """Refuse what a wrapper does not take: it is never built here, so it would not say so."""
    known = inspect.signature(registered_class(cfg, ROOT_DATASETS)).parameters
    needed = {name for name, p in known.items() if p.default is p.empty}
    unknown, missing = sorted(set(cfg) - {"type", "_scope_", *known}), sorted(needed - set(cfg))
    found = [f"does not take {unknown}"] * bool(unknown) + [f"lacks {missing}"] * bool(missing)
    if found:
        raise TypeError(
            f"The wrapper {cfg['type']} {' and '.join(found)}: its parameters are {list(known)}. "
            "What is meant for the data set that it wraps goes into the config of that one."
        )
