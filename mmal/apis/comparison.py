"""Comparing queries over trials."""

import copy
import csv
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from mmengine.config import Config
from mmengine.registry import init_default_scope

from mmal.engine.cached_features import with_cached_features
from mmal.engine.rounds import RoundSettings, WorkDir, check_queries
from mmal.utils import atomic_path
from mmal.visualization import metric_column, metric_names, read_curve

from .cluster_trials import ClusterTrials
from .spent_checkpoints import remove_spent_checkpoints
from .trial_processes import TrialError, TrialProcesses, Trials
from .trial_progress import TrialProgress

#: The folder of the rounds that all queries share.
FIRST = "first_round"


@dataclass(frozen=True)
class Comparison:
    """Queries by trials: which rounds are run, and where they are kept.

    Trials with the same seed begin with the same initial labelled set and the same training, so
    the first round is run once for each seed and copied to every query.

    Args:
        cfg: A config of acquisition rounds.
        queries: Configs of the queries by the names that they go by.
        seeds: A trial each.
        work_dir: Where everything goes.

    Raises:
        ValueError: If there is no query or seed, or the config has a single round.
    """

    cfg: Config
    queries: dict[str, dict]
    seeds: Sequence[int]
    work_dir: Path

    def __post_init__(self) -> None:
        if not self.queries or not self.seeds:
            raise ValueError("A comparison needs at least one query and one seed.")
        if self.cfg.active_learning.rounds < 2:
            raise ValueError(
                "A comparison needs active_learning.rounds of at least 2: in the first, queries "
                f"have not picked yet. Got {self.cfg.active_learning.rounds} instead."
            )

    def trial_dir(self, query: str, seed: int) -> Path:
        """The work directory of a trial."""
        return self.work_dir / query / f"seed_{seed}"

    def finished(self, query: str, seed: int) -> bool:
        """Whether all rounds of a trial are done."""
        rounds = 1 if query == FIRST else self.cfg.active_learning.rounds
        path = self.trial_dir(query, seed) / "curve.csv"
        return path.exists() and len(read_curve(path.parent)) >= rounds

    def check(self) -> None:
        """Refuse what cannot work before anything is trained; write nothing.

        Raises:
            FileExistsError: If a trial in the work directory was run with other settings, or has
                lost its pool file.
            ValueError: If the pool is too small for all rounds.
            TypeError: If the model cannot give what a query reads.
        """
        self.check_trials()
        check_queries(self.cfg, list(self.queries.values()), self.seeds)

    def check_trials(self) -> None:
        """Refuse trials that were not run with this config, or that are damaged.

        Raises:
            FileExistsError: If a trial in the work directory was run with other settings, or has
                lost its pool file.
        """
        for query in self._folders():
            for seed in self.seeds:
                self._check_trial(query, seed)

    def run(
        self,
        script: str | os.PathLike,
        jobs: int = 1,
        progress: Callable[[str], None] = lambda line: None,
        keep_checkpoints: bool = False,
        submitit: Mapping[str, Any] | None = None,
        metric: str | None = None,
    ) -> None:
        """Run what is missing; what is there stays, so that an interrupted comparison goes on.

        Cached features, if the config asks for such, are computed first, for all trials.

        Each trial is a process of its own with its log in ``log.txt``. With GPUs, each gets one
        that is free. Of finished trials, checkpoints that no later round or query needs are
        removed (see :func:`remove_spent_checkpoints`).

        Args:
            script: ``tools/run_rounds.py``.
            jobs: Trials at a time.
            progress: Called with a line for every trial that ends: what became of it, how many
                have ended, and about how long the others will take.
            keep_checkpoints: Whether to keep all of them.
            submitit: Options of a cluster that trials are submitted to, ``jobs`` at a time, instead
                of processes of this machine; see :class:`ClusterTrials`.
            metric: What will be compared, a column of ``curve.csv``.

        Raises:
            ValueError: If an option of the cluster is wrong; if the first rounds have no such
                metric.
            TrialError: If a trial fails, after all others have been run; or if another process
                runs this comparison.
        """
        failed: list[str] = []
        processes: Trials
        if submitit is None:
            processes = TrialProcesses(script, jobs)
        else:
            processes = ClusterTrials(script, self.work_dir / "submitit", submitit)
        work = {(query, s): self._left(query, s) for query in self._folders() for s in self.seeds}
        remaining = TrialProgress(work, jobs)
        with self._locked():
            cached = RoundSettings.from_config(self.cfg).cached
            if cached is not None and any(work.values()):
                init_default_scope(self.cfg.get("default_scope", "mmdet"))
                with_cached_features(self.cfg, cached)
            for queries in ([FIRST], list(self.queries)):
                trials = [(query, seed) for seed in self.seeds for query in queries]
                ready = [t for t in trials if t[0] == FIRST or self.finished(FIRST, t[1])]
                remaining.leave_out(set(trials) - set(ready))
                with ThreadPoolExecutor(jobs) as pool:
                    waiting = {
                        pool.submit(self._run_trial, processes, remaining, keep_checkpoints, *t): t
                        for t in ready
                    }
                    try:
                        for done in as_completed(waiting):
                            outcome = "finished"
                            try:
                                done.result()
                            except TrialError as error:
                                failed.append(str(error))
                                outcome = "failed"
                            progress(remaining.end(waiting[done], outcome))
                    except BaseException:
                        processes.stop()
                        pool.shutdown(cancel_futures=True)
                        raise
                if queries == [FIRST] and not failed:
                    self.metric_column(metric)
        if failed:
            raise TrialError("\n".join(failed))

    def metric_column(self, metric: str | None) -> str | None:
        """Return the column of what is compared; None if there is no metric yet.

        Args:
            metric: The column, of a metric also without its prefix; by default the first metric.

        Raises:
            ValueError: If the first rounds have metrics, but not this.
        """
        done = [seed for seed in self.seeds if self.finished(FIRST, seed)]
        rows = [row for seed in done for row in read_curve(self.trial_dir(FIRST, seed))]
        known, column = metric_names(rows), metric_column(rows, metric)
        if known and not any(column in row for row in rows):
            raise ValueError(
                f"--metric: the first rounds have no {metric!r}. Their metrics are {known}; what "
                "is done stays."
            )
        return column

    def curves(self) -> dict[str, dict[int, list[dict[str, float]]]]:
        """The curves of the finished trials, by query and seed, up to the config's last round."""
        rounds = self.cfg.active_learning.rounds
        return {
            query: {
                seed: read_curve(self.trial_dir(query, seed))[:rounds]
                for seed in self.seeds
                if self.finished(query, seed)
            }
            for query in self.queries
        }

    def picks(self) -> dict[str, dict[int, list[list[str]]]]:
        """The picks of the finished trials, by query and seed, a list of ids a round."""
        rounds = self.cfg.active_learning.rounds
        return {
            query: {
                seed: [
                    acquired["picks"]
                    for acquired in _pool_content(self.trial_dir(query, seed))["rounds"][1:rounds]
                ]
                for seed in self.seeds
                if self.finished(query, seed)
            }
            for query in self.queries
        }

    def pool_size(self) -> int:
        """How many samples the pool of a finished trial has, without the initial labelled set."""
        directories = (
            self.trial_dir(query, seed)
            for query in self.queries
            for seed in self.seeds
            if self.finished(query, seed)
        )
        content = _pool_content(next(directories))
        return content["dataset"]["size"] - len(content["rounds"][0]["picks"])

    def write_csv(self, path: str | os.PathLike) -> None:
        """Write the curves of all finished trials as one table, a row a round, atomically."""
        rows = [
            {"query": query, "seed": seed, **{k: _as_counted(v) for k, v in row.items()}}
            for query, trials in self.curves().items()
            for seed, curve in trials.items()
            for row in curve
        ]
        columns = list(dict.fromkeys(name for row in rows for name in row))
        with atomic_path(path) as tmp, open(tmp, "w", newline="") as file:
            writer = csv.DictWriter(file, columns)
            writer.writeheader()
            writer.writerows(rows)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self.work_dir.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(self.work_dir / ".lock", timeout=0):
                yield
        except Timeout as error:
            raise TrialError(
                f"{self.work_dir} is in use: another comparison runs there."
            ) from error

    def _check_trial(self, query: str, seed: int) -> None:
        directory = self.trial_dir(query, seed)
        if (begun := sorted(directory.glob("round_*"))) and not (directory / "pool.json").exists():
            raise FileExistsError(
                f"{begun[0]} is there, but {directory / 'pool.json'} is missing. Put it back, or "
                f"remove {directory}."
            )
        path = directory / "config.py"
        if not path.exists():
            return
        before = Config.fromfile(path, import_custom_modules=False)
        was, now = _settings(before), _settings(self.cfg)
        if changed := sorted(k for k in was.keys() | now.keys() if was.get(k) != now.get(k)):
            raise FileExistsError(
                f"{path} was run with other settings ({', '.join(changed)}). Compare with the same "
                "config, or choose another --work-dir."
            )

    def _folders(self) -> list[str]:
        return [FIRST, *self.queries]

    def _left(self, query: str, seed: int) -> int:
        """How many rounds a trial has left; the first is shared."""
        if self.finished(query, seed):
            return 0
        if query == FIRST:
            return 1
        path = self.trial_dir(query, seed) / "curve.csv"
        done = len(read_curve(path.parent)) if path.exists() else 0
        return self.cfg.active_learning.rounds - max(done, 1)

    def _run_trial(
        self,
        processes: Trials,
        progress: TrialProgress,
        keep_checkpoints: bool,
        query: str,
        seed: int,
    ) -> None:
        if not self.finished(query, seed):
            progress.begin((query, seed))
            self._run_process(processes, query, seed)
        if not keep_checkpoints and self.finished(query, seed):
            _remove_checkpoints(self.trial_dir(query, seed))

    def _run_process(self, processes: Trials, query: str, seed: int) -> None:
        directory = self.trial_dir(query, seed)
        if query != FIRST and not (directory / "pool.json").exists():
            self._copy_first_round(seed, directory)
        cfg = copy.deepcopy(self.cfg)
        if query == FIRST:
            cfg.active_learning.rounds = 1
        # The first round picks nothing, but a config has to have a query that the model can serve.
        cfg.active_learning.query = self.queries.get(query) or next(iter(self.queries.values()))
        # A page a trial would take longer than rounds on cached features do.
        cfg.active_learning.setdefault("report", False)
        directory.mkdir(parents=True, exist_ok=True)
        with atomic_path(directory / "config.py") as tmp:
            tmp.write_text(cfg.pretty_text, encoding="utf-8")
        processes.run(directory, seed)

    def _copy_first_round(self, seed: int, directory: Path) -> None:
        """Copy to a temporary folder first: the trial's folder is there whole or not at all."""
        source = self.trial_dir(FIRST, seed)
        if WorkDir(source).checkpoint(0) is None:
            raise TrialError(
                f"{source} has no checkpoint, with which the queries of seed {seed} begin. Put it "
                "back, or remove that folder to have it trained again."
            )
        temporary = directory.with_name(f".{directory.name}.tmp")
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.rmtree(directory, ignore_errors=True)  # no round is in it: see check
        logs = shutil.ignore_patterns("20*_*", "log.txt", "config.py", "curve.*", "report.html")
        shutil.copytree(source, temporary, ignore=logs)
        temporary.rename(directory)


def _remove_checkpoints(directory: Path) -> None:
    try:
        remove_spent_checkpoints(directory)
    except OSError as error:  # no reason to stop the other trials
        raise TrialError(
            f"{directory} is finished, but a checkpoint of it that is needed no more could not be "
            f"removed ({error}). --keep-checkpoints keeps them."
        ) from error


def _pool_content(directory: Path) -> dict:
    return json.loads((directory / "pool.json").read_text(encoding="utf-8"))


def _as_counted(value: float) -> float | int:
    return int(value) if value.is_integer() else value


def _settings(cfg: Config) -> dict:
    """What has to be the same in all trials: not the query, and a comparison may get longer."""
    settings = copy.deepcopy(cfg.to_dict())
    # A query that is added may need an import.
    for key in ("work_dir", "randomness", "launcher", "custom_imports"):
        settings.pop(key, None)
    rounds = settings.pop("active_learning")
    if rounds.get("cached_features") is not None:
        rounds["cached_features"].pop("folder", None)  # where they are changes nothing
    return settings | {
        f"active_learning.{k}": v
        for k, v in rounds.items()
        if k not in ("rounds", "query", "report")
    }
