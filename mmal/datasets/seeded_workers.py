"""Data loader workers whose random numbers depend on the epoch alone."""

import random

import numpy as np
import torch
from torch.utils.data import get_worker_info

from mmal.registry import FUNCTIONS


@FUNCTIONS.register_module()
def seed_worker_by_epoch(worker_id: int) -> None:
    """Seed a worker from the loader's seed of this epoch, not from the run's.

    A ``worker_init_fn`` for loaders without persistent workers. torch draws the loader's seed in
    the main process when an epoch begins; after ``EpochSeedHook`` seeded that process, a resumed
    epoch augments exactly as an uninterrupted one.

    Args:
        worker_id: The worker's number; torch's own seed already contains it.
    """
    del worker_id
    seed = get_worker_info().seed % 2**32
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
