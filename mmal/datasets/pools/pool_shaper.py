"""What makes another pool of a data set's samples, before any is labelled."""

from abc import ABC, abstractmethod
from typing import NoReturn

from mmengine.dataset import BaseDataset
from mmengine.registry import DATASETS as ROOT_DATASETS

from mmal.utils import registered_class, type_name


class PoolShaper(ABC):
    """Chooses, copies or adds samples of a data set; inside a :class:`mmal.PoolDataset` alone.

    There it stands around the config of one data set, or of another shaper, which goes first. It
    holds no samples: the pool hands them to :meth:`shape`.

    Args:
        dataset: Config of the data set, or of another shaper around one.
        seed: Decides what is drawn, whatever the seed of the rounds: all trials of a comparison
            have the same pool.

    Raises:
        ValueError: If the seed is no integer from 0.
    """

    def __init__(self, dataset: dict, seed: int = 0) -> None:
        self.dataset = dataset
        self.seed = self._checked("seed", seed, type(seed) is int and seed >= 0, "an integer >= 0")

    @abstractmethod
    def shape(self, infos: list[dict], dataset: BaseDataset) -> list[dict]:
        """Return the samples of the pool.

        What is drawn depends on the seed and the ids, not on the order of ``infos``, which those
        that stay keep.

        Args:
            infos: Data infos with their ``sample_id``; not changed. Those of the people of an
                image share one, where the pool is made of images.
            dataset: The data set that they are from.

        Raises:
            ValueError: If the pool cannot be made of them.
        """

    def _checked(self, name: str, value: object, holds: bool, rule: str) -> object:
        """Return a parameter's value.

        Raises:
            ValueError: If it does not hold.
        """
        if not holds:
            raise ValueError(
                f"The {name!r} parameter of {type(self).__name__} must be {rule}. Got {value!r} "
                "instead."
            )
        return value

    # What a runner or a wrapper asks a data set for first.

    @property
    def metainfo(self) -> NoReturn:
        """Refuse to be a data set."""
        self.full_init()

    def __len__(self) -> NoReturn:
        self.full_init()

    def full_init(self) -> NoReturn:
        """Refuse to be a data set.

        Raises:
            TypeError: Always.
        """
        name = type(self).__name__
        raise TypeError(
            f"{name} is no data set to train on: it makes a pool inside mmal.PoolDataset, where "
            "tools/run_rounds.py puts the training data of a config. For other trainings, name the "
            f"data set inside {name}, or PoolDataset around it."
        )


def peel(cfg: dict) -> tuple[list[PoolShaper], dict]:
    """Take the shapers off a data set's config.

    Returns:
        The shapers, built, that which goes first first, and the config inside them.

    Raises:
        TypeError: If they are around a wrapper of data sets.
    """
    if not _shapes(cfg):
        return [], cfg
    shaper = ROOT_DATASETS.build(cfg)
    inner, leaf = peel(shaper.dataset)
    if "dataset" in leaf or "datasets" in leaf:
        name = type_name(cfg)
        raise TypeError(
            f"The 'dataset' parameter of {name} must be the config of one data set. Got a "
            f"{type_name(leaf)} instead: put {name} around what is inside it."
        )
    return [*inner, shaper], leaf


def is_shaped(cfg: dict) -> bool:
    """Whether there is a shaper somewhere in a data set's config."""
    children = cfg.get("datasets") or [cfg[key] for key in ("dataset",) if key in cfg]
    return _shapes(cfg) or any(is_shaped(child) for child in children)


def _shapes(cfg: dict) -> bool:
    kind = registered_class(cfg, ROOT_DATASETS)
    return isinstance(kind, type) and issubclass(kind, PoolShaper)
