"""Tests of holding forecasts against what came."""

import math

import numpy as np
import pytest

from mmal.evaluation.backtest import backtest, backtest_row
from mmal.evaluation.forecast import fit_curve

LABELS = [100, 200, 300, 400, 500]
VALUES = [0.2, 0.3, 0.38, 0.4, 0.45]


def test_each_later_round_is_forecast_from_every_beginning():
    trials = backtest(LABELS, VALUES, upper=1)

    assert [(t.rounds, t.ahead) for t in trials] == [(3, 1), (3, 2), (4, 1)]
    assert [t.times for t in trials] == pytest.approx([4 / 3, 5 / 3, 5 / 4])


def test_a_trial_by_hand():
    trial = backtest(LABELS, VALUES, upper=1)[1]
    forecast = fit_curve(LABELS[:3], VALUES[:3], upper=1)
    then, gain = forecast.at(500), forecast.gain(200)

    line = np.polyfit(np.log(LABELS[:3]), VALUES[:3], 1)
    guesses = dict(forecast=then.estimate, stay=0.38, slope=0.38 + 2 * 0.08)
    guesses["log"] = np.polyval(line, np.log(500))
    # The curve rises by 0.25.
    assert trial.errors == pytest.approx({k: abs(v - 0.45) / 0.25 for k, v in guesses.items()})
    assert trial.inside[0] == (then.low <= 0.45 <= then.high)
    assert trial.gain_inside[0] == (gain.low <= 0.07 <= gain.high)
    assert trial.width[0] == pytest.approx((then.high - then.low) / 0.25)
    assert trial.unmeasurable == (gain.low <= 0)
    assert trial.rose


def test_the_later_rounds_are_not_looked_at():
    changed = [*VALUES[:3], 0.1, 0.9]
    first, second = (backtest(LABELS, v, upper=1)[0] for v in (VALUES, changed))

    assert first.width[0] * 0.25 == pytest.approx(second.width[0] * 0.8)
    assert second.inside == (False, False)


def test_of_several_seeds_the_mean_is_forecast():
    values = np.add([VALUES, VALUES], [[0.01], [-0.01]])
    trial = backtest(LABELS, values, upper=1)[0]

    assert trial.errors["stay"] == pytest.approx(0.02 / 0.25)


def test_beginnings_that_allow_no_forecast_are_left_out():
    assert [t.rounds for t in backtest(LABELS, [0, 0, 0, 0.1, 0.2])] == [4]
    assert backtest(LABELS[:3], VALUES[:3]) == []


def test_rows_are_means():
    trials = backtest(LABELS, VALUES, upper=1)
    row = backtest_row(trials)

    assert row["forecasts"] == 3
    assert row["inside_80"] == pytest.approx(np.mean([t.inside[0] for t in trials]))
    assert row["gain_inside_95"] == pytest.approx(np.mean([t.gain_inside[1] for t in trials]))
    assert row["error_log"] == pytest.approx(np.mean([t.errors["log"] for t in trials]))
    unmeasurable = [t for t in trials if t.unmeasurable]
    assert row["unmeasurable"] == len(unmeasurable) / 3
    assert math.isnan(backtest_row(unmeasurable)["measurable_rose"])
