"""Training by MMEngine's Runner, with what configs combine with learning loss."""

import copy
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner

SETTINGS = dict(
    clip_grad=dict(optim_wrapper=dict(clip_grad=dict(max_norm=0.5))),
    accumulation=dict(optim_wrapper=dict(accumulative_counts=2)),
    ema=dict(custom_hooks=[dict(type="EMAHook", momentum=0.1)]),
)


def train(cfg: Config, work_dir: Path) -> dict:
    cfg.work_dir, cfg.experiment_name = str(work_dir), work_dir.name
    Runner.from_cfg(cfg).train()
    return torch.load(work_dir / "epoch_3.pth", weights_only=False)


@pytest.mark.parametrize("setting", SETTINGS)
def test_detached_training_is_plain_training(
    setting: str, config_file: Path, tmp_path: Path
) -> None:
    cfg = Config.fromfile(config_file)
    hooks = SETTINGS[setting].get("custom_hooks", [])
    cfg.merge_from_dict({**SETTINGS[setting], "custom_hooks": hooks})
    # A ranking loss whose gradient outweighs the target's by far.
    cfg.model.ranking_loss.loss_weight = 100.0
    plain = copy.deepcopy(cfg)
    plain.model = cfg.model.target
    cfg.custom_hooks = [*hooks, dict(type="mmal.ActiveLearningHook", detach_epoch=0)]
    expected, found = train(plain, tmp_path / "plain"), train(cfg, tmp_path / "learning_loss")
    for part in ("state_dict", "ema_state_dict"):
        assert (part in expected) == (part == "state_dict" or setting == "ema")
        for key, value in expected.get(part, {}).items():
            assert torch.equal(value, found[part][key]), key
        module = [key for key in found.get(part, {}) if "loss_predictor." in key]
        assert bool(module) == (part in expected)
