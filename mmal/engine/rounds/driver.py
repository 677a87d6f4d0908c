"""Acquisition rounds, from the first label to the last."""

import copy
import functools
import logging
import sys
import time

from filelock import Timeout
from mmengine.config import Config
from mmengine.dist import barrier, init_dist, is_distributed, is_main_process
from mmengine.logging import print_log
from mmengine.registry import DATASETS
from mmengine.runner import load_checkpoint
from rich.console import Console
from torch import nn

from mmal.datasets import PoolDataset
from mmal.evaluation import ranking_measures
from mmal.evaluation.functional import pair_ranking_accuracy
from mmal.models import LearningLossMixin
from mmal.models.pretrained import pretrained_backbone
from mmal.structures import PoolScores
from mmal.utils import single_process
from mmal.visualization import (
    plot_curves,
    plot_histogram,
    plot_losses,
    read_curve,
    rounds_table,
)

from ..acquisition import acquire, image_paths, write_image_list
from ..cached_features import (
    CachedFeatures,
    CachedFeaturesError,
    features_name,
    with_cached_features,
)
from ..data_config import DataConfig
from ..doubts import doubt_about_ranking
from ..ranking import MeasuredLosses, measure_losses
from ..reporting import ReportKeeper
from ..scoring import bare, score_pool
from .described import describe_picks, explained_names, picture_picks, predict_in_worst
from .preflight import preflight
from .round_config import evaluation_config, training_config
from .round_runner import RoundRunner
from .settings import RoundSettings
from .work_dir import WorkDir


def run_rounds(cfg: Config, resume: bool = False) -> list[dict]:
    """Run acquisition rounds: train, evaluate, score, query, commit; again and again.

    All state is on disk (see docs/work_dir.md). A run that was stopped, however, goes on where it
    was: at the last checkpoint of its training, or at the step that was under way.

    Args:
        cfg: A config with ``active_learning`` (see :class:`RoundSettings`) and ``work_dir``.
        resume: Whether to go on with the rounds in the work directory, if there are any.

    Returns:
        A record a round, as in its ``metrics.json``: ``round``, ``labeled``, ``metrics`` on the
        test data set, ``seconds`` by step; of LearningLoss models ``ranking_accuracy``,
        ``spearman`` and ``kendall`` on the test data set, too.

    Raises:
        FileExistsError: If the work directory holds rounds and ``resume`` is not set.
        ValueError: If something does not fit; nothing was written then.
    """
    return prepare_rounds(cfg, resume).run()


def prepare_rounds(cfg: Config, resume: bool = False) -> "RoundDriver":
    """Check everything that :func:`run_rounds` checks before it begins; write nothing.

    Args and errors are those of :func:`run_rounds`.

    Returns:
        What runs the rounds.
    """
    if cfg.get("launcher", "none") != "none" and not is_distributed():
        init_dist(cfg.launcher, **cfg.get("env_cfg", {}).get("dist_cfg", {}))
    cfg = copy.deepcopy(cfg)
    seed = (cfg.get("randomness") or {}).get("seed")
    cfg.randomness = {**(cfg.get("randomness") or {}), "seed": seed or 0}
    return RoundDriver(cfg, resume)


