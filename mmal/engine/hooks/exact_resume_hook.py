"""A training that was interrupted ends as if it had not been."""

import logging
import os
from pathlib import Path

import torch
from mmengine.dist import is_distributed
from mmengine.hooks import CheckpointHook, Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import IterBasedTrainLoop, Runner

from mmal.registry import HOOKS
from mmal.utils import atomic_path, random_state, stop_asked

#: The checkpoint of a training that was asked to stop in the middle of an epoch.
INTERRUPTED = "interrupted.pth"


@HOOKS.register_module()
class ExactResumeHook(Hook):
    """Keeps in checkpoints what mmengine's leave out, and saves one when a signal asks to stop.

    That is the state of the random generators, the place in the epoch, and gradients that wait for
    ``accumulative_counts``. The loops ``mmal.RoundEpochLoop`` and ``mmal.RoundIterLoop`` go on from
    there exactly. Other loops are stopped without a checkpoint, and begin at the last one.

    Under several processes the checkpoint, which one process writes, would need the states of all:
    they go on exactly from the end of an epoch only, and a signal ends them at once.
    """

    # After all others: what they change in an iteration is part of the state.
    priority = "LOWEST"

    def __init__(self) -> None:
        self._gradients: dict[str, torch.Tensor] = {}

    def before_train(self, runner: Runner) -> None:
        """Say which settings make a resumed training differ."""
        for setting in inexact_settings(runner):
            runner.logger.log(
                logging.WARNING,
                f"A training that is interrupted and resumed may end with other picks: {setting}.",
            )

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Add the state, but for the generators of other processes."""
        loop = runner.train_loop
        if is_distributed() or not _is_exact(loop):
            return
        checkpoint["mmal_resume"] = dict(
            epoch=runner.epoch,
            batches=loop.batches_done,
            random=random_state(),
            gradients={
                name: parameter.grad.detach().cpu()
                for name, parameter in _bare(runner.model).named_parameters()
                if parameter.grad is not None
            },
        )

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Give the state to the loop; weights to begin with have none."""
        if not runner._resume or (state := checkpoint.get("mmal_resume")) is None:
            return
        self._gradients = state["gradients"]
        if _is_exact(runner.train_loop):
            runner.train_loop.resumed = state

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch=None) -> None:
        """Put gradients back that wait for more of them."""
        if self._gradients:
            for name, parameter in _bare(runner.model).named_parameters():
                if name in self._gradients:
                    parameter.grad = self._gradients[name].to(parameter.device)
            self._gradients = {}

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch=None, outputs=None):
        """Save and end, if a signal asks for it; a training that is through ends by itself."""
        if not stop_asked() or self.is_last_train_iter(runner):
            return
        if _is_exact(runner.train_loop):
            self._save(runner, runner.epoch)
        raise KeyboardInterrupt

    def after_train(self, runner: Runner) -> None:
        """Remove what was saved in between."""
        Path(runner.work_dir, INTERRUPTED).unlink(missing_ok=True)

    def _save(self, runner: Runner, epoch: int) -> None:
        draft = f".{INTERRUPTED}.tmp"
        meta = dict(epoch=epoch, iter=runner.iter + 1)
        runner.save_checkpoint(runner.work_dir, draft, meta=meta, by_epoch=False)
        folder = Path(runner.work_dir)
        os.replace(folder / draft, folder / INTERRUPTED)
        with atomic_path(folder / "last_checkpoint") as tmp:
            tmp.write_text(INTERRUPTED, encoding="utf-8")


def inexact_settings(runner: Runner) -> list[str]:
    """What of a config makes a training that is resumed differ from an uninterrupted one."""
    loop = runner.train_loop
    if not _is_exact(loop):
        return [f"train_cfg.type is {type(loop).__name__}, of which its own state is not known"]
    if not is_distributed():
        return []
    several = "under several processes"
    if isinstance(loop, IterBasedTrainLoop):
        return [f"train_cfg has an IterBasedTrainLoop, {several}"]
    found = []
    if any(isinstance(hook, CheckpointHook) and not hook.by_epoch for hook in runner.hooks):
        found.append(f"default_hooks.checkpoint has by_epoch=False, {several}")
    counts = getattr(runner.optim_wrapper, "_accumulative_counts", 1)
    if len(loop.dataloader) % counts:
        found.append(
            f"optim_wrapper.accumulative_counts={counts} does not divide the "
            f"{len(loop.dataloader)} batches of an epoch, {several}"
        )
    return found


def _is_exact(loop: object) -> bool:
    return hasattr(loop, "batches_done")


def _bare(model: torch.nn.Module) -> torch.nn.Module:
    return model.module if is_model_wrapper(model) else model
