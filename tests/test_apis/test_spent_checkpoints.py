"""Tests of removing checkpoints that no later round needs."""

from pathlib import Path

import pytest

from mmal.apis.spent_checkpoints import remove_spent_checkpoints
from mmal.engine.rounds import WorkDir


@pytest.fixture
def trial(tmp_path: Path) -> Path:
    """Two rounds that are evaluated, and a third that is being trained."""
    for index in range(3):
        folder = tmp_path / f"round_{index:02d}"
        (folder / "20260101_000000").mkdir(parents=True)
        for name in ("epoch_8.pth", "epoch_10.pth", "exported.pth", "losses.csv"):
            (folder / name).write_text(name)
        (folder / "20260101_000000" / "epoch_8.pth").touch()
        (folder / "last_checkpoint").write_text(f"/somewhere/else/round_{index:02d}/epoch_10.pth")
        if index < 2:
            record = dict(round=index, labeled=6, seconds={}, metrics=dict(mAP=0.5))
            WorkDir(tmp_path).write_record(index, record)
    return tmp_path


def files(trial: Path) -> set[str]:
    found = {str(path.relative_to(trial)) for path in trial.rglob("*") if path.is_file()}
    return found - {".lock"}


def test_the_last_evaluated_round_and_what_follows_stay(trial):
    before = files(trial)
    remove_spent_checkpoints(trial)

    assert before - files(trial) == {
        "round_00/epoch_8.pth",
        "round_00/epoch_10.pth",
        "round_00/last_checkpoint",
        "round_01/epoch_8.pth",
    }
    assert WorkDir(trial).checkpoint(1) == trial / "round_01" / "epoch_10.pth"
    assert WorkDir(trial).checkpoint(2) is not None


@pytest.mark.parametrize("calls", range(4))
def test_an_interruption_is_made_good_by_the_next_call(trial, calls, monkeypatch):
    """Whatever is removed last before it, WorkDir knows a checkpoint that is there, or none."""
    unlink, left = Path.unlink, [calls]

    def interrupted(path, *args, **kwargs):
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        return unlink(path, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", interrupted)
        with pytest.raises(KeyboardInterrupt):
            remove_spent_checkpoints(trial)
    assert WorkDir(trial).checkpoint(1) == trial / "round_01" / "epoch_10.pth"
    remove_spent_checkpoints(trial)
    once = files(trial)
    assert "round_00/epoch_8.pth" not in once
    assert "round_00/last_checkpoint" not in once
    remove_spent_checkpoints(trial)
    assert files(trial) == once


def test_nothing_is_removed_from_a_run_under_way(trial):
    before = files(trial)
    with WorkDir(trial).lock().acquire(timeout=0):
        remove_spent_checkpoints(trial)
    assert files(trial) == before


def test_a_last_round_that_lost_its_last_checkpoint_keeps_the_others(trial):
    (trial / "round_01" / "epoch_10.pth").unlink()
    remove_spent_checkpoints(trial)
    assert (trial / "round_01" / "epoch_8.pth").exists()


@pytest.mark.parametrize("content", ["", " \n", ".."])
def test_a_pointer_that_names_nothing_removes_nothing(trial, content):
    for name in ("round_00", "round_01"):
        (trial / name / "last_checkpoint").write_text(content)
    before = files(trial)
    remove_spent_checkpoints(trial)
    assert files(trial) == before


def test_a_round_without_a_record_is_left_alone(trial):
    (trial / "round_00" / "metrics.json").unlink()
    before = files(trial)
    remove_spent_checkpoints(trial)
    assert files(trial) == before


def test_names_are_those_of_the_config(trial):
    folder = trial / "round_00"
    for name in ("net2_iter_50.pth", "net2_iter_100.pth", "net2_iter_x.pth"):
        (folder / name).touch()
    (folder / "last_checkpoint").write_text("net2_iter_100.pth")
    remove_spent_checkpoints(trial)
    assert {path.name for path in folder.glob("*.pth")} == {
        "net2_iter_x.pth",
        "epoch_8.pth",
        "epoch_10.pth",
        "exported.pth",
    }
