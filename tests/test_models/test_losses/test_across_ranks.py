"""Tests of batches that are spread over processes."""

import pytest
import torch

from mmal.models.losses.across_ranks import joined_over_ranks
from tests.processes import run_in_processes

#: Numbers of rows of rank 0 and of rank 1.
SIZES = [(3, 1), (1, 1), (2, 5), (0, 2)]


def _rows(rank: int, size: int) -> torch.Tensor:
    """Rows of two columns that tell rank, row and column: rank 1 has 100, 101; 110, 111; ..."""
    numbers = [[100.0 * rank + 10 * row + column for column in (0, 1)] for row in range(size)]
    return torch.tensor(numbers).view(size, 2)


def _join(rank: int) -> list[dict]:
    found = []
    for sizes in SIZES:
        rows = _rows(rank, sizes[rank]).requires_grad_()
        joined = joined_over_ranks(rows)
        weights = torch.arange(1.0, 2 * sum(sizes) + 1).view(-1, 2)
        (joined * weights).sum().backward()
        found.append(dict(joined=joined.tolist(), gradient=rows.grad.tolist()))
    return found


@pytest.fixture(scope="module")
def ranks() -> list[list[dict]]:
    return run_in_processes(_join, 2)


@pytest.mark.parametrize("case", range(len(SIZES)))
def test_rows_come_in_the_order_of_the_ranks(ranks, case):
    expected = [row for rank in (0, 1) for row in _rows(rank, SIZES[case][rank]).tolist()]

    assert [rank[case]["joined"] for rank in ranks] == [expected, expected]


@pytest.mark.parametrize("case", range(len(SIZES)))
def test_gradient_flows_into_a_ranks_own_rows_alone(ranks, case):
    weights = [[2.0 * row + 1, 2.0 * row + 2] for row in range(sum(SIZES[case]))]
    first = SIZES[case][0]

    assert ranks[0][case]["gradient"] == weights[:first]
    assert ranks[1][case]["gradient"] == weights[first:]


def test_a_single_process_keeps_its_rows():
    rows = torch.zeros(3, 2)

    assert joined_over_ranks(rows) is rows
