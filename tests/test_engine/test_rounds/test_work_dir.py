"""Tests of the files below a work directory."""

import csv
import json
import os
import shutil
import socket
import subprocess
import sys

import pytest

from mmal.engine.rounds import WorkDir


@pytest.fixture
def work_dir(tmp_path) -> WorkDir:
    return WorkDir(tmp_path / "run")


def save_checkpoint(work_dir: WorkDir, index: int, name: str, written: str) -> None:
    """Leave what mmengine's CheckpointHook leaves; ``written`` is the path in its pointer."""
    folder = work_dir.round_dir(index)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(b"weights")
    (folder / "last_checkpoint").write_text(written)


def test_names_and_nothing_else(work_dir, tmp_path):
    assert work_dir.pool == tmp_path / "run" / "pool.json"
    assert work_dir.curve_csv == tmp_path / "run" / "curve.csv"
    assert work_dir.curve_png == tmp_path / "run" / "curve.png"
    assert work_dir.round_dir(3) == tmp_path / "run" / "round_03"
    assert work_dir.round_dir(12).name == "round_12"
    assert work_dir.checkpoint(0) is None
    assert work_dir.read_record(0) == {}
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("end", ["", "\n"])
def test_checkpoint_is_the_last_also_in_a_moved_directory(work_dir, tmp_path, end):
    path = work_dir.round_dir(1) / "epoch_4.pth"
    save_checkpoint(work_dir, 1, "epoch_2.pth", "")
    save_checkpoint(work_dir, 1, "epoch_4.pth", f"{path}{end}")
    assert work_dir.checkpoint(1) == path
    assert work_dir.checkpoint(0) is None

    shutil.move(work_dir.root, tmp_path / "moved")
    assert work_dir.checkpoint(1) is None
    assert WorkDir(tmp_path / "moved").checkpoint(1) == tmp_path / "moved/round_01/epoch_4.pth"


def test_pointer_to_a_deleted_checkpoint(work_dir):
    save_checkpoint(work_dir, 0, "epoch_2.pth", "epoch_4.pth")

    assert work_dir.checkpoint(0) is None


def test_records(work_dir):
    record = dict(round=2, labeled=140, metrics={"voc/mAP": 0.1 + 0.2}, seconds=dict(train=1.5))
    work_dir.write_record(2, dict(record, labeled=6))
    work_dir.write_record(2, record)

    assert work_dir.read_record(2) == record
    assert json.loads((work_dir.root / "round_02" / "metrics.json").read_text()) == record
    assert work_dir.read_record(1) == {}
    assert [path.name for path in work_dir.round_dir(2).iterdir()] == ["metrics.json"]


def test_failed_write_leaves_the_old_record(work_dir):
    record = dict(round=0, labeled=6, seconds={})
    work_dir.write_record(0, record)

    with pytest.raises(TypeError):
        work_dir.write_record(0, dict(round=object()))
    assert work_dir.read_record(0) == record


def test_curve_has_a_row_a_round_and_a_column_for_all_that_any_has(work_dir):
    first = dict(
        round=0,
        labeled=60,
        metrics={"voc/mAP": 0.25, "voc/AP50": 0.5},
        ranking_accuracy=0.75,
        seconds=dict(train=2.0, score=0.5),
    )
    last = dict(round=1, labeled=100, metrics={"voc/mAP": 0.5}, seconds=dict(train=3.0, evaluate=1))
    work_dir.write_curve([first])
    work_dir.write_curve([first, last])

    with open(work_dir.curve_csv, newline="") as file:
        header, *rows = csv.reader(file)
    assert set(header[:2]) == {"round", "labeled"}
    found = [{k: v for k, v in zip(header, row, strict=True) if v} for row in rows]
    assert found == [
        {
            "round": "0",
            "labeled": "60",
            "voc/mAP": "0.25",
            "voc/AP50": "0.5",
            "ranking_accuracy": "0.75",
            "train_seconds": "2.0",
            "score_seconds": "0.5",
        },
        {
            "round": "1",
            "labeled": "100",
            "voc/mAP": "0.5",
            "train_seconds": "3.0",
            "evaluate_seconds": "1",
        },
    ]


def test_the_lock_says_who_holds_it_and_who_held_it(work_dir):
    with work_dir.reserved() as before:
        assert before is None
        holder = work_dir.holder
        assert (holder["host"], holder["pid"]) == (socket.gethostname(), os.getpid())
        message = rf"in use: .*\(process {os.getpid()} on .*, since 20.*\)\. Wait for it"
        with pytest.raises(FileExistsError, match=message), WorkDir(work_dir.root).reserved():
            pass
        assert work_dir.is_locked
    assert work_dir.holder is None
    assert not work_dir.is_locked


def test_the_lock_of_a_killed_process_is_taken_over(work_dir):
    script = "import sys, time; from mmal.engine.rounds import WorkDir\n"
    script += "with WorkDir(sys.argv[1]).reserved(): print('held', flush=True); time.sleep(99)"
    command = [sys.executable, "-c", script, str(work_dir.root)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        process.kill()
    with work_dir.reserved() as before:
        assert before["pid"] == process.pid


@pytest.mark.parametrize("content", ["", "[]", '{"host": 1, "pid": 2, "since": "x"}'])
def test_a_holder_that_cannot_be_read_is_none(work_dir, content):
    work_dir.root.mkdir()
    (work_dir.root / ".holder").write_text(content)
    with work_dir.reserved() as before:
        assert before is None
