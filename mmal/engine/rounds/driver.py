"""Acquisition rounds, from the first label to the last."""

import copy
import functools
import sys
import time

import torch
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.dist import barrier, init_dist, is_distributed, is_main_process
from rich.console import Console
from torch import nn

from mmal.datasets import Listings, PoolDataset
from mmal.models.pretrained import pretrained_backbone
from mmal.structures import PoolScores
from mmal.utils import full_disk_errors, main_works_alone, single_process
from mmal.visualization import (
    plot_curves,
    plot_histogram,
    read_curve,
    rounds_table,
)

from ..acquisition import Acquired, acquire, write_image_list
from ..cached_features import (
    CachedFeatures,
    CachedFeaturesError,
    features_name,
    with_cached_features,
)
from ..data_config import DataConfig
from ..reporting import ReportKeeper
from ..score_shards import remove_shards
from ..scoring import score_pool
from ..unreadable import SKIPPED_FILE, PoolImages
from .comparable import comparable_settings
from .described import describe_picks, explained_names, picture_picks
from .environment import environment, versions_sentence
from .plan import Plan, plan_rounds
from .preflight import preflight
from .round_training import RoundTraining
from .settings import RoundSettings
from .work_dir import WorkDir


def run_rounds(cfg: Config, resume: bool = False, allow_changes: bool = False) -> list[dict]:
    """Run acquisition rounds: train, evaluate, score, query, commit; again and again.

    All state is on disk (see docs/work_dir.md). A run that was stopped, however, goes on where it
    was: at the last checkpoint of its training, or at the step that was under way.

    Args:
        cfg: A config with ``active_learning`` (see :class:`RoundSettings`) and ``work_dir``.
        resume: Whether to go on with the rounds in the work directory, if there are any.
        allow_changes: Whether to go on with settings that are not those the run began with; they
            are recorded in ``settings.json``.

    Returns:
        A record a round, as in its ``metrics.json``: ``round``, ``labeled``, ``metrics`` on the
        test data set, ``seconds`` by step; of LearningLoss models ``ranking_accuracy``,
        ``spearman`` and ``kendall`` on the test data set, too.

    Raises:
        FileExistsError: If the work directory holds rounds and ``resume`` is not set.
        ValueError: If something does not fit; nothing was written then.
    """
    return prepare_rounds(cfg, resume, allow_changes).run()


def prepare_rounds(cfg: Config, resume: bool = False, allow_changes: bool = False) -> "RoundDriver":
    """Check everything that :func:`run_rounds` checks before it begins; write nothing.

    Args and errors are those of :func:`run_rounds`.

    Returns:
        What runs the rounds.
    """
    if cfg.get("launcher", "none") != "none" and not is_distributed():
        dist_cfg = cfg.get("env_cfg", {}).get("dist_cfg", {})
        if cfg.launcher == "pytorch" and get_device() == "cpu":
            # mmengine's asks CUDA for a device, and NCCL is of GPUs.
            torch.distributed.init_process_group("gloo")
        else:
            init_dist(cfg.launcher, **dist_cfg)
    cfg = copy.deepcopy(cfg)
    seed = (cfg.get("randomness") or {}).get("seed")
    cfg.randomness = {**(cfg.get("randomness") or {}), "seed": seed or 0}
    return RoundDriver(cfg, resume, allow_changes)


