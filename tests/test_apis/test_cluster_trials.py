"""Trials as jobs, by the part of submitit that runs them on this machine."""

import sys
import threading
import time
from pathlib import Path

import pytest

from mmal.apis import cluster_trials
from mmal.apis.cluster_trials import ClusterTrial, ClusterTrials
from mmal.apis.trial_processes import TrialError

#: In place of tools/run_rounds.py: says what it was called with, and ends as its seed says.
SCRIPT = """
import pathlib, sys, time
args = sys.argv[1:]
directory = pathlib.Path(args[args.index("--work-dir") + 1])
seed = int(args[args.index("--seed") + 1])
print(*args[:2])
(directory / "began").touch()
time.sleep(60 * (seed == 9))
(directory / "ended").touch()
print("error: no luck" if seed == 1 else "done")
sys.exit(seed == 1)
"""


@pytest.fixture(autouse=True)
def no_long_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_trials, "_PAUSE", 0.1)


@pytest.fixture
def trials(tmp_path: Path) -> ClusterTrials:
    pytest.importorskip("submitit")
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    return ClusterTrials(script, tmp_path / "jobs", dict(cluster="local", timeout_min=5))


def test_a_trial_runs_as_a_job(trials: ClusterTrials, tmp_path: Path) -> None:
    trials.run(tmp_path, 0)
    config = str(tmp_path / "config.py")
    assert (tmp_path / "log.txt").read_text().splitlines() == [f"{config} --resume", "done"]


def test_a_trial_that_fails_is_named_with_its_last_line(
    trials: ClusterTrials, tmp_path: Path
) -> None:
    (tmp_path / "log.txt").write_text("of an earlier run\n")
    with pytest.raises(TrialError, match=rf"{tmp_path} ended with exit code 1: error: no luck"):
        trials.run(tmp_path, 1)


def test_jobs_are_cancelled_together(trials: ClusterTrials, tmp_path: Path) -> None:
    thread = threading.Thread(target=trials.run, args=(tmp_path, 9))
    thread.start()
    deadline = time.monotonic() + 60
    while not (tmp_path / "began").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    trials.stop()
    thread.join(20)
    assert not thread.is_alive()
    assert not (tmp_path / "ended").exists()
    trials.run(tmp_path, 0)  # begins nothing any more
    assert not (tmp_path / "ended").exists()


def test_a_job_that_is_put_back_resumes() -> None:
    pytest.importorskip("submitit")
    trial = ClusterTrial(["true"], Path("log.txt"))
    assert trial.checkpoint().function is trial


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(cluster="local", slurm_partion="gpu"), "--submitit: .*slurm_partion"),
        (dict(cluster="nowhere"), "--submitit: .*nowhere"),
        (dict(cluster="local", timeout_min="long"), "--submitit: .*timeout_min"),
    ],
)
def test_wrong_options(options: dict, message: str, tmp_path: Path) -> None:
    pytest.importorskip("submitit")
    with pytest.raises(ValueError, match=message):
        ClusterTrials("script.py", tmp_path, options)


def test_without_submitit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "submitit", None)
    with pytest.raises(ValueError, match=r"pip install 'mmal\[slurm\]'"):
        ClusterTrials("script.py", tmp_path, {})
