"""Files that should name a checkpoint, and do not."""

import json
from pathlib import Path

import pytest
import torch
from mmengine.config import Config

from mmal.engine.rounds import WorkDir, prepare_rounds, run_rounds
from mmal.engine.rounds.checkpoints import RoundCheckpoints
from mmal.engine.rounds.record import RecordError

#: What may stand in the file: a machine that died leaves it empty.
NAMES_NOTHING = ["", " \n\t", "..", "/", "folder.pth", "epoch_9.pth", "x" * 5000, "a\0b"]


def save(folder: Path, name: str, steps: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    torch.save(dict(meta=dict(iter=steps), state_dict={}), folder / name)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A round with three checkpoints, of which one was cut, and a folder with such a name."""
    save(tmp_path, "epoch_2.pth", 20)
    save(tmp_path, "interrupted.pth", 23)
    save(tmp_path, "epoch_1.pth", 10)
    save(tmp_path, "epoch_3.pth", 30)
    whole = (tmp_path / "epoch_3.pth").read_bytes()
    (tmp_path / "epoch_3.pth").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "folder.pth").mkdir()
    torch.save({}, tmp_path / "weights.pth")  # of no training
    return tmp_path


@pytest.mark.parametrize("content", NAMES_NOTHING)
def test_the_newest_that_can_be_read_takes_its_place(folder: Path, content: str) -> None:
    found = RoundCheckpoints(folder)
    found.pointer.write_text(content)
    assert found.last() is None
    said = found.mend()
    assert found.last() == folder / "interrupted.pth"
    assert str(found.pointer) in said
    assert said.endswith("goes on at interrupted.pth.")
    assert found.mend() is None


def test_what_is_wrong_is_said(folder: Path) -> None:
    found = RoundCheckpoints(folder)
    for content, words in (
        (" ", "is empty"),
        ("folder.pth", "names 'folder.pth', which is a folder"),
        ("epoch_9.pth", "names 'epoch_9.pth', which is not there"),
    ):
        found.pointer.write_text(content)
        assert words in found.mend()


def test_without_any_the_round_begins_anew(tmp_path: Path) -> None:
    found = RoundCheckpoints(tmp_path)
    found.pointer.write_text("")
    assert found.mend().endswith("is empty: the round is trained from its beginning.")
    assert found.last() is None
    assert found.pointer.read_text() == ""


def test_a_deleted_pointer_stays_deleted(folder: Path) -> None:
    """Whoever deletes it wants the round to begin anew."""
    found = RoundCheckpoints(folder)
    assert found.mend() is None
    assert found.last() is None
    assert not found.pointer.exists()


def test_a_pointer_that_is_a_folder(folder: Path) -> None:
    found = RoundCheckpoints(folder)
    found.pointer.mkdir()
    with pytest.raises(RecordError, match=r"last_checkpoint does not name a checkpoint.*delete it"):
        found.last()


class InterruptionError(Exception):
    pass


def interrupt(*args: object, **kwargs: object) -> None:
    raise InterruptionError


def small(cfg: Config) -> Config:
    cfg.active_learning.rounds = 2
    cfg.train_dataloader.update(num_workers=0, persistent_workers=False)
    return cfg


def picks_of(cfg: Config) -> list:
    return json.loads(Path(cfg.work_dir, "pool.json").read_text())["rounds"]


@pytest.mark.parametrize("content", ["", "epoch_2.pth"])
def test_a_run_goes_on_at_what_is_left(
    cfg: Config, content: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    whole = small(Config(cfg.to_dict()))
    whole.work_dir += "_whole"
    run_rounds(whole)
    with monkeypatch.context() as patch:
        patch.setattr("mmal.engine.rounds.round_training.RoundTraining.save", interrupt)
        with pytest.raises(InterruptionError):  # trained, but not recorded
            run_rounds(small(cfg))
    folder = WorkDir(cfg.work_dir).round_dir(0)
    if content:  # one that is lost
        (folder / "epoch_3.pth").unlink()
        (folder / content).rename(folder / "epoch_1.pth")
    (folder / "last_checkpoint").write_text(content)
    capsys.readouterr()
    run_rounds(cfg, resume=True)
    kept = "epoch_1.pth" if content else "epoch_3.pth"
    assert f"the training goes on at {kept}." in capsys.readouterr().out
    assert picks_of(cfg) == picks_of(whole)
    assert WorkDir(cfg.work_dir).checkpoint(0).name == "epoch_3.pth"


def test_a_trained_round_whose_model_is_not_named_is_one_error_before_anything(
    cfg: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An earlier checkpoint is not what the training ended with."""
    with monkeypatch.context() as patch:
        patch.setattr("mmal.engine.rounds.round_training.measure_losses", interrupt)
        with pytest.raises(InterruptionError):
            run_rounds(small(cfg))
    folder = WorkDir(cfg.work_dir).round_dir(0)
    (folder / "last_checkpoint").write_text("")
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    message = (
        r"training ended with: last_checkpoint is empty.*\(there are 'epoch_2.pth', 'epoch_3.pth'\)"
    )
    with pytest.raises(FileNotFoundError, match=message):
        prepare_rounds(cfg, resume=True)
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before
    (folder / "last_checkpoint").write_text("epoch_3.pth")  # as the message says
    assert [record["labeled"] for record in run_rounds(cfg, resume=True)] == [6, 10]
