"""What transforms draw does not depend on who loads a batch."""

import copy
import random

import numpy as np
import pytest
import torch
from mmengine.dataset import DefaultSampler, InfiniteSampler
from mmengine.registry import DATA_SAMPLERS
from torch.utils.data import BatchSampler, DataLoader, Dataset

from mmal.datasets import SeededBatchSampler, seed_batches


class Draws(Dataset):
    """A sample is its index and what the three generators draw."""

    def __len__(self) -> int:
        return 10

    def __getitem__(self, index: int) -> tuple[int, float, float, float]:
        return index, random.random(), np.random.rand(), torch.rand(1).item()


def loader(workers: int, sampler: type = DefaultSampler, context: str | None = None, **others):
    dataset = Draws()
    made = DataLoader(
        dataset,
        batch_sampler=SeededBatchSampler(sampler(dataset, shuffle=True, seed=0), 4, **others),
        num_workers=workers,
        collate_fn=list,
        multiprocessing_context=context or ("fork" if workers else None),
    )
    seed_batches(made)
    return made


def epoch(made: DataLoader, seed: int, batches: int = 3) -> tuple[list, list[float]]:
    """Return the samples of an epoch, and what a model beside them draws."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)  # as EpochSeedHook does
    samples, drawn = [], []
    for _, batch in zip(range(batches), made, strict=False):
        samples += batch
        drawn += [random.random(), np.random.rand(), torch.rand(1).item()]
    return samples, drawn


@pytest.mark.parametrize("workers", [1, 2])
def test_workers_do_not_matter(workers: int) -> None:
    expected = epoch(loader(0), 3)
    assert epoch(loader(workers), 3) == expected
    assert len(expected[0]) == 10
    # No two samples share numbers, and the model has its own.
    values = [value for _, *draws in expected[0] for value in draws] + expected[1]
    assert len(set(values)) == len(values) == 10 * 3 + 3 * 3


def test_spawned_workers_do_not_matter() -> None:
    assert epoch(loader(1, context="spawn"), 3) == epoch(loader(0), 3)


def test_each_epoch_draws_anew() -> None:
    made = loader(0)
    first, _ = epoch(made, 3)
    other, _ = epoch(made, 4)
    assert [s[0] for s in first] == [s[0] for s in other]  # the sampler's epoch is the same
    assert not {s[1] for s in first} & {s[1] for s in other}


def test_a_sample_that_comes_again_in_an_endless_pass_is_another_view() -> None:
    samples, _ = epoch(loader(2, InfiniteSampler), 3, batches=8)
    assert samples == epoch(loader(0, InfiniteSampler), 3, batches=8)[0]
    assert len(samples) == 32 > len({s[0] for s in samples})
    assert len({s[1] for s in samples}) == 32


def test_batches_are_those_of_the_other_sampler() -> None:
    sampler = DefaultSampler(Draws(), shuffle=True, seed=0)
    for drop_last in (False, True):
        made = SeededBatchSampler(sampler, 4, drop_last=drop_last)
        assert list(map(list, made)) == list(BatchSampler(sampler, 4, drop_last))
        assert len(made) == len(list(made)) == 3 - drop_last
        assert (made.sampler, made.batch_size, made.drop_last) == (sampler, 4, drop_last)
    cfg = dict(type="mmal.SeededBatchSampler", batches=dict(type="BatchSampler"))
    DATA_SAMPLERS.register_module(module=BatchSampler, force=True)
    cfg["batches"]["drop_last"] = True
    made = DATA_SAMPLERS.build(cfg, default_args=dict(sampler=sampler, batch_size=3))
    assert list(map(list, made)) == list(BatchSampler(sampler, 3, True))
    assert made.drop_last


def test_other_loaders_are_left_alone_and_copies_load_their_own() -> None:
    plain = DataLoader(Draws(), batch_size=2)
    seed_batches(plain)
    assert "__getitems__" not in vars(plain.dataset)
    made = loader(0)
    twin = copy.deepcopy(made.dataset)
    assert twin.__getitems__.dataset is twin
