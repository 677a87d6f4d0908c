import torch

from mmal.utils.peak_memory import peak_memory

MEGABYTE = 250_000  # float32 numbers


def test_counts_what_is_held_at_once() -> None:
    def steps() -> None:
        first = torch.empty(3 * MEGABYTE)
        second = torch.empty(2 * MEGABYTE)
        del first
        third = torch.empty(2 * MEGABYTE)
        del second, third

    assert peak_memory(steps) == 5_000_000


def test_does_not_count_what_was_there_before() -> None:
    before = torch.empty(9 * MEGABYTE)
    assert peak_memory(lambda: torch.empty(MEGABYTE)) == 1_000_000
    del before


def test_nothing_takes_nothing() -> None:
    assert peak_memory(lambda: None) == 0
