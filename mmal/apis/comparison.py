"""Comparing queries over trials."""

import copy
import csv
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

import torch
from mmengine.config import Config

from mmal.utils import atomic_path
from mmal.visualization import read_curve

#: The folder of the rounds that all queries share.
FIRST = "first_round"


class TrialError(RuntimeError):
    """A trial that failed; its log says why."""


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

    def run(
        self,
        script: str | os.PathLike,
        jobs: int = 1,
        progress: Callable[[str, int], None] = lambda query, seed: None,
    ) -> None:
        """Run what is missing; what is there stays, so that an interrupted comparison goes on.

        Each trial is a process of its own with its log in ``log.txt``. With GPUs, trials take
        turns on them.

        Args:
            script: ``tools/run_rounds.py``.
            jobs: Trials at a time.
            progress: Called with query and seed of every trial that is finished.

        Raises:
            TrialError: If a trial fails; the others are run first.
        """
        failed: list[str] = []
        runner = _Processes(script, jobs)
        for queries in ([FIRST], list(self.queries)):
            trials = [(query, seed) for seed in self.seeds for query in queries]
            with ThreadPoolExecutor(jobs) as pool:
                waiting = {pool.submit(self._run_trial, runner, *t): t for t in trials}
                try:
                    for done in as_completed(waiting):
                        try:
                            done.result()
                            progress(*waiting[done])
                        except TrialError as error:
                            failed.append(str(error))
                except BaseException:
                    runner.stop()
                    pool.shutdown(cancel_futures=True)
                    raise
            if failed:
                raise TrialError("\n".join(failed))

    def _run_trial(self, runner: "_Processes", query: str, seed: int) -> None:
        if self.finished(query, seed):
            return
        directory = self.trial_dir(query, seed)
        if query != FIRST and not (directory / "pool.json").exists():
            self._copy_first_round(seed, directory)
        cfg = copy.deepcopy(self.cfg)
        if query == FIRST:
            cfg.active_learning.rounds = 1
        else:
            cfg.active_learning.query = self.queries[query]
        directory.mkdir(parents=True, exist_ok=True)
        cfg.dump(directory / "config.py")
        runner.run(directory, seed)

    def _copy_first_round(self, seed: int, directory: Path) -> None:
        """Copy to a temporary folder first: the trial's folder is there whole or not at all."""
        copy = directory.with_name(f".{directory.name}.tmp")
        shutil.rmtree(copy, ignore_errors=True)
        shutil.rmtree(directory, ignore_errors=True)  # a config of a trial that never began
        logs = shutil.ignore_patterns("20*_*", "log.txt", "config.py", "curve.*")
        shutil.copytree(self.trial_dir(FIRST, seed), copy, ignore=logs)
        copy.rename(directory)

    def curves(self) -> dict[str, dict[int, list[dict[str, float]]]]:
        """The curves of the finished trials, by query and seed."""
        return {
            query: {
                seed: read_curve(self.trial_dir(query, seed))
                for seed in self.seeds
                if self.finished(query, seed)
            }
            for query in self.queries
        }

    def write_csv(self, path: str | os.PathLike) -> None:
        """Write the curves of all finished trials as one table, a row a round, atomically."""
        rows = [
            {"query": query, "seed": seed, **row}
            for query, trials in self.curves().items()
            for seed, curve in trials.items()
            for row in curve
        ]
        columns = list(dict.fromkeys(name for row in rows for name in row))
        with atomic_path(path) as tmp, open(tmp, "w", newline="") as file:
            writer = csv.DictWriter(file, columns)
            writer.writeheader()
            writer.writerows(rows)


class _Processes:
    """Runs trials as processes that can be stopped together."""

    def __init__(self, script: str | os.PathLike, jobs: int) -> None:
        self._script = str(script)
        # Trials beside each other share the cores.
        self._threads = str(max((os.cpu_count() or 1) // jobs, 1))
        self._gpus = list(range(torch.cuda.device_count()))
        self._running: set[subprocess.Popen] = set()
        self._stopped = False

    def run(self, directory: Path, seed: int) -> None:
        """Run the trial of ``directory``.

        Raises:
            TrialError: If it fails.
        """
        if self._stopped:
            return
        command = [sys.executable, self._script, str(directory / "config.py"), "--resume"]
        command += ["--work-dir", str(directory), "--seed", str(seed)]
        env = {"OMP_NUM_THREADS": self._threads, "OMP_WAIT_POLICY": "passive", **os.environ}
        if self._gpus:
            gpu = self._gpus.pop(0)
            self._gpus.append(gpu)
            env["CUDA_VISIBLE_DEVICES"] = str(gpu)
        log = directory / "log.txt"
        with open(log, "a") as file:
            process = subprocess.Popen(command, env=env, stdout=file, stderr=subprocess.STDOUT)
        self._running.add(process)
        code = process.wait()
        self._running.discard(process)
        if code and not self._stopped:
            last = log.read_text(errors="replace").strip().rpartition("\n")[2]
            raise TrialError(f"{directory} failed: {last} (all of it: {log})")

    def stop(self) -> None:
        """End the trials that run; what they had finished stays."""
        self._stopped = True
        for process in list(self._running):
            process.terminate()


def check_same_comparison(comparison: Comparison) -> None:
    """Refuse to go on with trials of another config.

    Raises:
        FileExistsError: If a trial in the work directory was run with other settings.
    """
    for query in (FIRST, *comparison.queries):
        for seed in comparison.seeds:
            path = comparison.trial_dir(query, seed) / "config.py"
            if not path.exists():
                continue
            was, now = (dict(c) for c in (Config.fromfile(path), comparison.cfg))
            settings = [dict(c.pop("active_learning")) for c in (was, now)]
            for setting in settings:
                setting.pop("rounds", None)  # a comparison may be given more
                setting.pop("query", None)
            ignored = ("work_dir", "randomness", "launcher")
            for config in (was, now):
                for key in ignored:
                    config.pop(key, None)
            if was != now or settings[0] != settings[1]:
                changed = [k for k in {**was, **now} if was.get(k) != now.get(k)]
                raise FileExistsError(
                    f"{path} was run with other settings ({', '.join(changed) or 'active_learning'}"
                    "). Compare with the same config, or choose another --work-dir."
                )
