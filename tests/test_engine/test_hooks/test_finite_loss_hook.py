"""A training that diverged."""

from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.runner import Runner

from mmal.engine.hooks import FiniteLossHook


def diverge(cfg: Config) -> Config:
    cfg.optim_wrapper.optimizer.lr = 1e30
    cfg.train_dataloader.update(num_workers=0, persistent_workers=False)
    return cfg


@pytest.mark.parametrize("plain", [False, True])
def test_ends_the_training_before_its_weights_are_kept(cfg: Config, plain: bool) -> None:
    """With learning loss the hook that every such training has looks, too."""
    if plain:
        cfg.model = cfg.model.target
        cfg.custom_hooks = [dict(type="mmal.FiniteLossHook")]
    with pytest.raises(
        FloatingPointError, match=r"diverged: in iteration 4 \(epoch 1\) loss.* nan"
    ):
        Runner.from_cfg(diverge(cfg)).train()
    assert not list(Path(cfg.work_dir).glob("*.pth"))


class Steps:
    """What the hook asks of a runner."""

    iter, epoch, max_iters = 0, 0, 1000
    train_dataloader = range(1000)


def test_looks_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    hook, runner = FiniteLossHook(interval=10), Steps()
    bad = dict(loss=float("inf"), acc=float("nan"))
    hook.after_train_iter(runner, 0, outputs=bad)
    runner.iter = 9
    hook.after_train_iter(runner, 9, outputs=dict(loss=1.0, acc=float("nan")))
    with pytest.raises(FloatingPointError, match=r"iteration 10 .* loss is inf\. Lower"):
        hook.after_train_iter(runner, 9, outputs=bad)
