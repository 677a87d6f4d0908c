"""A dry run says what a run then does, and leaves nothing."""

import json
import runpy
import sys
from pathlib import Path

import pytest
import torch
from mmengine.config import Config

from mmal.engine.rounds import WorkDir, prepare_rounds, run_rounds
from mmal.structures import PoolScores

TOOL = Path(__file__).parents[3] / "tools" / "run_rounds.py"


def files(folder: Path) -> dict:
    return {p: p.stat().st_mtime_ns for p in folder.rglob("*")}


def steps_trained(round_dir: Path) -> int:
    logs = round_dir.glob("*/vis_data/scalars.json")
    lines = [line for log in logs for line in log.read_text().splitlines()]
    return max(json.loads(line)["step"] for line in lines)


@pytest.mark.parametrize("kind", ["cfg", "pose_config_file"])
def test_a_run_does_what_was_planned(kind: str, request: pytest.FixtureRequest) -> None:
    found = request.getfixturevalue(kind)
    cfg = found if isinstance(found, Config) else Config.fromfile(found)
    cfg.active_learning.query = dict(type="mmal.CoreSet")
    root = Path(cfg.work_dir).parent
    before = files(root)
    plan = prepare_rounds(cfg).plan()
    assert files(root) == before  # nothing is written
    assert (plan.done, plan.initial) == (0, None)
    assert "estimates" in plan.source

    records = run_rounds(cfg)
    work_dir = WorkDir(cfg.work_dir)
    assert [p.index for p in plan.rounds] == [r["round"] for r in records]
    assert [p.labeled for p in plan.rounds] == [r["labeled"] for r in records]
    assert plan.rounds[0].annotations == records[0]["annotations"]
    assert [p.annotations for p in plan.rounds[1:]] == [None, None]
    trained = [steps_trained(work_dir.round_dir(p.index)) for p in plan.rounds]
    assert [p.iterations for p in plan.rounds] == trained
    for planned in plan.rounds[:2]:  # core-set reads those of the labelled, too
        scores = PoolScores.load(work_dir.round_dir(planned.index) / "scores.parquet")
        assert planned.scored == len(scores) + planned.labeled
    for planned, record in zip(plan.rounds, records, strict=True):
        assert planned.seconds.keys() == record["seconds"].keys()
        assert all(seconds > 0 for seconds in planned.seconds.values())

    assert prepare_rounds(cfg, resume=True).plan().rounds == []


def test_rounds_that_are_left_take_what_the_others_took(cfg: Config) -> None:
    cfg.active_learning.rounds = 2
    records = run_rounds(cfg)
    cfg.active_learning.rounds = 3
    before = files(Path(cfg.work_dir))
    plan = prepare_rounds(cfg, resume=True).plan()
    assert files(Path(cfg.work_dir)) == before
    assert plan.done == 1
    assert "done" in plan.source
    assert "estimates" not in plan.source
    picking, last = plan.rounds  # round 1 was the last, and has not picked
    assert (picking.labeled, picking.iterations, picking.begins_at) == (10, 0, None)
    assert picking.seconds.keys() == {"score", "query"}
    # Six images are left of the ten that round 0 scored.
    assert picking.seconds["score"] == pytest.approx(records[0]["seconds"]["score"] * 6 / 10)
    assert (last.labeled, last.iterations) == (14, 3 * 4)
    assert last.seconds["train"] == pytest.approx(records[0]["seconds"]["train"] / 6 * 12)
    assert last.seconds["evaluate"] == pytest.approx(records[0]["seconds"]["evaluate"])


def test_a_training_that_was_stopped_has_less_left(
    cfg: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    class InterruptionError(Exception):
        pass

    def interrupt(*args: object) -> None:
        raise InterruptionError

    with monkeypatch.context() as patch:
        patch.setattr("mmal.engine.hooks.EpochSeedHook.before_train_epoch", _after(1, interrupt))
        with pytest.raises(InterruptionError):
            run_rounds(cfg)
    plan = prepare_rounds(cfg, resume=True).plan()
    assert plan.rounds[0].begins_at == "epoch_1.pth"
    saved = torch.load(WorkDir(cfg.work_dir).checkpoint(0), weights_only=False)
    assert plan.rounds[0].iterations == 6 - saved["meta"]["iter"] == 4
    assert plan.rounds[1].iterations == 9


def _after(epochs: int, then):
    from mmal.engine.hooks import EpochSeedHook

    original = EpochSeedHook.before_train_epoch

    def before_train_epoch(hook, runner):
        if runner.epoch == epochs:
            then()
        original(hook, runner)

    return before_train_epoch


def test_an_initial_set_that_is_found_is_planned_for(cfg: Config) -> None:
    cfg.active_learning.initial = dict(size=6, query=dict(type="mmal.CoreSet"))
    plan = prepare_rounds(cfg).plan()
    scored, seconds = plan.initial
    assert scored == 16
    assert seconds == pytest.approx(plan.rounds[0].seconds["score"] / 10 * 16)
    assert plan.rounds[0].annotations is None  # nobody knows which they are


def run_tool(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> str | int | None:
    """Run the tool; return what it ends with."""
    monkeypatch.setattr(sys, "argv", [str(TOOL), *arguments])
    try:
        runpy.run_path(str(TOOL), run_name="__main__")
    except SystemExit as stop:
        return stop.code
    return 0


def test_the_tool_prints_it_and_refuses_what_a_run_refuses(
    config_file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    before = files(config_file.parent)
    arguments = [str(config_file), "--work-dir", str(config_file.parent / "work"), "--dry-run"]
    arguments += ["--query", "Margin"]  # of a config that names none
    assert run_tool(monkeypatch, *arguments) == 0
    printed = capsys.readouterr().out
    assert "What would run." in printed
    assert "Nothing was written" in printed
    wrong = ["--cfg-options", "active_learning.budget=40"]
    refused = run_tool(monkeypatch, *arguments, *wrong)
    assert refused == run_tool(monkeypatch, *[a for a in arguments if a != "--dry-run"], *wrong)
    assert refused.startswith("error: active_learning needs 86 samples")
    assert files(config_file.parent) == before
