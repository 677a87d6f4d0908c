"""Tests of uncertainties, against loops over Python floats."""

import math

import pytest
import torch

from mmal.models.uncertainty import AGGREGATIONS, MEASURES, aggregate

ROWS = [[0.5, 0.25, 0.25], [1.0, 0.0, 0.0], [1 / 3] * 3, [0.1, 0.8, 0.1]]
EXPECTED = dict(
    entropy=[-sum(p * math.log(p) for p in row if p) for row in ROWS],
    margin=[1 - (sorted(row)[-1] - sorted(row)[-2]) for row in ROWS],
    least_confidence=[1 - max(row) for row in ROWS],
)


@pytest.mark.parametrize("measure", MEASURES)
def test_measures(measure):
    found = MEASURES[measure](torch.tensor(ROWS))

    assert found.tolist() == pytest.approx(EXPECTED[measure], abs=1e-6)


@pytest.mark.parametrize("measure", MEASURES)
def test_uncertainty_is_zero_for_certain_and_grows_towards_equal_probabilities(measure):
    probabilities = torch.tensor([1, 0.9, 0.75, 0.6, 0.5])
    found = MEASURES[measure](torch.stack([probabilities, 1 - probabilities], dim=1)).tolist()

    assert found[0] == 0
    assert found == sorted(set(found))


@pytest.mark.parametrize(("aggregation", "expected"), [("mean", 2), ("max", 4), ("sum", 6)])
def test_aggregation(aggregation, expected):
    assert aggregate(torch.tensor([1.0, 1, 4]), aggregation) == expected


@pytest.mark.parametrize("aggregation", AGGREGATIONS)
def test_nothing_is_aggregated_to_zero(aggregation):
    assert aggregate(torch.zeros(0), aggregation) == 0
