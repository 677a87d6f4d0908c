import json
from collections.abc import Callable
from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.runner import EpochBasedTrainLoop

from mmal.engine.rounds import run_rounds
from mmal.engine.rounds.comparable import (
    ChangedSettingsError,
    SettingsFile,
    comparable_settings,
)


def change(cfg: Config, options: dict) -> dict:
    before = comparable_settings(cfg)
    cfg.merge_from_dict(options)
    return before


@pytest.mark.parametrize(
    "options",
    [
        {"work_dir": "elsewhere"},
        {"launcher": "pytorch"},
        {"visualizer.name": "other"},
        {"log_level": "ERROR"},
        {"default_hooks.logger.interval": 7},
        {"default_hooks.checkpoint.interval": 5},
        {"train_dataloader.num_workers": 7},
        {"train_dataloader.persistent_workers": True},
        {"train_dataloader.dataset.data_root": "/moved"},
        {"train_dataloader.dataset.ann_file": "lists/train.txt"},
        {"test_dataloader.dataset.data_prefix": dict(sub_data_root="b/")},
        {"active_learning.rounds": 9},
        {"active_learning.metric": "AP50"},
        {"train_cfg.val_interval": 1},
    ],
)
def test_what_does_not_matter(cfg: Config, options: dict) -> None:
    assert change(cfg, options) == comparable_settings(cfg)


@pytest.mark.parametrize(
    ("options", "key", "was", "now"),
    [
        ({"optim_wrapper.optimizer.lr": 0.1}, "optim_wrapper.optimizer.lr", 1e-3, 0.1),
        ({"train_cfg.max_epochs": 4}, "train_cfg.max_epochs", 3, 4),
        ({"train_dataloader.batch_size": 3}, "train_dataloader.batch_size", 4, 3),
        ({"model.loss_predictor.channels": 9}, "model.loss_predictor.channels", 8, 9),
        (
            {"model.ranking_loss.margin": 2.0},
            "model.ranking_loss.margin",
            "(not set)",
            2.0,
        ),
        ({"custom_hooks.0.detach_epoch": 1}, "custom_hooks.0.detach_epoch", 2, 1),
        ({"active_learning.subset": 5}, "active_learning.subset", "(not set)", 5),
        ({"test_evaluator.iou_thrs": 0.7}, "test_evaluator.iou_thrs", "(not set)", 0.7),
        ({"load_from": "/w/a.pth"}, "load_from", "(not set)", "a.pth"),
        (
            {"train_dataloader.dataset.metainfo.classes": ("cat", "cow")},
            "train_dataloader.dataset.metainfo.classes.1",
            "dog",
            "cow",
        ),
        (
            {"param_scheduler": [dict(type="LinearLR", end=5)]},
            "param_scheduler",
            [],
            "(not set)",
        ),
    ],
)
def test_what_matters(
    cfg: Config, tmp_path: Path, options: dict, key: str, was: object, now: object
) -> None:
    file = SettingsFile(tmp_path / "settings.json")
    assert file.changes(comparable_settings(cfg)) == {}
    before = change(cfg, options)
    file.write(before, dict(versions={}))
    assert file.changes(before) == {}
    changes = file.changes(comparable_settings(cfg))
    assert changes[key] == [was, now]
    assert len(changes) == (3 if key == "param_scheduler" else 1)
    with pytest.raises(ChangedSettingsError, match=rf"(?s){key}: .* → .*--allow-changes"):
        file.refuse_changes(comparable_settings(cfg))


def test_weights_that_were_moved_and_classes_by_their_names(cfg: Config) -> None:
    cfg.load_from = "/here/weights.pth"
    before = change(cfg, {"load_from": "/there/weights.pth"})
    assert before == comparable_settings(cfg)
    cfg.train_cfg = dict(type=EpochBasedTrainLoop, max_epochs=3)
    content = comparable_settings(cfg)
    assert content["train_cfg"]["type"] == "mmengine.runner.loops.EpochBasedTrainLoop"


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        '{"settings": 1, "changes": []}',
        '{"settings": {}, "changes": [], "environments": 1}',
        '{"settings": {}, "changes": [], "environments": [{"versions": 1}]}',
    ],
)
def test_a_damaged_file(tmp_path: Path, content: str) -> None:
    path = tmp_path / "settings.json"
    path.write_text(content)
    with pytest.raises(ChangedSettingsError, match=r"settings\.json does not hold the settings"):
        SettingsFile(path).changes({})


def test_many_changes_are_cut(tmp_path: Path) -> None:
    file = SettingsFile(tmp_path / "settings.json")
    file.write({str(i): i for i in range(30)}, dict(versions={}))
    with pytest.raises(ChangedSettingsError, match=r"30 settings .*") as raised:
        file.refuse_changes({str(i): -1 for i in range(30)})
    assert "and 10 more" in str(raised.value)


@pytest.fixture
def short(cfg: Config) -> Callable[[], Config]:
    def make() -> Config:
        made = Config(cfg.to_dict())
        made.active_learning.rounds = 1
        made.train_cfg.max_epochs = 1
        made.custom_hooks[0].detach_epoch = None
        made.train_dataloader.update(num_workers=0, persistent_workers=False)
        return made

    return make


def test_a_resumed_run_with_other_settings(short: Callable[[], Config]) -> None:
    run_rounds(short())
    path = Path(short().work_dir, "settings.json")
    began = json.loads(path.read_text())
    assert began["changes"] == []
    other = short()
    other.optim_wrapper.optimizer.lr = 0.5
    other.active_learning.rounds = 2
    before = {p: p.stat().st_mtime_ns for p in path.parent.rglob("*")}
    with pytest.raises(ChangedSettingsError, match=r"optimizer\.lr: 0\.001 → 0\.5"):
        run_rounds(other, resume=True)
    assert {p: p.stat().st_mtime_ns for p in path.parent.rglob("*")} == before
    records = run_rounds(other, resume=True, allow_changes=True)
    assert len(records) == 2
    (entry,) = json.loads(path.read_text())["changes"]
    assert entry["round"] == 0
    assert entry["changes"] == {"optim_wrapper.optimizer.lr": [0.001, 0.5]}
    assert run_rounds(other, resume=True) == records
    more = short()
    more.optim_wrapper.optimizer.lr = 0.5
    with pytest.raises(ValueError, match="holds 2 rounds"):
        run_rounds(more, resume=True, allow_changes=True)


def test_work_directories_of_older_versions_have_none_yet(short: Callable[[], Config]) -> None:
    run_rounds(short())
    path = Path(short().work_dir, "settings.json")
    path.unlink()
    more = short()
    more.active_learning.rounds = 2
    run_rounds(more, resume=True)
    assert json.loads(path.read_text())["changes"] == []
