"""Tests of forecasts, on curves whose continuation is known."""

import numpy as np
import pytest
from scipy.optimize import curve_fit

from mmal.evaluation.forecast import REACH, NoForecastError, fit_curve

LABELS = np.arange(100, 700, 100)
NOISE = np.array([0, 0.01, -0.01, 0.01, 0, -0.01])


def power_law(n, a=0.8, b=3.0, c=0.5):
    return a - b * np.asarray(n, float) ** -c


def test_seeds_without_noise_leave_the_power_law_itself():
    """Equal seeds show no noise, many rounds no other shape."""
    labels = np.arange(100, 2100, 100)
    forecast = fit_curve(labels, [power_law(labels)] * 5, upper=1)

    assert forecast.weights.argmax() == 2  # c = 0.5, third of the exponents
    assert forecast.at(4000).estimate == pytest.approx(power_law(4000), abs=0.004)
    gain = power_law(4000) - power_law(2000)
    assert forecast.gain(2000).estimate == pytest.approx(gain, abs=0.004)
    # a - b n^-c = t at n = (b / (a - t)) ^ (1 / c)
    needed = forecast.needed(0.75)
    assert needed.more == pytest.approx((3 / 0.05) ** 2 - 2000, rel=0.1)
    assert needed.low < needed.more < needed.high


def test_forecast_is_near_that_of_scipy():
    noise = np.random.default_rng(1).normal(0, 0.005, len(LABELS))
    values = power_law(LABELS) + noise
    fitted, _ = curve_fit(power_law, LABELS, values, [0.8, 3, 0.5], bounds=([0, 0, 0.1], [1, 9, 2]))

    forecast = fit_curve(LABELS, values, upper=1).at(900)
    assert forecast.estimate == pytest.approx(power_law(900, *fitted), abs=0.02)
    assert forecast.low < power_law(900, *fitted) < forecast.high


@pytest.mark.parametrize(("seeds", "rounds"), [(1, 3), (1, 6), (3, 4), (5, 8)])
def test_intervals_hold_what_comes_as_often_as_they_say(seeds, rounds):
    """Power laws, logarithms and exponential approaches with 7 % of their rise as noise."""
    rng = np.random.default_rng(0)
    labels = np.linspace(100, 400, rounds)
    then = np.append(labels, 600.0)
    inside = {0.8: [], 0.95: []}
    for trial in range(150):
        x = then / 100
        curve = [1 - x**-0.7, np.log(x) / 2, 1 - np.exp(-(then - 100) / 300)][trial % 3]
        seen = 0.2 + 0.5 * curve + rng.normal(0, 0.02, (seeds, rounds + 1))
        forecast = fit_curve(labels, seen[:, :-1], upper=1, draws=1000)
        for level, held in inside.items():
            low, high = forecast.at(600, level)[1:]
            held.append(low <= seen[:, -1].mean() <= high)
    assert 0.75 <= np.mean(inside[0.8]) <= 0.99
    assert np.mean(inside[0.95]) >= 0.92


def test_needed_is_the_inverse_of_the_interval():
    forecast = fit_curve(LABELS, power_law(LABELS) + NOISE, upper=1)
    needed = forecast.needed(0.695, level=0.5)

    assert forecast.at(600 + needed.low, 0.5).high == pytest.approx(0.695, abs=1e-3)
    assert forecast.at(600 + needed.high, 0.5).low == pytest.approx(0.695, abs=1e-3)


def test_further_and_more_certain_intervals_are_wider():
    forecast = fit_curve(LABELS, power_law(LABELS) + NOISE)
    widths = [np.ptp(forecast.at(n)[1:]) for n in (700, 1000, 2000, 6000)]

    assert widths == sorted(widths)
    assert np.ptp(forecast.at(700, 0.95)[1:]) > widths[0]


def test_seeds_that_agree_are_surer_than_one_and_their_level_does_not_matter():
    values = power_law(LABELS[:4]) + NOISE[:4]
    one = fit_curve(LABELS[:4], values).at(600)
    same = fit_curve(LABELS[:4], [values - 0.1, values, values + 0.1]).at(600)

    assert np.ptp(same[1:]) < np.ptp(one[1:])


def test_a_shift_moves_the_forecast_and_a_scale_stretches_it():
    values = power_law(LABELS) + NOISE
    forecast = np.array(fit_curve(LABELS, values).at(900))

    np.testing.assert_allclose(fit_curve(LABELS, values * 100).at(900), forecast * 100)
    np.testing.assert_allclose(fit_curve(LABELS, values + 0.1).at(900), forecast + 0.1)
    np.testing.assert_allclose(fit_curve(LABELS * 7, values).at(6300), forecast)


