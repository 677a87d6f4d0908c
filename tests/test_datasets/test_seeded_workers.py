"""Tests of workers seeded by the epoch."""

import random

import numpy as np
import pytest
import torch
from mmengine.registry import FUNCTIONS
from torch.utils.data import DataLoader, Dataset, get_worker_info

from mmal.datasets import seed_worker_by_epoch


class Draws(Dataset):
    """A sample is what the three generators of its worker draw, beside the worker's seed."""

    def __len__(self) -> int:
        return 4

    def __getitem__(self, idx: int) -> tuple[int, list[float]]:
        draws = [random.random(), np.random.rand(), torch.rand(1).item()]
        return get_worker_info().seed, draws


def epoch(seed: int) -> list[tuple[int, list[float]]]:
    torch.manual_seed(seed)  # as EpochSeedHook does when an epoch begins
    loader = DataLoader(
        Draws(),
        num_workers=2,
        batch_size=2,
        collate_fn=list,
        worker_init_fn=seed_worker_by_epoch,
        multiprocessing_context="fork",
    )
    return [sample for batch in loader for sample in batch]


def test_draws_depend_on_the_epochs_seed_alone():
    np.random.seed(0)
    random.seed(0)
    first = epoch(3)
    np.random.seed(1)  # what happened before in the main process does not matter
    random.seed(1)
    again, other = epoch(3), epoch(4)

    assert again == first
    values = {value for _, draws in first + other for value in draws}
    assert len(values) == 2 * 4 * 3  # neither workers nor epochs nor samples share numbers


def test_generators_start_from_the_workers_seed():
    for start in (0, 2):  # the first sample of each worker
        seed, draws = epoch(3)[start]
        expected = [
            random.Random(seed % 2**32).random(),
            np.random.RandomState(seed % 2**32).rand(),
            torch.rand(1, generator=torch.Generator().manual_seed(seed % 2**32)).item(),
        ]
        assert draws == pytest.approx(expected, abs=0)


def test_config_finds_it_by_name():
    assert FUNCTIONS.get("mmal.seed_worker_by_epoch") is seed_worker_by_epoch
