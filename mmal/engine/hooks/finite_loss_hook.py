"""A training that diverged ends there."""

import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmal.registry import HOOKS


@HOOKS.register_module()
class FiniteLossHook(Hook):
    """Ends a training whose loss is no number any more.

    It looks at the end of every epoch and every ``interval`` iterations: a single infinite loss in
    between, as mixed precision may have and skips, does not matter, and weights that are NaN stay
    so.

    Args:
        interval: Iterations between two looks.

    Raises:
        FloatingPointError: If the loss is NaN or infinite.
    """

    def __init__(self, interval: int = 50) -> None:
        self.interval = interval

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch=None, outputs=None):
        """Look at the loss of the step."""
        if not (
            self.every_n_train_iters(runner, self.interval)
            or self.end_of_epoch(runner.train_dataloader, batch_idx)
            or self.is_last_train_iter(runner)
        ):
            return
        losses = [(k, torch.as_tensor(v).detach()) for k, v in outputs.items() if "loss" in k]
        bad = [f"{key} is {value.item()}" for key, value in losses if not value.isfinite()]
        if bad:
            raise FloatingPointError(
                f"The training diverged: in iteration {runner.iter + 1} (epoch {runner.epoch + 1}) "
                f"{', '.join(bad)}. Lower the "
                "learning rate (optim_wrapper.optimizer.lr), add a warm-up, or clip gradients "
                "(optim_wrapper.clip_grad)."
            )
