import copy

import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.hooks import Hook
from mmengine.runner import Runner


@pytest.fixture
def cfg(cfg: Config) -> Config:
    """Twice the channels: see the hook on strided layers of fewer than eight."""
    cfg.model.target.backbone.base_channels = 8
    cfg.model.target.bbox_head.in_channels = [16, 32]
    cfg.model.loss_predictor.in_channels = [16, 32]
    return cfg


def test_weights_are_reordered_and_predictions_stay(cfg: Config) -> None:
    reordered = copy.deepcopy(cfg)
    reordered.custom_hooks.append(dict(type="mmal.ChannelsLastHook"))
    reordered.work_dir += "_reordered"
    plain, runner = Runner.from_cfg(cfg), Runner.from_cfg(reordered)
    runner.model.load_state_dict(plain.model.state_dict())
    runner.call_hook("before_test")

    convolutions = [m for m in runner.model.modules() if isinstance(m, torch.nn.Conv2d)]
    for conv in convolutions:
        assert conv.weight.is_contiguous(memory_format=torch.channels_last)
    batch = pseudo_collate([plain.build_dataloader(cfg.test_dataloader).dataset[0]])
    data = plain.model.data_preprocessor(batch, False)
    with torch.no_grad():
        expected = plain.model.eval().predict_loss(data["inputs"])
        feats = runner.model.eval().extract_feat(data["inputs"])
        found = runner.model.predict_loss(data["inputs"])
    assert feats[0].is_contiguous(memory_format=torch.channels_last)
    assert found.item() == pytest.approx(expected.item(), rel=1e-4)


def test_training_resumes_with_reordered_weights(cfg: Config) -> None:
    cfg.custom_hooks.append(dict(type="mmal.ChannelsLastHook"))
    Runner.from_cfg(cfg).train()
    cfg.resume, cfg.train_cfg.max_epochs = True, 4
    runner = Runner.from_cfg(cfg)
    runner.train()
    assert runner.epoch == 4
    conv = next(m for m in runner.model.modules() if isinstance(m, torch.nn.Conv2d))
    assert conv.weight.is_contiguous(memory_format=torch.channels_last)


def test_weights_are_drawn_as_without_it(cfg: Config) -> None:
    """The first step's loss differs by rounding alone."""
    losses = []
    for hooks in ([], [dict(type="mmal.ChannelsLastHook")]):
        run = copy.deepcopy(cfg)
        run.custom_hooks += hooks
        run.work_dir = f"{cfg.work_dir}_{len(hooks)}"
        run.randomness.seed = 5
        run.train_cfg.max_epochs = 1
        run.custom_hooks[0].detach_epoch = None
        runner = Runner.from_cfg(run)
        seen = []
        hook = Hook()
        hook.after_train_iter = lambda runner, batch_idx, data_batch, outputs, seen=seen: (
            seen.append(outputs["loss"].item())
        )
        runner.register_hook(hook)
        runner.train()
        losses.append(seen[0])
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)
