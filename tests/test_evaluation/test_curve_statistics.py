"""Tests of comparing learning curves, on curves whose answers are known."""

import itertools
import math

import numpy as np
import pytest

from mmal.evaluation import area_under_curve, labels_to_reach, paired_bootstrap


def test_area_is_the_mean_height():
    assert area_under_curve([100, 200, 400], [0.5, 0.5, 0.5]) == pytest.approx(0.5)
    # 100 labels at 1.5 on average, 200 at 3.
    assert area_under_curve([100, 200, 400], [1, 2, 4]) == pytest.approx((150 + 600) / 300)
    assert area_under_curve([100], [0.3]) == 0.3


def test_bootstrap_is_that_of_all_samples():
    first, second = [3.0, 5, 4], [1.0, 1, 4]
    means = [np.mean(sample) for sample in itertools.product([2, 4, 0], repeat=3)]

    found = paired_bootstrap(first, second, level=0.8, draws=200_000)
    assert found.estimate == 2
    assert found.low == pytest.approx(np.quantile(means, 0.1), abs=0.01)
    assert found.high == pytest.approx(np.quantile(means, 0.9), abs=0.01)


def test_bootstrap_of_one_trial_has_no_interval():
    found = paired_bootstrap([3], [1])

    assert found.estimate == 2
    assert math.isnan(found.low)
    assert math.isnan(found.high)


@pytest.mark.parametrize(
    ("goal", "expected"), [(0.05, 100), (0.1, 100), (0.2, 150), (0.3, 200), (0.45, 350), (0.5, 400)]
)
def test_labels_to_reach(goal, expected):
    found = labels_to_reach([100, 200, 300, 400], [0.1, 0.3, 0.2 + 0.2, 0.5], goal)

    assert found == pytest.approx(expected)


def test_dips_do_not_matter_and_some_goals_are_never_reached():
    assert labels_to_reach([1, 2, 3, 4], [0.1, 0.3, 0.2, 0.5], 0.3) == 2
    assert math.isnan(labels_to_reach([1, 2], [0.1, 0.2], 0.3))
