"""A training that was interrupted anywhere ends with the weights of one that was not."""

import copy
import logging
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.registry import HOOKS

from mmal.engine.acquisition import draw_initial
from mmal.engine.hooks.exact_resume_hook import ExactResumeHook
from mmal.engine.rounds import WorkDir
from mmal.engine.rounds.round_config import training_config
from mmal.engine.rounds.round_runner import RoundRunner
from mmal.structures import Pool
from mmal.utils import Stopped, stop_on_signals, stop_waits


class CrashError(Exception):
    pass


@HOOKS.register_module()
class TroubleHook(Hook):
    """Does something in one iteration."""

    trouble: Callable[[], None] | None = None

    def __init__(self, at: int) -> None:
        self.at = at

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if runner.iter == self.at and TroubleHook.trouble is not None:
            TroubleHook.trouble()


def crash() -> None:
    raise CrashError


def terminate() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


#: Six images in batches of two: three batches an epoch, nine in all.
EPOCHS = {}
ITERATIONS = {
    "train_cfg": dict(_delete_=True, type="IterBasedTrainLoop", max_iters=9),
    "default_hooks.checkpoint": dict(by_epoch=False, interval=4),
    "custom_hooks": [dict(type="mmal.ActiveLearningHook")],
}
ENDLESS = {**ITERATIONS, "train_dataloader.sampler": dict(_delete_=True, type="InfiniteSampler")}
INNER = {"default_hooks.checkpoint": dict(by_epoch=False, interval=4)}
ACCUMULATION = {"optim_wrapper.accumulative_counts": 2}
MANY = {"optim_wrapper.accumulative_counts": 4}


def prepare(cfg: Config, options: dict, workers: int, at: int) -> WorkDir:
    cfg.merge_from_dict(copy.deepcopy(options))
    cfg.train_dataloader.update(
        batch_size=2, num_workers=workers, persistent_workers=False, prefetch_factor=None
    )
    cfg.custom_hooks = [*cfg.custom_hooks, dict(type="TroubleHook", at=at)]
    # Its buffers and momentum have to come back, too.
    cfg.model.loss_predictor.channels = 8
    work_dir = WorkDir(cfg.work_dir)
    pool = Pool([f"train_{i:02d}" for i in range(16)])
    pool.commit(draw_initial(pool, 6), "initial", work_dir.pool)
    return work_dir


def train(cfg: Config, work_dir: WorkDir) -> dict[str, torch.Tensor]:
    with stop_waits():
        RoundRunner.from_cfg(training_config(cfg, work_dir, 0)).train()
    checkpoint = torch.load(work_dir.checkpoint(0), weights_only=False)
    assert not list(work_dir.round_dir(0).glob("*interrupted*"))
    return checkpoint["state_dict"]


def interrupted(cfg: Config, work_dir: WorkDir, trouble: Callable[[], None]) -> None:
    TroubleHook.trouble = trouble
    try:
        with pytest.raises((CrashError, Stopped)), stop_on_signals():
            train(cfg, work_dir)
    finally:
        TroubleHook.trouble = None


@pytest.mark.parametrize(
    ("options", "trouble", "at", "workers", "goes_on_at"),
    [
        (EPOCHS, terminate, 4, 2, "interrupted.pth"),
        (EPOCHS, terminate, 5, 0, "interrupted.pth"),  # the last of an epoch
        (EPOCHS, crash, 7, 0, "epoch_2.pth"),
        (INNER, crash, 7, 0, "iter_4.pth"),
        (INNER, crash, 5, 2, "iter_4.pth"),
        (ITERATIONS, crash, 7, 2, "iter_4.pth"),
        (ITERATIONS, terminate, 7, 0, "interrupted.pth"),
        (ENDLESS, crash, 7, 0, "iter_4.pth"),
        (ACCUMULATION, crash, 4, 0, "epoch_1.pth"),
        (MANY, terminate, 4, 0, "interrupted.pth"),
    ],
)
def test_the_end_is_that_of_an_uninterrupted_training(
    cfg: Config, options: dict, trouble: Callable, at: int, workers: int, goes_on_at: str
) -> None:
    work_dir = prepare(cfg, options, workers, at)
    whole = WorkDir(f"{cfg.work_dir}_whole")
    Pool.load(work_dir.pool, [f"train_{i:02d}" for i in range(16)]).save(whole.pool)
    expected = train(Config({**cfg.to_dict(), "work_dir": str(whole.root)}), whole)

    interrupted(cfg, work_dir, trouble)
    assert work_dir.checkpoint(0).name == goes_on_at
    if trouble is terminate:
        saved = torch.load(work_dir.checkpoint(0), weights_only=False)["meta"]
        assert saved["iter"] == at + 1
    found = train(cfg, work_dir)
    assert expected.keys() == found.keys()
    for key, value in expected.items():
        assert torch.equal(value, found[key]), key


def test_loops_of_others_are_stopped_without_a_checkpoint(
    cfg: Config, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    work_dir = prepare(cfg, {}, 0, 4)
    monkeypatch.setattr("mmal.engine.rounds.round_config._EXACT", {})
    logged = []
    monkeypatch.setattr(
        ExactResumeHook,
        "before_train",
        lambda hook, runner, before=ExactResumeHook.before_train: (
            monkeypatch.setattr(runner.logger, "log", lambda *args: logged.append(args)),
            before(hook, runner),
        ),
    )
    interrupted(cfg, work_dir, terminate)
    assert work_dir.checkpoint(0).name == "epoch_1.pth"
    assert logged[0][0] == logging.WARNING
    assert "other picks: train_cfg.type is EpochBasedTrainLoop" in logged[0][1]


def test_weights_to_begin_with_have_no_state(cfg: Config) -> None:
    """A checkpoint of another round, as load_from, must not move this one's random numbers."""
    work_dir = prepare(cfg, {}, 0, 4)
    interrupted(cfg, work_dir, terminate)
    began = work_dir.checkpoint(0).rename(Path(cfg.work_dir, "weights.pth"))
    (work_dir.round_dir(0) / "last_checkpoint").unlink()
    cfg.load_from = str(began)
    runner = RoundRunner.from_cfg(training_config(cfg, work_dir, 0))
    runner._train_loop = runner.build_train_loop(runner._train_loop)
    runner.load_or_resume()
    assert runner.train_loop.resumed is None
