"""Running the trials of a comparison as jobs of a cluster, by submitit."""

import os
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .trial_processes import TrialError, log_end, trial_command

#: Seconds between two looks at a job; submitit asks Slurm for all of them at once, and less often.
_PAUSE = 2.0


class ClusterTrials:
    """Runs trials as jobs that a scheduler starts, one a trial, which can be cancelled together.

    A job that is put back into the queue, as it was preempted or ran out of time, goes on with its
    rounds: submitit asks for that a minute before its time is over.

    Args:
        script: ``tools/run_rounds.py``, on a file system that the nodes see, as the trials.
        folder: Where submitit keeps what it knows of jobs.
        options: Of submitit's executor, such as ``slurm_partition``, ``timeout_min``,
            ``gpus_per_node``; ``cluster`` is ``slurm`` where there is one, else ``local``.

    Raises:
        ValueError: If submitit is not installed, or does not know an option.
    """

    def __init__(
        self, script: str | os.PathLike, folder: str | os.PathLike, options: Mapping[str, Any]
    ) -> None:
        self._script = str(Path(script).absolute())
        self._executor = _executor(folder, options)
        self._lock = threading.Lock()
        self._jobs: set = set()
        self._stopped = False

    def run(self, directory: Path, seed: int) -> None:
        """Run the trial of ``directory`` and wait for it.

        Raises:
            TrialError: If it fails, or its job is lost.
        """
        directory = Path(directory).absolute()
        log = directory / "log.txt"
        begin = log.stat().st_size if log.exists() else 0
        with self._lock:
            if self._stopped:
                return
            trial = ClusterTrial(trial_command(self._script, directory, seed), log)
            job = self._executor.submit(trial)
            self._jobs.add(job)
        while not (job.done() or self._stopped):
            time.sleep(_PAUSE)
        with self._lock:
            self._jobs.discard(job)
        if self._stopped:
            return
        if (error := job.exception()) is not None:
            last = str(error).strip().rpartition("\n")[2]
            raise TrialError(
                f"{directory}: job {job.job_id} ended without a result: {last} (see {log} and "
                f"{job.paths.stderr})"
            )
        if code := job.result():
            raise TrialError(
                f"{directory} ended with exit code {code}: {log_end(log, begin)} (see {log})"
            )

    def stop(self) -> None:
        """Cancel the jobs that run or wait; what they had finished stays."""
        with self._lock:
            self._stopped = True
            for job in self._jobs:
                job.cancel(check=False)


class ClusterTrial:
    """What a job does: a trial, in a process of its own.

    Args:
        command: The trial's.
        log: A file that gets what it says.
    """

    def __init__(self, command: Sequence[str], log: Path) -> None:
        self.command = list(command)
        self.log = log

    def __call__(self) -> int:
        """Run the trial; return its exit code."""
        env = {"OMP_WAIT_POLICY": "passive", **os.environ}
        with open(self.log, "ab") as log:
            return subprocess.call(self.command, env=env, stdout=log, stderr=subprocess.STDOUT)

    def checkpoint(self, *args: Any, **kwargs: Any) -> Any:
        """Say what a job that is put back into the queue does: the same, which resumes."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self, *args, **kwargs)


def _executor(folder: str | os.PathLike, options: Mapping[str, Any]) -> Any:
    try:
        import submitit
    except ImportError as error:
        raise ValueError(
            "--submitit needs the package submitit: pip install 'mmal[slurm]'."
        ) from error
    options = dict(options)
    cluster = options.pop("cluster", None)
    try:
        executor = submitit.AutoExecutor(folder=Path(folder).absolute(), cluster=cluster)
        executor.update_parameters(name="mmal", **options)
    except (AssertionError, NameError, RuntimeError, TypeError, ValueError) as error:
        raise ValueError(f"--submitit: {' '.join(str(error).split())}") from error
    return executor
