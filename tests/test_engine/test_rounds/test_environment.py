"""What rounds were run with is on record, and says so when it changed."""

import json
import platform
from pathlib import Path

import mmengine
import pytest
import torch
from mmengine.config import Config

import mmal
from mmal.engine.rounds import run_rounds
from mmal.engine.rounds.comparable import SettingsFile
from mmal.engine.rounds.environment import environment


def test_versions_seed_and_config(cfg: Config) -> None:
    found = environment(cfg)
    assert found["versions"]["python"] == platform.python_version()
    assert found["versions"]["torch"] == torch.__version__
    assert found["versions"]["mmengine"] == mmengine.__version__
    assert found["versions"]["mmal"] == mmal.__version__
    assert {"mmcv", "mmdet"} <= found["versions"].keys()
    assert found["seed"] == cfg.randomness.seed
    assert found["config"].startswith("sha256:")
    assert environment(Config.fromfile(cfg.filename)) == found


@pytest.mark.parametrize(
    ("options", "same"),
    [
        ({"work_dir": "/elsewhere", "launcher": "pytorch"}, True),
        ({"train_dataloader.dataset.data_root": "/moved"}, True),
        ({"optim_wrapper.optimizer.lr": 0.5}, False),
        ({"active_learning.rounds": 9}, False),
        ({"default_hooks.checkpoint.interval": 5}, False),
    ],
)
def test_the_hash_is_of_what_is_computed(cfg: Config, options: dict, same: bool) -> None:
    before = environment(cfg)["config"]
    cfg.merge_from_dict(options)
    assert (environment(cfg)["config"] == before) == same


def test_a_file_keeps_each_that_differed(tmp_path: Path) -> None:
    file = SettingsFile(tmp_path / "settings.json")
    first = dict(versions=dict(torch="2.5.1", mmcv="2.1.0"), config="sha256:a", seed=3)
    newer = dict(first, versions=dict(torch="2.12.1", mmpose="1.3.2"))
    file.write({"model": 1}, first)
    assert file.record({"model": 1}, first, 0) == {}
    once = file.path.read_bytes()
    assert file.record({"model": 1}, newer, 2) == {"torch": ["2.5.1", "2.12.1"]}
    assert file.record({"model": 1}, dict(newer, config="sha256:b"), 4) == {}
    ran = json.loads(file.path.read_text())["environments"]
    assert [(e["round"], e["versions"]["torch"], e["config"]) for e in ran] == [
        (0, "2.5.1", "sha256:a"),
        (2, "2.12.1", "sha256:a"),
        (4, "2.12.1", "sha256:b"),
    ]
    assert file.path.read_bytes() != once
    assert json.loads(file.path.read_text())["changes"] == []


def test_a_file_of_an_older_version(tmp_path: Path) -> None:
    file = SettingsFile(tmp_path / "settings.json")
    file.path.write_text(json.dumps(dict(settings={"model": 1}, changes=[])))
    env = dict(versions=dict(torch="2.12.1"), config="sha256:a", seed=0)
    assert file.changes({"model": 1}) == {}
    assert file.record({"model": 1}, env, 3) == {}
    content = json.loads(file.path.read_text())
    assert [(e["round"], e["seed"]) for e in content["environments"]] == [(3, 0)]


def test_other_versions_are_one_line_and_no_refusal(
    cfg: Config, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    cfg.active_learning.rounds = 1
    cfg.train_cfg.max_epochs = 1
    cfg.custom_hooks[0].detach_epoch = None
    cfg.train_dataloader.update(num_workers=0, persistent_workers=False)
    run_rounds(cfg)
    pool = Path(cfg.work_dir, "pool.json").read_bytes()
    path = Path(cfg.work_dir, "settings.json")
    content = json.loads(path.read_text())
    assert content["environments"][0]["versions"] == environment(cfg)["versions"]
    content["environments"][0]["versions"]["torch"] = "2.5.1"
    path.write_text(json.dumps(content))
    cfg.active_learning.rounds = 2
    capsys.readouterr()
    assert len(run_rounds(cfg, resume=True)) == 2
    lines = [line for line in capsys.readouterr().out.splitlines() if "Other versions" in line]
    assert len(lines) == 1
    assert f"torch 2.5.1 → {torch.__version__}." in lines[0]
    assert len(json.loads(path.read_text())["environments"]) == 2
    # The picks of round 0 came after, and nothing but rounds was added to the pool.
    now = json.loads(Path(cfg.work_dir, "pool.json").read_text())
    assert {**now, "rounds": now["rounds"][:1]} == json.loads(pool)
