"""Tests of what tells differences from noise, by known values and by simulation."""

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from mmal.evaluation import holm, paired_test, signed_rank_test, smallest_visible_gain
from mmal.evaluation.paired_tests import LEVEL

NOISES = {
    "normal": lambda rng, shape: rng.normal(size=shape),
    "skewed": lambda rng, shape: rng.lognormal(size=shape),
    # A detector that has learnt nothing yet.
    "mAP": lambda rng, shape: np.maximum(rng.normal(0.013, 0.016, shape), 0),
    # Accuracies on 50 images: many differences are equal.
    "counts": lambda rng, shape: rng.binomial(50, 0.3, shape) / 50,
}


def test_signed_rank_test_is_scipys():
    rng = np.random.default_rng(0)
    for trials in range(1, 12):
        differences = rng.normal(0.5, 1, trials)
        expected = stats.wilcoxon(differences, method="exact").pvalue
        assert signed_rank_test(differences) == pytest.approx(expected)


def test_ties_are_counted_not_approximated():
    differences = [1.0, 1, 2, -1, 3, 0, 2]
    ranks = stats.rankdata([1, 1, 2, 1, 3, 2])
    sums = [ranks[np.array(signs)].sum() for signs in itertools.product([False, True], repeat=6)]
    found = ranks.sum() - ranks[3]

    expected = 2 * np.mean(np.array(sums) >= found)
    assert signed_rank_test(differences) == pytest.approx(expected)
    assert signed_rank_test([0.0, 0]) == 1


def test_holm_by_hand():
    # Smallest times 3, next times 2 or what the smaller ones came to, largest once.
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03]), [0.03, 0.06, 0.06])
    np.testing.assert_allclose(holm([0.5, 0.6]), [1, 1])
    assert holm([]).shape == (0,)


@pytest.mark.parametrize(
    ("queries", "trials", "name"),
    [
        (1, 2, "no test"),
        (1, 5, "paired t test"),
        (1, 6, "Wilcoxon's signed-rank test"),
        (4, 7, "paired t test"),
        (4, 8, "Wilcoxon's signed-rank test"),
    ],
)
def test_the_number_of_trials_chooses_the_test(queries, trials, name):
    differences = 1 + np.random.default_rng(0).normal(0, 0.1, (queries, trials))
    found = paired_test(differences)

    assert found.name == name
    if name.startswith("paired"):
        expected = holm([stats.ttest_1samp(row, 0).pvalue for row in differences])
        np.testing.assert_allclose(found.p_values, expected)
    elif trials > 2:
        np.testing.assert_allclose(found.p_values, queries * 2.0 ** (1 - trials))
    else:
        assert np.isnan(found.p_values).all()


def test_equal_differences_are_not_certain():
    assert paired_test(np.full((1, 3), 0.001)).p_values[0] == 0.25
    assert paired_test(np.zeros((1, 3))).p_values[0] == 1


@pytest.mark.parametrize("trials", [3, 5, 10])
@pytest.mark.parametrize("noise", NOISES)
def test_noise_is_seldom_called_a_difference(noise, trials):
    """Tables of four queries that are no other than the baseline, all against the same trials."""
    rng, tables = np.random.default_rng(0), 1000
    wrong = 0
    for _ in range(tables):
        # Of a digit less, else equal counts would differ by rounding.
        values = NOISES[noise](rng, (5, trials)).round(12)
        wrong += (paired_test(values[1:] - values[0]).p_values <= LEVEL).any()
    # Within two standard errors, 1.4 %.
    assert wrong / tables <= 0.05 + 0.014


@pytest.mark.parametrize(("trials", "least"), [(3, 0.7), (5, 0.75), (10, 0.7), (20, 0.75)])
def test_true_gain_of_the_smallest_visible_size_is_seen(trials, least):
    """One query of four is above by what is told as the smallest visible gain."""
    rng = np.random.default_rng(0)
    spread = np.arange(trials) / np.std(np.arange(trials), ddof=1)  # that of what is simulated
    gain = smallest_visible_gain(spread, 4)
    seen = wrong = 0
    for _ in range(500):
        differences = rng.normal(size=(4, trials))
        differences[0] += gain
        p_values = paired_test(differences).p_values
        seen += p_values[0] <= LEVEL
        wrong += (p_values[1:] <= LEVEL).any()
    assert least < seen / 500 < 0.9
    assert wrong / 500 <= 0.07


def test_smallest_visible_gain_by_hand():
    # Standard deviation 1; quantiles of 4 degrees of freedom from a table: 2.776 and 0.941.
    differences = np.array([-1, -1, 0, 1, 1]) + 3
    assert smallest_visible_gain(differences) == pytest.approx(3.717 / math.sqrt(5), abs=1e-3)
    assert smallest_visible_gain(differences, 4) > 1.25 * smallest_visible_gain(differences)
    assert math.isnan(smallest_visible_gain([1.0]))
