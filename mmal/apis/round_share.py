"""How much of a round is not training, computed from parts that are measured on few images."""

import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope
from mmengine.runner import Runner

from mmal.engine import DataConfig
from mmal.engine.acquisition import write_image_list, write_picks
from mmal.engine.preflight import max_epochs_of
from mmal.engine.rounds.rates import Rates, measured_rates
from mmal.engine.rounds.rehearsal_runner import rehearsal_runner
from mmal.engine.rounds.settings import RoundSettings
from mmal.engine.rounds.workload import Workload
from mmal.engine.scoring import evaluation_mode
from mmal.engine.unreadable import PoolImages
from mmal.structures import Pool, PoolScores

#: Labelled images while rates are measured.
_LABELED = 64


@dataclass(frozen=True)
class RoundParts:
    """What the parts of a round take, in seconds.

    Attributes:
        rates: Of training, evaluating, scoring and picking.
        metric: What the evaluator computes, for a test image.
        build: Building a runner, of which a round has two.
        commit: Writing scores, picks and the pool, of as many as a protocol has.
    """

    rates: Rates
    metric: float
    build: float
    commit: float


def measure_parts(cfg: Config, pool: int, batch_size: int) -> RoundParts:
    """Measure the parts of a round of a config, on the images that its data sets have here.

    Args:
        cfg: A config of rounds, whose data sets may be smaller than the protocol's.
        pool: Samples of the protocol's pool.
        batch_size: Images of the training steps that are measured; a step of the config is taken to
            last as much longer as it has more images.
    """
    init_default_scope(cfg.get("default_scope", "mmdet"))
    settings = RoundSettings.from_config(cfg)
    whole = cfg.train_dataloader.batch_size
    small = Config(cfg.to_dict(), cfg_text="#", format_python_code=False)
    small.train_dataloader.batch_size = batch_size
    small.randomness = dict(seed=0)
    data = DataConfig(small)
    dataset = data.unlabeled_split()
    begun = replace(settings, initial=min(_LABELED, len(dataset.pool.ids) // 2))
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        images = PoolImages(dataset)
        runner = rehearsal_runner(small, begun, dataset.pool, images, None, Path(folder))
        build = time.perf_counter() - start
        query = settings.build_query()
        rates = measured_rates(runner, data, dataset, query, list(query.requires))
        metric = _metric_seconds(runner, batch_size)
    rates = replace(rates, step=rates.step * whole / batch_size)
    return RoundParts(rates, metric, build, _commit_seconds(pool, settings))


def shares(cfg: Config, parts: RoundParts, pool: int, test: int) -> list[tuple[int, float, float]]:
    """Return labelled images and seconds of training and of the rest, for each round.

    Args:
        cfg: The config of the protocol.
        parts: What was measured of it.
        pool: Samples of the protocol's pool.
        test: Its test images.
    """
    settings = RoundSettings.from_config(cfg)
    epochs = max_epochs_of(cfg)
    work = Workload(
        settings=settings,
        initial=settings.initial_set.size,
        pool=pool,
        test=test,
        epochs=epochs,
        iterations=None if epochs is not None else cfg.train_cfg.max_iters,
        batch_size=cfg.train_dataloader.batch_size,
    )
    found = []
    for index in range(settings.rounds):
        seconds = work.seconds(index, parts.rates, work.steps(work.labeled(index)))
        training = seconds.pop("train")
        rest = sum(seconds.values()) + parts.metric * test + 2 * parts.build
        rest += parts.commit * (index + 1 < settings.rounds)
        found.append((work.labeled(index), training, rest))
    return found


def _metric_seconds(runner: Runner, images: int) -> float:
    """Seconds that the evaluator computes for an image."""
    dataset = runner.test_loop.dataloader.dataset
    batch = pseudo_collate([dataset[i] for i in range(min(images, len(dataset)))])
    with evaluation_mode(runner.model):
        outputs = runner.model.test_step(batch)
    evaluator = runner.test_evaluator
    start = time.perf_counter()
    evaluator.process(data_samples=outputs, data_batch=batch)
    evaluator.evaluate(len(outputs))
    return (time.perf_counter() - start) / len(outputs)


def _commit_seconds(size: int, settings: RoundSettings) -> float:
    """Seconds for writing the scores of all candidates and the picks, and for the commit."""
    ids = [f"VOC2007/{i:06d}" for i in range(size)]
    pool = Pool(ids)
    pool.commit(ids[: settings.initial_set.size], "initial", None)
    candidates = pool.unlabeled_ids
    scores = PoolScores(candidates, candidates, {"pred_loss": np.arange(len(candidates)) / 7})
    picks = candidates[: settings.budget]
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        scores.save(Path(folder, "scores.parquet"))
        write_image_list(Path(folder, "picks.txt"), picks)
        write_picks(Path(folder, "picks.csv"), picks, dict(zip(ids, ids, strict=True)), scores)
        pool.commit(picks, "LearnedLoss", Path(folder, "pool.json"))
        return time.perf_counter() - start
