"""How long the parts of a round take: measured on a few batches, or read off earlier rounds."""

import itertools
import os
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch
from mmengine.dataset import pseudo_collate
from mmengine.device import get_device
from mmengine.dist import all_gather_object
from mmengine.registry import DATASETS
from mmengine.runner import Runner
from torch import nn

from mmal.datasets import PoolDataset
from mmal.models import LearningLossMixin
from mmal.models.scores import score_function
from mmal.queries import Query
from mmal.structures import PoolScores, UnreadableImage

from ..data_config import DataConfig
from ..ranking import batch_measure
from ..scoring import bare, evaluation_mode
from ..unreadable import SkipUnreadable

#: Batches that are measured after one that is not, and the seconds after which they are enough.
_BATCHES, _ENOUGH = 3, 20.0
#: Candidates and picks that a query is tried out on.
_CANDIDATES, _PICKS = 2000, 50


@dataclass(frozen=True)
class Rates:
    """Seconds that parts of a round take one process; None where that is not known.

    Attributes:
        step: A training step, with the loading of its batch.
        evaluated: A test image: its predictions and, of a LearningLoss model, its losses. What an
            evaluator computes of all of them is not in it.
        scored: A sample whose scores the query reads.
        picked: What a query needs for one pick, divided by the candidates. That grows no faster
            than both for the queries of mmal.
    """

    step: float | None = None
    evaluated: float | None = None
    scored: float | None = None
    picked: float | None = None

    def or_else(self, others: "Rates") -> "Rates":
        """Return these and, where one is not known, that of the others."""
        return Rates(*(_first(getattr(r, f.name) for r in (self, others)) for f in fields(Rates)))

    @property
    def complete(self) -> bool:
        """Whether all are known."""
        return None not in (getattr(self, f.name) for f in fields(Rates))


def measured_rates(
    runner: Runner,
    data: DataConfig,
    dataset: PoolDataset,
    query: Query,
    names: Sequence[str],
    pretrained: nn.Module | None = None,
) -> Rates:
    """Try out what a round does, on a few batches of its data.

    Data are loaded in this process. On a GPU, workers load beside the model and share the work; on
    a CPU they take its time.

    Args:
        runner: A runner that is thrown away: its model is trained for some steps.
        data: The data of the config, which says how many workers load it.
        dataset: The unlabelled split of the pool.
        query: The query.
        names: Scores that are computed of a candidate; nothing is scored for none.
        pretrained: What :func:`~mmal.models.scores.score_function` needs for these.
    """
    model = bare(runner.model)
    step = _step_seconds(runner, data.loading("train")["num_workers"])
    batch_size, workers = data.loading().values()

    def per_sample(samples: Any, run: Callable[[dict], Any]) -> float:
        batches = _batches(samples, batch_size)
        with evaluation_mode(model):
            return _seconds(batches, run, workers) / min(batch_size, len(samples))

    evaluated = per_sample(runner.test_loop.dataloader.dataset, model.test_step)
    if isinstance(model, LearningLossMixin):
        evaluated += per_sample(DATASETS.build(data.labeled_dataset()), batch_measure(model))
    if not names:
        return Rates(step, evaluated, 0.0, 0.0)
    score = score_function(model, names, pretrained)
    columns: dict[str, np.ndarray] = {}

    def score_batch(batch: dict) -> None:
        found = score(model.data_preprocessor(batch, False))
        columns.update({name: v.float().cpu().numpy() for name, v in found.items()})

    scored = per_sample(SkipUnreadable(dataset), score_batch)
    columns = {name: columns[name] for name in query.requires}
    return Rates(step, evaluated, scored, _pick_seconds(query, columns))


def _step_seconds(runner: Runner, workers: int) -> float:
    loop = runner.train_loop
    if isinstance(runner.optim_wrapper, dict):
        runner.optim_wrapper = runner.build_optim_wrapper(runner.optim_wrapper)
    runner.optim_wrapper.initialize_count_status(runner.model, 0, loop.max_iters)
    runner.model.train()

    def passes() -> Iterable[Any]:
        while True:
            yield from loop.dataloader

    def step(batch: Any) -> None:
        runner.model.train_step(batch, optim_wrapper=runner.optim_wrapper)

    return _seconds(passes(), step, workers)


def _batches(samples: Any, batch_size: int) -> Iterable[Any]:
    """Yield batches without end, of what can be read; some of a pool may be left out."""
    loaded = (samples[place] for place in itertools.cycle(range(len(samples))))
    readable = (item for item in loaded if not isinstance(item, UnreadableImage))
    while True:
        yield pseudo_collate(list(itertools.islice(readable, min(batch_size, len(samples)))))


def _seconds(batches: Iterable[Any], run: Callable[[Any], Any], workers: int) -> float:
    """Seconds a batch, loaded by so many workers beside this process."""
    loading, running = [], []
    batches = iter(batches)
    for _ in range(1 + _BATCHES):
        start = time.perf_counter()
        batch = next(batches)
        loaded = time.perf_counter()
        run(batch)
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        loading.append(loaded - start)
        running.append(time.perf_counter() - loaded)
        enough = len(running) > 1 and sum(loading) + sum(running) > _ENOUGH
        # All processes take as many: the steps of a training wait for each other.
        if any(all_gather_object(enough)):
            break
    load, work = float(np.mean(loading[1:])), float(np.mean(running[1:]))
    if workers == 0 or get_device() == "cpu":
        return load + work
    return max(work, load / min(workers, os.cpu_count() or 1))


def _pick_seconds(query: Query, columns: dict[str, np.ndarray]) -> float:
    """Seconds a pick and candidate of a query, tried out on made-up scores like those measured."""
    rng = np.random.default_rng(0)
    made = {}
    for name, values in columns.items():
        values = np.resize(values, (_CANDIDATES, *values.shape[1:]))
        if values.ndim > 1:  # no two alike
            values = values * rng.uniform(0.5, 1.5, values.shape).astype(values.dtype)
        made[name] = values
    ids = [str(i) for i in range(_CANDIDATES)]
    scores = PoolScores(ids, ids, made)
    labeled = scores.take(ids[:_PICKS]) if query.reads_labeled else None
    start = time.perf_counter()
    query.select(scores, _PICKS, rng, labeled)
    return (time.perf_counter() - start) / (_CANDIDATES * _PICKS)


def _first(values: Iterable[float | None]) -> float | None:
    return next((value for value in values if value is not None), None)
