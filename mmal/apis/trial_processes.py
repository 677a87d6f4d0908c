"""Running the trials of a comparison beside each other."""

import os
import queue
import subprocess
import sys
import threading
from pathlib import Path
from typing import Protocol

import torch


class TrialError(RuntimeError):
    """A trial that failed; its log says why."""


class Trials(Protocol):
    """What runs trials, several at a time."""

    def run(self, directory: Path, seed: int) -> None:
        """Run the trial of a folder, or go on with it, until it ends."""

    def stop(self) -> None:
        """End all that run."""


class TrialProcesses:
    """Runs trials as processes that can be stopped together.

    With GPUs, each gets one that is free.

    Args:
        script: ``tools/run_rounds.py``.
        jobs: Trials at a time.
    """

    def __init__(self, script: str | os.PathLike, jobs: int) -> None:
        self._script = str(script)
        # Trials beside each other share the cores.
        self._threads = str(max((os.cpu_count() or 1) // jobs, 1))
        self._devices: queue.Queue[str | None] = queue.Queue()
        names = _gpus()
        for job in range(jobs):
            self._devices.put(names[job % len(names)] if names else None)
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen] = set()
        self._stopped = False

    def run(self, directory: Path, seed: int) -> None:
        """Run the trial of ``directory`` on a free device.

        Raises:
            TrialError: If it fails.
        """
        device = self._devices.get()
        try:
            self._run(directory, seed, device)
        finally:
            self._devices.put(device)

    def _run(self, directory: Path, seed: int, device: str | None) -> None:
        command = trial_command(self._script, directory, seed)
        env = {"OMP_NUM_THREADS": self._threads, "OMP_WAIT_POLICY": "passive", **os.environ}
        if device is not None:
            env["CUDA_VISIBLE_DEVICES"] = device
        path = directory / "log.txt"
        with open(path, "ab") as log:
            begin = log.tell()
            with self._lock:
                if self._stopped:
                    return
                process = subprocess.Popen(command, env=env, stdout=log, stderr=subprocess.STDOUT)
                self._running.add(process)
            code = process.wait()
        with self._lock:
            self._running.discard(process)
        if code and not self._stopped:
            last = log_end(path, begin)
            raise TrialError(f"{directory} ended with exit code {code}: {last} (see {path})")

    def stop(self) -> None:
        """End the trials that run; what they had finished stays."""
        with self._lock:
            self._stopped = True
            for process in self._running:
                process.terminate()


def trial_command(script: str, directory: Path, seed: int) -> list[str]:
    """Return the command that runs a trial, or goes on with it."""
    command = [sys.executable, script, str(directory / "config.py"), "--resume"]
    return [*command, "--work-dir", str(directory), "--seed", str(seed)]


def log_end(path: Path, begin: int) -> str:
    """Return the last line that a trial wrote beyond a place in its log."""
    written = path.read_bytes()[begin:].decode(errors="replace").strip()
    return written.rpartition("\n")[2] or "it wrote nothing"


def _gpus() -> list[str]:
    """What ``CUDA_VISIBLE_DEVICES`` calls the GPUs that this process may use."""
    count = torch.cuda.device_count()
    names = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
    return names[:count] if names != [""] else [str(i) for i in range(count)]
