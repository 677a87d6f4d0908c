"""Batches whose random numbers depend on their place in the training alone."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from mmengine.registry import DATA_SAMPLERS as ROOT_DATA_SAMPLERS
from torch.utils.data import BatchSampler, DataLoader, Sampler

from mmal.registry import DATA_SAMPLERS


class SeededBatch(list):
    """The indices of a batch.

    Attributes:
        seed: What the generators are seeded by before its samples are loaded.
    """

    seed: tuple[int, int]


@DATA_SAMPLERS.register_module()
class SeededBatchSampler(Sampler):
    """Gives each batch of another batch sampler a seed.

    With it, and :func:`seed_batches`, transforms draw the same numbers in whichever process a batch
    is loaded, so that the number of data loading workers does not change what is trained on. What
    transforms keep from sample to sample (``CachedMosaic``), or generators of their own
    (albumentations), are not reached.

    The seed is the one by which ``EpochSeedHook`` seeded the main process last, which depends on
    the run's seed, the epoch and the rank alone, and the number of the batch. Without that hook all
    epochs draw the same.

    Args:
        sampler: The sampler of samples.
        batch_size: Samples a batch.
        batches: Config of the batch sampler, such as ``AspectRatioBatchSampler``; None for torch's.
        drop_last: Whether torch's leaves out a last batch that is not full.
    """

    def __init__(
        self,
        sampler: Sampler,
        batch_size: int,
        batches: dict | None = None,
        drop_last: bool = False,
    ) -> None:
        if batches is None:
            self.batches = BatchSampler(sampler, batch_size, drop_last)
        else:
            default = dict(sampler=sampler, batch_size=batch_size)
            self.batches = ROOT_DATA_SAMPLERS.build(batches, default_args=default)
        self.sampler = sampler
        self.batch_size = batch_size
        self.drop_last = getattr(self.batches, "drop_last", drop_last)

    def __iter__(self) -> Iterator[SeededBatch]:
        # Not drawn: with workers, torch begins twice, and loads ahead while the model draws.
        base = torch.initial_seed()
        for number, indices in enumerate(self.batches):
            batch = SeededBatch(indices)
            batch.seed = (base, number)
            yield batch

    def __len__(self) -> int:
        return len(self.batches)


def seed_batches(loader: DataLoader) -> None:
    """Let a loader's data set load the batches of a :class:`SeededBatchSampler` by their seeds."""
    if isinstance(loader.batch_sampler, SeededBatchSampler):
        loader.dataset.__getitems__ = _Items(loader.dataset)


class _Items:
    """Loads the samples of a batch, as a data set's ``__getitems__``, which torch asks for."""

    def __init__(self, dataset: Any) -> None:
        self.dataset = dataset

    def __call__(self, batch: SeededBatch) -> list[Any]:
        with _seeded(batch.seed):
            return [self.dataset[index] for index in batch]


@contextmanager
def _seeded(seed: tuple[int, int]) -> Iterator[None]:
    """Seed Python, NumPy and torch on the CPU; put them back, since the model may share them."""
    state = int(np.random.SeedSequence(seed).generate_state(1)[0])
    before = random.getstate(), np.random.get_state(), torch.get_rng_state()
    random.seed(state)
    np.random.seed(state)
    torch.default_generator.manual_seed(state)  # not those of GPUs, which are the model's
    try:
        yield
    finally:
        python, numpy, pytorch = before
        random.setstate(python)
        np.random.set_state(numpy)
        torch.set_rng_state(pytorch)