def test_bounds_hold():
    forecast = fit_curve([100, 200, 300], [0.7, 0.9, 0.97], upper=1)

    assert forecast.at(3000, 0.99).high <= 1
    assert fit_curve([100, 200, 300], [0.7, 0.9, 0.97]).at(3000).high > 1
    assert fit_curve([100, 200, 300], [0.0, 0.02, 0.01]).at(400, 0.99).low >= 0


def test_a_falling_curve_is_continued_flat():
    forecast = fit_curve(LABELS, 0.5 - LABELS / 10_000)

    assert forecast.at(900).estimate == pytest.approx(0.465, abs=0.01)  # the mean of the rounds
    gain = forecast.gain(300)
    assert gain.low < 0 < gain.high
    assert forecast.needed(0.9).more is None


def test_targets_that_are_reached_near_or_far():
    forecast = fit_curve(LABELS, [power_law(LABELS)] * 3, upper=1)

    assert forecast.needed(0.1) == (0, 0, 0, 1)
    never = forecast.needed(0.99)
    assert never[:3] == (None, None, None)
    assert 0 <= never.chance < 0.1


def test_rounds_without_the_metric_do_not_count():
    values = np.tile(power_law(LABELS), (2, 1)) + np.random.default_rng(0).normal(0, 0.01, (2, 6))
    values[0, 0] = np.nan

    found = fit_curve(LABELS, values)
    assert found.labels.tolist() == LABELS[1:].tolist()
    assert found.at(800) == fit_curve(LABELS[1:], values[:, 1:]).at(800)


def test_same_seed_same_forecast_whatever_the_global_one():
    def at(seed):
        return fit_curve(LABELS[:3], [0.1, 0.2, 0.24], seed=seed).at(500)

    np.random.seed(1)
    first = at(0)
    np.random.seed(2)
    assert at(0) == first
    assert at(1) != first
    assert at(1).estimate == pytest.approx(first.estimate, abs=0.01)


@pytest.mark.parametrize(
    ("labels", "values", "message"),
    [
        ([100, 200], [0.1, 0.2], r"at least 3 rounds with the metric\. Got 2"),
        ([100, 200, 300], [0.1, np.nan, 0.2], r"at least 3 rounds with the metric\. Got 2"),
        ([100, 200, 300], [0.1, 0.1, 0.1], r"The metric is 0\.1 in all of 3 rounds"),
    ],
)
def test_too_little_for_a_forecast(labels, values, message):
    with pytest.raises(NoForecastError, match=message):
        fit_curve(labels, values)


@pytest.mark.parametrize(
    ("labels", "values", "message"),
    [
        ([100, 300, 200], [0.1, 0.2, 0.3], r"positive and ascending\. Got \[100\.0, 300\.0, 200"),
        ([100, 100, 200], [0.1, 0.2, 0.3], "positive and ascending"),
        ([0, 100, 200], [0.1, 0.2, 0.3], "positive and ascending"),
        ([100, 200, 300], [0.1, 0.2], r"shape \(R,\) or \(S, R\).* Got \(2,\) for \(3,\)"),
        ([100, 200, 300], [0.1, 0.2, 1.3], r"between 0 and 1\. Got 0\.1 to 1\.3"),
        ([100, 200, 300], [-0.1, 0.2, 0.3], r"between 0 and 1\. Got -0\.1 to 0\.3"),
    ],
)
def test_wrong_curves_are_refused(labels, values, message):
    with pytest.raises(ValueError, match=message):
        fit_curve(labels, values, upper=1)


def test_negative_metrics_need_their_lower_bound():
    assert fit_curve(LABELS, power_law(LABELS) - 1, lower=-np.inf).at(900).estimate < 0


def test_questions_out_of_reach_are_refused():
    forecast = fit_curve(LABELS, power_law(LABELS), upper=1)

    with pytest.raises(ValueError, match=rf"to 6000, {REACH} times the last round's\. Got 6001"):
        forecast.at(6001)
    with pytest.raises(ValueError, match="from 100 labels"):
        forecast.at(99)
    with pytest.raises(ValueError, match=r"to come must be positive\. Got 0"):
        forecast.gain(0)
    with pytest.raises(ValueError, match=r"target 1\.2 is above the upper bound 1"):
        forecast.needed(1.2)
