"""What a data set lists, read once."""

import json
import pickle
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from mmengine.dataset import BaseDataset

from mmal.tasks import task_of

from .pools import PoolShaper

#: What of a config does not say what is listed: unlabelled samples have no filter in any case.
_OWN = ("pipeline", "filter_cfg")


class ListedSamples:
    """The samples of a data set, named and unfiltered, whatever split and pipeline read them.

    They are kept as bytes, which take a fraction of the memory of what they say, and are handed out
    as copies: what one reader changes, no other sees.

    Args:
        dataset: The data set, which has loaded nothing. What its ``filter_cfg`` says counts: some
            data sets mark objects by it while they list.
        shapers: What makes another pool of them, that which goes first first.
        group_by: See :class:`mmal.PoolDataset`.

    Attributes:
        ids: Their ids, which those of the people of an image share in a pool of images.
    """

    def __init__(
        self, dataset: BaseDataset, shapers: Sequence[PoolShaper] = (), group_by: str = "sample"
    ) -> None:
        before = dict(vars(dataset))
        infos = list(dataset.load_data_list())
        names = task_of(dataset).sample_ids(infos, dataset, group_by)
        for info, name in zip(infos, names, strict=True):
            info.setdefault("sample_id", name)  # some data sets name samples themselves
        for shaper in shapers:
            infos = shaper.shape(infos, dataset)
        self.ids: list[str] = [info["sample_id"] for info in infos]
        # Loading sets what the filter needs, and classes that are those of the files.
        self._state = {
            key: value
            for key, value in vars(dataset).items()
            if key not in before or value is not before[key] or isinstance(value, dict | list)
        }
        for key in (*_OWN, "test_mode"):
            self._state.pop(key, None)
        parts = [pickle.dumps(info, protocol=pickle.HIGHEST_PROTOCOL) for info in infos]
        del infos
        self._ends = np.cumsum([0, *map(len, parts)])
        self._bytes = b"".join(parts)

    def info(self, place: int) -> dict:
        """Return a copy of the data info in a place of the list."""
        begin, end = self._ends[place : place + 2]
        return pickle.loads(memoryview(self._bytes)[begin:end])

    def give(self, dataset: BaseDataset) -> None:
        """Let a data set of the same config, which has loaded nothing, be as if it had."""
        vars(dataset).update(self._state)


class Listings:
    """Lists that :class:`mmal.PoolDataset` reads once a process.

    Annotations of 200,000 images take many seconds and more than a gigabyte while they are read,
    and a round looks at them as training data, as candidates and to count them. They must not
    change while these lists are in use.
    """

    _current: "Listings | None" = None

    def __init__(self) -> None:
        self._known: dict[str, ListedSamples] = {}

    @contextmanager
    def shared(self) -> Iterator[None]:
        """Let all PoolDatasets that are made in the body share these lists."""
        before, Listings._current = Listings._current, self
        try:
            yield
        finally:
            Listings._current = before

    @classmethod
    def listed(
        cls, cfg: dict, dataset: BaseDataset, shapers: Sequence[PoolShaper], group_by: str
    ) -> ListedSamples:
        """Return what a data set lists, read now or before; the data set is as if it had read it.

        Args:
            cfg: The config of the data set with the shapers around it.
            dataset: See :class:`ListedSamples`, as the others.
            shapers: Those around it.
            group_by: What is named.
        """
        key = None
        if cls._current is not None:
            # What is generic takes its task, which names samples, from the pipeline.
            task = type(task_of(dataset)).__name__
            key = _key([cfg, dataset.filter_cfg, task, group_by])
        if key is None:
            return ListedSamples(dataset, shapers, group_by)
        known = cls._current._known
        if key not in known:
            known[key] = ListedSamples(dataset, shapers, group_by)
        known[key].give(dataset)
        return known[key]


def _key(value: list) -> str | None:
    """Return a text that is the same for what lists the same; None if that cannot be said."""
    try:
        cfg, *others = value
        return json.dumps([_without_own(cfg), *others], sort_keys=True, default=_named)
    except (TypeError, ValueError):
        return None


def _without_own(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without_own(v) for k, v in value.items() if k not in _OWN}
    if isinstance(value, (list, tuple)):
        return [_without_own(item) for item in value]
    return value


def _named(value: Any) -> str:
    """Name a class; any other object may say anything."""
    if not isinstance(value, type):
        raise TypeError(f"{value!r} has no name.")
    return f"{value.__module__}.{value.__qualname__}"
