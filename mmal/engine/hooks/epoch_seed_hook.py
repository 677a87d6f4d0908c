"""Training that can be resumed without changing its result."""

import random

import numpy as np
import torch
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmal.registry import HOOKS


@HOOKS.register_module()
class EpochSeedHook(Hook):
    """Seeds every epoch from the run's seed, the epoch and the rank.

    A checkpoint holds no random state, so a resumed training draws other augmentations than an
    uninterrupted one would have. With this hook, loaders without persistent workers and
    ``worker_init_fn=dict(type='mmal.seed_worker_by_epoch')``, both see the same images.
    """

    # Before every hook that might draw a number at the beginning of an epoch.
    priority = "HIGHEST"

    def before_train_epoch(self, runner: Runner) -> None:
        """Seed Python, NumPy and torch."""
        seed_epoch(runner.seed, runner.epoch)


def seed_epoch(seed: int, epoch: int) -> None:
    """Seed Python, NumPy and torch from the run's seed, the epoch and the rank."""
    sequence = np.random.SeedSequence([seed, epoch, get_rank()])
    state = int(sequence.generate_state(1)[0])
    random.seed(state)
    np.random.seed(state)
    torch.manual_seed(state)
