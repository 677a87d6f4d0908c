"""Tests of comparing learning curves, on curves whose answers are known."""

import itertools
import math

import numpy as np
import pytest

from mmal.evaluation import area_under_curve, labels_to_reach, paired_bootstrap, share_above


def test_area_is_the_mean_height():
    assert area_under_curve([100, 200, 400], [0.5, 0.5, 0.5]) == pytest.approx(0.5)
    # 100 labels at 1.5 on average, 200 at 3.
    assert area_under_curve([100, 200, 400], [1, 2, 4]) == pytest.approx((150 + 600) / 300)
    assert area_under_curve([100], [0.3]) == 0.3


def test_bootstrap_is_that_of_all_samples_further_out():
    differences = [2.0, 4, 0, 1, 7]
    means = [np.mean(sample) for sample in itertools.product(differences, repeat=5)]

    found = paired_bootstrap(differences, np.zeros(5), level=0.8, draws=200_000)
    assert found.estimate == 2.8
    # Student's 10 % quantile with 4 degrees of freedom is -1.533; times sqrt(5 / 4) it is -1.714,
    # below which 4.33 % of a normal distribution lie.
    assert found.low == pytest.approx(np.quantile(means, 0.0433), abs=0.05)
    assert found.high == pytest.approx(np.quantile(means, 1 - 0.0433), abs=0.05)


@pytest.mark.parametrize(("trials", "least"), [(5, 0.9), (10, 0.92)])
def test_bootstrap_holds_the_truth_as_often_as_it_says(trials, least):
    samples = np.random.default_rng(0).normal(1, 1, (500, trials))
    found = [paired_bootstrap(row, np.zeros(trials), draws=2000) for row in samples]

    assert least < np.mean([i.low <= 1 <= i.high for i in found]) < 0.98


@pytest.mark.parametrize("trials", [1, 4])
def test_bootstrap_of_fewer_than_five_trials_has_no_interval(trials):
    found = paired_bootstrap([3] * trials, [1] * trials)

    assert found.estimate == 2
    assert math.isnan(found.low)
    assert math.isnan(found.high)


def test_share_above_leaves_out_the_first_point_and_what_lies_beyond():
    # At 15 the other is at 1.5: above; at 20 equal: one half; at 35 it has no value.
    assert share_above([0, 15, 20, 35], [9, 1.6, 2, 9], [0, 10, 20, 30], [0, 1, 2, 3]) == 0.75
    assert share_above([0, 15, 20], [9, 1.4, 2], [0, 10, 20], [0, 1, 2]) == 0.25
    assert math.isnan(share_above([0, 40], [1, 1], [0, 30], [0, 0]))


@pytest.mark.parametrize(
    ("goal", "expected"), [(0.05, 100), (0.1, 100), (0.2, 150), (0.3, 200), (0.45, 350), (0.5, 400)]
)
def test_labels_to_reach(goal, expected):
    found = labels_to_reach([100, 200, 300, 400], [0.1, 0.3, 0.2 + 0.2, 0.5], goal)

    assert found == pytest.approx(expected)


def test_dips_do_not_matter_and_some_goals_are_never_reached():
    assert labels_to_reach([1, 2, 3, 4], [0.1, 0.3, 0.2, 0.5], 0.3) == 2
    assert math.isnan(labels_to_reach([1, 2], [0.1, 0.2], 0.3))