class RoundDriver:
    """Does what :func:`run_rounds` says.

    Each step leaves a result on disk and is skipped where that is there; there is no other state
    to go wrong.
    """

    def __init__(self, cfg: Config, resume: bool, allow_changes: bool = False) -> None:
        self._settings = RoundSettings.from_config(cfg)
        self._work_dir = WorkDir(cfg.work_dir)
        width = None if sys.stdout.isatty() else 120
        self._console = Console(quiet=not is_main_process(), width=width)
        self._begin_with(cfg)
        self._comparable, self._environment = comparable_settings(cfg), environment(cfg)
        known = None if allow_changes else self._comparable
        self._listings = Listings()
        with self._listings.shared():
            self._pool = preflight(cfg, self._settings, self._work_dir, resume, known)
        self._page = ReportKeeper(self._work_dir.root)

    def run(self) -> list[dict]:
        """Run the rounds that are left; return the records of all.

        Raises:
            FileExistsError: If another process runs rounds in the work directory.
            StorageError: If the disk takes no more. What is done is kept; a resumed run goes on.
        """
        rounds = self._settings.rounds
        if self._work_dir.finished(rounds):
            records = [self._work_dir.read_record(index) for index in range(rounds)]
            if self._work_dir.shows(records):  # also on a disk that nobody may write to
                return self._tell(records)
        if not is_main_process():
            return self._run()
        with full_disk_errors(self._work_dir.root), self._work_dir.reserved() as before:
            if before is not None:
                self._console.print(
                    f"Taken over from process {before['pid']} on {before['host']} (since "
                    f"{before['since']}), which ended without saying so."
                )
            return self._run()

    def plan(self) -> Plan:
        """Say what :meth:`run` would do, and about how long it takes; write nothing."""
        with self._listings.shared():
            return plan_rounds(self._cfg, self._settings, self._work_dir, self._pool)

    def _begin_with(self, cfg: Config) -> None:
        self._cfg = cfg
        self._data = DataConfig(cfg)
        self._training = RoundTraining(cfg, self._work_dir, self._console, self._settings)

    def _run(self) -> list[dict]:
        with self._listings.shared():
            return self._run_rounds()

    def _run_rounds(self) -> list[dict]:
        if self._settings.cached and not self._work_dir.finished(self._settings.rounds):
            self._begin_at_features(self._settings.cached)
        self._keep_settings()
        if not self._pool.rounds:
            self._draw_initial()
        if is_main_process():
            remove_shards(self._work_dir.initial_scoring)  # its picks are safe
        records = []
        for index in range(self._settings.rounds):
            record = self._work_dir.read_record(index)
            if "metrics" not in record or self._acquires(index):
                record = self._run_round(index, record)
            records.append(record)
            with main_works_alone():
                if is_main_process():
                    self._describe(index)
                    self._write_curve(records, last=index + 1 == self._settings.rounds)
        return self._tell(records)

    def _keep_settings(self) -> None:
        if not is_main_process():
            return
        if not self._pool.rounds or self._work_dir.nothing_trained:
            self._work_dir.settings.write(self._comparable, self._environment)
            return
        # Those that were allowed to change, and of work directories that have none yet.
        index = len(self._pool.rounds) - 1
        others = self._work_dir.settings.record(self._comparable, self._environment, index)
        if others:
            self._console.print(versions_sentence(others), style="yellow", soft_wrap=True)

    def _tell(self, records: list[dict]) -> list[dict]:
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
        self._begin_with(with_cached_features(self._cfg, settings))

    def _acquires(self, index: int) -> bool:
        """Whether round ``index`` still has to pick: all but the last do, once."""
        return index + 1 < self._settings.rounds and len(self._pool.rounds) == index + 1

    def _draw_initial(self) -> None:
        folder = self._work_dir.initial_scoring
        picks = self._settings.initial_set.choose(self._cfg, self._pool, folder)
        barrier()  # every process has looked for a pool file before there is one
        if is_main_process():
            self._work_dir.keep_former_draw()
            with single_process():  # some data sets wait for other processes
                paths = PoolImages(self._data.unlabeled_split(self._pool)).paths
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
            known = dict(
                labeled=len(self._pool.labeled_ids),
                annotations=self._data.labeled_split(self._pool).annotation_counts(),
            )
            if self._settings.cached is not None:
                known["cached_features"] = self._trained_on
            record = self._training.train(index, known)
        model = self._training.evaluate(record)
        if self._acquires(index):
            self._acquire(model, index, record)
        return record

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
                unreadable=settings.unreadable,
                folder=self._work_dir.scoring(index),
                settings=self._data.scored_by,
                **self._data.loading(),
            )
            seconds["score"] = time.perf_counter() - start
            scored.append(scores)
            return scores

        def note(acquired: Acquired) -> None:
            seconds["query"] = time.perf_counter() - start - seconds["score"]
            record["picks_doubt"], record["skipped"] = acquired.doubt, len(acquired.skipped)
            record["seconds"].update(seconds)
            self._training.save(record)

        start = time.perf_counter()
        settings = self._settings
        round_dir = self._work_dir.round_dir(index)
        picks, doubt, skipped = acquire(
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
            settings.unreadable,
            note,
        )
        if skipped:
            self._console.print(
                f"  {len(skipped)} images could not be read and were left out of round {index}: "
                f"{round_dir / SKIPPED_FILE}",
                style="yellow",
                soft_wrap=True,
            )
        if doubt:
            drawn = settings.when_doubtful == "random"
            done = "drawn at random" if drawn else "may be worthless"
            # What the round's line has said need not be said twice.
            told = doubt == record.get("ranking_doubt")
            why = "predicted losses mean little" if told else doubt
            self._console.print(f"  picks of round {index} {done}: {why}", style="yellow")
        if self._settings.report and is_main_process():
            describe_picks(model, dataset, picks, scored, round_dir, self._data)

    def _describe(self, index: int) -> None:
        """Leave pictures of what a round picked beside the picks, if it picked anything."""
        round_dir = self._work_dir.round_dir(index)
        if len(self._pool.rounds) > index + 1:
            remove_shards(self._work_dir.scoring(index))  # its picks are safe
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

    def _write_curve(self, records: list[dict], last: bool) -> None:
        self._work_dir.write_curve(records)
        curve = read_curve(self._work_dir.root)
        if any(record["metrics"] for record in records):
            plot_curves({self._work_dir.root.name: [curve]}, self._work_dir.curve_png)
        if self._settings.report:
            self._page.update(last)