class RoundDriver:
    """Does what :func:`run_rounds` says.

    Each step leaves a result on disk and is skipped where that is there; there is no other state
    to go wrong.
    """

    def __init__(self, cfg: Config, resume: bool) -> None:
        self._cfg = cfg
        self._settings = RoundSettings.from_config(cfg)
        self._data = DataConfig(cfg)
        self._work_dir = WorkDir(cfg.work_dir)
        width = None if sys.stdout.isatty() else 120
        self._console = Console(quiet=not is_main_process(), width=width)
        self._pool = preflight(cfg, self._settings, self._work_dir, resume)
        self._page = ReportKeeper(self._work_dir.root)

    def run(self) -> list[dict]:
        """Run the rounds that are left; return the records of all.

        Raises:
            FileExistsError: If another process runs rounds in the work directory.
        """
        if not is_main_process():
            return self._run()
        try:
            with self._work_dir.lock().acquire(timeout=0):
                return self._run()
        except Timeout as error:
            raise FileExistsError(
                f"{self._work_dir.root} is in use: another run is under way there."
            ) from error

    def _run(self) -> list[dict]:
        if self._settings.cached and not self._work_dir.finished(self._settings.rounds):
            self._begin_at_features(self._settings.cached)
        if not self._pool.rounds:
            self._draw_initial()
        records = []
        for index in range(self._settings.rounds):
            record = self._work_dir.read_record(index)
            if "metrics" not in record or self._acquires(index):
                record = self._run_round(index, record)
            records.append(record)
            if is_main_process():
                self._describe(index)
            self._write_curve(records, last=index + 1 == self._settings.rounds)
        self._console.print(rounds_table(records))
        self._console.print(f"Curve, picks and scores: {self._work_dir.root}")
        if self._settings.report:
            self._console.print(f"Report: {self._work_dir.report}", soft_wrap=True)
        return records

    def _begin_at_features(self, settings: CachedFeatures) -> None:
        """Have features computed, and go on with the config that trains on them.

        Raises:
            CachedFeaturesError: If earlier rounds were trained on those of another backbone.
        """
        name = features_name(self._cfg, settings)
        before = self._work_dir.read_record(0).get("cached_features", {}).get("name", name)
        if before != name:
            raise CachedFeaturesError(
                f"{self._work_dir.root}: round 0 was trained on features of another backbone, "
                "other weights or another data preprocessor. Resume with those that the run began "
                "with, or choose another --work-dir."
            )
        self._trained_on = {**settings.what_is_trained, "name": name}
        self._cfg = with_cached_features(self._cfg, settings)
        self._data = DataConfig(self._cfg)

    def _acquires(self, index: int) -> bool:
        """Whether round ``index`` still has to pick: all but the last do, once."""
        return index + 1 < self._settings.rounds and len(self._pool.rounds) == index + 1

    def _draw_initial(self) -> None:
        picks = self._settings.initial_set.choose(self._cfg, self._pool)
        barrier()  # every process has looked for a pool file before there is one
        if is_main_process():
            self._work_dir.keep_former_draw()
            with single_process():  # some data sets wait for other processes
                paths = image_paths(self._data.unlabeled_split(self._pool))
            write_image_list(self._work_dir.root / "initial.txt", [paths[i] for i in picks])
        path = self._work_dir.pool if is_main_process() else None
        self._pool.commit(picks, "initial", path)
        barrier()  # nobody reads the pool before it is written

    def _run_round(self, index: int, record: dict) -> dict:
        """Train, evaluate, score, query and commit; what ``record`` holds is done already."""
        if not record:
            if len(self._pool.rounds) > index + 1:
                raise FileNotFoundError(
                    f"{self._work_dir.round_dir(index)}/metrics.json is missing, but later rounds "
                    "follow. Put it back; an earlier round cannot be repeated."
                )
            labeled = len(self._pool.labeled_ids)
            seconds = self._train(index)
            record = dict(
                round=index,
                labeled=labeled,
                annotations=self._data.labeled_split(self._pool).annotation_counts(),
                seconds=dict(train=seconds),
            )
            if self._settings.cached is not None:
                record["cached_features"] = self._trained_on
            self._save(record)
        checkpoint = self._work_dir.checkpoint(index)
        if checkpoint is None:
            raise FileNotFoundError(
                f"The checkpoint of round {index} is not in {self._work_dir.round_dir(index)}. "
                "Rounds need default_hooks.checkpoint (CheckpointHook) to save the last epoch; "
                "if it was deleted, delete the metrics.json of this last round, too, and --resume."
            )
        config = evaluation_config(self._cfg, self._work_dir, index)
        runner = RoundRunner.from_cfg(config)
        loaded = load_checkpoint(
            bare(runner.model), str(checkpoint), map_location="cpu", strict=True, logger="current"
        )
        if loaded["meta"]["iter"] == 0:
            raise ValueError(
                f"The training of round {index} ended without a step: {checkpoint} is untrained. "
                "Lower train_dataloader.batch_size, set its drop_last to False, or raise the "
                "number of epochs or iterations."
            )
        # Heads such as TOOD's ask how far the training is before they assign targets.
        runner.message_hub.update_info("epoch", loaded["meta"]["epoch"])
        if "metrics" in record:
            runner.call_hook("before_test")  # as before an evaluation
        else:
            losses = self._evaluate(runner, record)
            self._save(record)
            if losses is not None and is_main_process():
                self._show_losses(runner, record, losses)
        if self._acquires(index):
            self._acquire(runner.model, index, record)
            self._save(record)
        return record

    def _train(self, index: int) -> float:
        start = time.perf_counter()
        config = training_config(self._cfg, self._work_dir, index)
        RoundRunner.from_cfg(config).train()
        barrier()  # the main process may still be saving
        return time.perf_counter() - start

    def _evaluate(self, runner: RoundRunner, record: dict) -> MeasuredLosses | None:
        """Evaluate; return predicted and true losses of the test data set, if there are any."""
        losses = None
        start = time.perf_counter()
        metrics = {name: float(value) for name, value in runner.test().items()}
        record["metrics"] = main_metric_first(metrics, self._settings.metric)
        if isinstance(bare(runner.model), LearningLossMixin):
            dataset = DATASETS.build(self._data.labeled_dataset())
            losses = measure_losses(runner.model, dataset, **self._data.loading())
            ranking = ranking_measures(losses.pred, losses.target)
            record["ranking_accuracy"] = ranking.pop("accuracy")
            record.update(ranking)
            record["yardsticks"] = {
                name: pair_ranking_accuracy(values, losses.target)
                for name, values in losses.yardsticks.items()
            }
            accuracy = record["ranking_accuracy"]
            doubt = doubt_about_ranking(accuracy, len(losses.target), losses.dead_units)
            record["ranking_doubt"] = doubt
        record["seconds"]["evaluate"] = time.perf_counter() - start
        self._report(record)
        return losses

    def _show_losses(self, runner: RoundRunner, record: dict, losses: MeasuredLosses) -> None:
        columns = dict(img_path=losses.img_paths, pred_loss=losses.pred, target_loss=losses.target)
        self._work_dir.write_losses(record["round"], columns | losses.yardsticks)
        title = (
            f"{len(losses.target)} test samples: ranking accuracy "
            f"{record['ranking_accuracy']:.3f}, Spearman {record['spearman']:.3f}, Kendall "
            f"{record['kendall']:.3f}"
        )
        path = self._work_dir.round_dir(record["round"]) / "losses.png"
        plot_losses(losses.pred, losses.target, title, path)
        if self._settings.report:
            predict_in_worst(runner, self._data, columns, path.parent)

    def _acquire(self, model: nn.Module, index: int, record: dict) -> None:
        query = self._settings.build_query()
        # All samples, their labels kept back, where the query reads those of labelled ones, too.
        dataset = self._data.unlabeled_split(None if query.reads_labeled else self._pool)
        reads_module = {"pred_loss", "embedding"} & set(query.requires)
        seconds = dict(score=0.0)
        scored: list[PoolScores] = []

        def score(ids: list[str]) -> PoolScores:
            start = time.perf_counter()
            scores = score_pool(
                model,
                dataset,
                ids=ids,
                group_score=self._settings.group_score,
                names=explained_names(query, len(ids)) if self._settings.report else query.requires,
                pretrained=pretrained_backbone(self._cfg, query.requires),
                **self._data.loading(),
            )
            seconds["score"] = time.perf_counter() - start
            scored.append(scores)
            return scores

        start = time.perf_counter()
        settings = self._settings
        round_dir = self._work_dir.round_dir(index)
        picks, doubt = acquire(
            self._pool,
            self._work_dir.pool,
            round_dir,
            dataset,
            query,
            settings.budget,
            settings.subset,
            score,
            record.get("ranking_doubt") if reads_module else None,
            settings.when_doubtful == "random",
        )
        record["picks_doubt"] = doubt
        if doubt:
            drawn = settings.when_doubtful == "random"
            done = "drawn at random" if drawn else "may be worthless"
            self._console.print(f"  picks of round {index} {done}: {doubt}", style="yellow")
        seconds["query"] = time.perf_counter() - start - seconds["score"]
        record["seconds"].update(seconds)
        if self._settings.report and is_main_process():
            describe_picks(model, dataset, picks, scored, round_dir, self._data)

    def _describe(self, index: int) -> None:
        """Leave pictures of what a round picked beside the picks, if it picked anything."""
        round_dir = self._work_dir.round_dir(index)
        if self._settings.report and len(self._pool.rounds) > index + 1:
            picture_picks(round_dir, index, self._pool.rounds[index + 1])
        if len(self._pool.rounds) <= index + 1 or (round_dir / "histogram.csv").exists():
            return
        picks = frozenset(self._pool.rounds[index + 1].picks)
        with single_process():
            dataset = self._everything
        histograms = dict(picks=dataset.label_histogram(picks), pool=dataset.label_histogram())
        self._work_dir.write_histograms(index, histograms)
        path = round_dir / "scores.parquet"
        scores = PoolScores.load(path) if path.exists() else None
        plot_histogram(picks, scores, histograms, round_dir / "histogram.png")

    @functools.cached_property
    def _everything(self) -> PoolDataset:
        """All samples with their labels, for histograms of the pool."""
        return self._data.labeled_split(self._data.labeled_pool())

    def _save(self, record: dict) -> None:
        if is_main_process():
            self._work_dir.write_record(record["round"], record)
        barrier()

    def _report(self, record: dict) -> None:
        metric = "no metric (nothing was detected)"
        for name, value in list(record["metrics"].items())[:1]:
            metric = f"{name.rpartition('/')[2]} {value:.3f}"
        ranking = record.get("ranking_accuracy")
        self._console.print(
            f"round {record['round']}: {record['labeled']} labelled, {metric}"
            + (f", ranking accuracy {ranking:.3f}" if ranking is not None else "")
            + f", trained in {record['seconds']['train']:.0f} s"
        )

    def _write_curve(self, records: list[dict], last: bool) -> None:
        if is_main_process():
            self._work_dir.write_curve(records)
            curve = read_curve(self._work_dir.root)
            if any(record["metrics"] for record in records):
                plot_curves({self._work_dir.root.name: [curve]}, self._work_dir.curve_png)
            if self._settings.report:
                self._page.update(last)


def main_metric_first(metrics: dict[str, float], main: str | None) -> dict[str, float]:
    """Put the metric named ``main`` first, with or without its prefix; warn if there is none."""
    found = [name for name in metrics if main in (name, name.rpartition("/")[2])]
    if main is not None and not found:
        print_log(
            f"The evaluator has no metric called {main!r} (active_learning.metric), only "
            f"{list(metrics)}.",
            logger="current",
            level=logging.WARNING,
        )
    return {name: metrics[name] for name in [*found, *(n for n in metrics if n not in found)]}
