"""A crafted checkpoint must not run code, wherever it is loaded."""

import os
import sys
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.logging import HistoryBuffer
from mmengine.runner import CheckpointLoader

from mmal.engine.preflight import PreflightError
from mmal.engine.rounds import prepare_rounds, run_rounds
from mmal.models.build import trained_model
from mmal.utils import UnsafeCheckpointError, safe_loading
from tools import test as test_tool

ATTACK = "CODE_OF_A_CHECKPOINT_RAN"


class Crafted:
    def __init__(self, *called) -> None:
        self.called = called

    def __reduce__(self):
        return self.called


def ran() -> bool:
    return os.environ.pop(ATTACK, None) is not None


ATTACKS = dict(
    evaluate=Crafted(eval, (f"__import__('os').environ.update({ATTACK}='1')",)),
    execute=Crafted(exec, (f"import os; os.environ[{ATTACK!r}] = '1'",)),
    attribute=Crafted(getattr, (HistoryBuffer, "__init__")),
    number=Crafted(getattr, (np.ndarray, "tofile")),
)


@pytest.fixture(params=ATTACKS)
def crafted(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    path = tmp_path / "crafted.pth"
    meta = dict(meta=dict(epoch=1, iter=9), state_dict=OrderedDict(a=torch.zeros(2)))
    torch.save(dict(meta, extra=ATTACKS[request.param]), path)
    return str(path)


def test_the_attack_would_work(tmp_path: Path) -> None:
    for name in ("evaluate", "execute"):
        torch.save(ATTACKS[name], tmp_path / "crafted.pth")
        torch.load(tmp_path / "crafted.pth", weights_only=False)
        assert ran()


def test_a_crafted_checkpoint_is_refused(crafted: str) -> None:
    with pytest.raises(UnsafeCheckpointError, match="holds more than weights"), safe_loading():
        CheckpointLoader.load_checkpoint(crafted, map_location="cpu")
    assert not ran()


def test_what_mmengine_saves_is_loaded(tmp_path: Path) -> None:
    buffer = HistoryBuffer([0.5, 0.25], [1, 1])
    content = dict(
        state_dict=OrderedDict(a=torch.ones(2)),
        message_hub=dict(log_scalars=dict(loss=buffer), runtime_info=dict(n=np.float64(0.5))),
        meta=dict(dataset_meta=dict(palette=[(1, 2, 3)], sigmas=np.array([0.5, 1], np.float32))),
    )
    torch.save(content, tmp_path / "good.pth")
    before = os.environ.get("TORCH_FORCE_WEIGHTS_ONLY_LOAD")
    with safe_loading():
        loaded = CheckpointLoader.load_checkpoint(str(tmp_path / "good.pth"), map_location="cpu")
    assert os.environ.get("TORCH_FORCE_WEIGHTS_ONLY_LOAD") == before
    assert loaded["message_hub"]["log_scalars"]["loss"].mean() == 0.375
    assert loaded["message_hub"]["runtime_info"]["n"] == 0.5
    assert loaded["meta"]["dataset_meta"]["sigmas"].tolist() == [0.5, 1]


def test_names_of_the_other_numpy(tmp_path: Path) -> None:
    path = tmp_path / "old.pth"
    torch.save(dict(a=np.arange(3)), path, _use_new_zipfile_serialization=False)
    content = path.read_bytes()
    swapped = content.replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
    path.write_bytes(swapped)
    with safe_loading():
        assert torch.load(path, weights_only=True)["a"].tolist() == [0, 1, 2]


def test_load_from_and_checkpoints_of_rounds(cfg: Config, crafted: str) -> None:
    cfg.load_from = crafted
    with pytest.raises(PreflightError, match=r"load_from: .*crafted\.pth' holds more than weights"):
        prepare_rounds(cfg)
    with pytest.raises(UnsafeCheckpointError, match="holds more"):
        trained_model(cfg, crafted)
    assert not ran()


def test_resumed_training(cfg: Config, crafted: str) -> None:
    cfg.train_cfg.max_epochs = 1
    cfg.custom_hooks[0].detach_epoch = None
    cfg.active_learning.rounds = 1
    cfg.train_dataloader.update(num_workers=0, persistent_workers=False)
    run_rounds(cfg)
    round_dir = Path(cfg.work_dir, "round_00")
    (round_dir / "metrics.json").unlink()
    Path(crafted).rename(round_dir / "epoch_1.pth")
    with pytest.raises(UnsafeCheckpointError):
        run_rounds(cfg, resume=True)
    assert not ran()


def test_the_test_tool(config_file: Path, crafted: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["test.py", str(config_file), crafted])
    with pytest.raises((UnsafeCheckpointError, SystemExit)):
        test_tool.main()
    assert not ran()
