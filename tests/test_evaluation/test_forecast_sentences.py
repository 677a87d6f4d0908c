"""Tests of what is said of a forecast."""

import re

import numpy as np
import pytest

from mmal.evaluation.forecast import fit_curve
from mmal.evaluation.forecast_sentences import (
    cost_per_label,
    doubts,
    forecast_sentences,
    gain_sentence,
    rounded,
    target_sentence,
)

LABELS = np.arange(200, 1400, 200)
RISING = 0.8 - 6 * LABELS**-0.5
#: Flat but for noise.
FLAT = np.array([0.41, 0.402, 0.415, 0.405, 0.41, 0.412])


def test_what_a_target_needs():
    forecast = fit_curve(LABELS, [RISING] * 3, upper=1)
    needed = forecast.needed(0.68)
    said = target_sentence(forecast, 0.68, cost=3.0, cost_name="boxes")

    counts = [needed.more, needed.low, needed.high]
    about, low, high = map(rounded, counts)
    start = (
        f"0.68 needs about {about} more images ({low} to {high}), {rounded(3 * counts[0])} boxes"
    )
    assert said == f"{start}."
    # 0.8 - 6 / sqrt(n) = 0.68 with 2,500 images
    assert needed.more == pytest.approx(2500 - 1200, rel=0.15)


def test_far_targets_say_so():
    forecast = fit_curve(LABELS, [RISING] * 3, upper=1)

    assert re.fullmatch(
        r"0\.73 needs about [\d,]+ more images \(.*\); that is [4-9]\.\d times the images of now, "
        r"further than forecasts were tried\.",
        target_sentence(forecast, 0.73),
    )
    assert re.fullmatch(
        r"0\.95 is not in sight: of the curves that fit, (none|\d %) get there within 10 times the "
        r"images of now\.",
        target_sentence(forecast, 0.95),
    )


def test_an_interval_without_end():
    forecast = fit_curve([100, 200, 300], [0.3, 0.4, 0.43], upper=1)

    assert re.fullmatch(
        r"0\.475 needs about \d+ more images \(\d+ to no end: \d\d % of the curves that fit stay "
        r"below it\)\.",
        target_sentence(forecast, 0.475),
    )


def test_a_target_that_is_reached():
    forecast = fit_curve(LABELS, RISING)

    assert target_sentence(forecast, 0.6) == "0.60 is reached: 0.627 with 1,200 images."


def test_a_gain_within_the_noise_is_not_measurable():
    said = gain_sentence(fit_curve(LABELS, FLAT), 50, cost=3.0, cost_name="boxes")

    pattern = r"\+0\.00\d ± 0\.0\d\d for the next 50 \(150 boxes\): not measurable\."
    assert re.fullmatch(pattern, said)


def test_a_measurable_gain_says_what_is_expected():
    forecast = fit_curve(LABELS, [RISING] * 3)
    gain, then = forecast.gain(600), forecast.at(1800)

    assert gain_sentence(forecast, 600) == (
        f"{gain.estimate:+.3f} ± {(gain.high - gain.low) / 2:.3f} for the next 600: "
        f"{then.low:.3f} to {then.high:.3f} is expected."
    )


def test_batches_beyond_reach_say_so():
    said = gain_sentence(fit_curve(LABELS, RISING), 10_801)

    assert said == "The next 10,801: forecasts end at 10 times the images of now."


def test_percentages_have_one_digit():
    forecast = fit_curve(LABELS, 100 * np.array([RISING] * 3), upper=100)

    assert re.match(r"\+\d\.\d ± \d\.\d for", gain_sentence(forecast, 600))
    assert target_sentence(forecast, 60) == "60 is reached: 62.7 with 1,200 images."


def test_sentences_of_target_batches_and_doubts():
    said = forecast_sentences(
        LABELS, RISING, target=0.7, next_batch=[50, 600], costs=3 * LABELS, cost_name="boxes"
    )

    assert [s.split(" needs")[0].split(" for")[-1][:9] for s in said] == [
        "0.70",
        " the next",
        " the next",
    ]
    assert all("boxes" in s for s in said)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([0.2, 0.3], "No forecast yet: A forecast takes at least 3 rounds with the metric. Got 2."),
        ([0.0] * 4, "No forecast yet: The metric is 0 in all of 4 rounds"),
    ],
)
def test_what_is_missing_is_said(values, said):
    (sentence,) = forecast_sentences(LABELS[: len(values)], values, target=0.5, next_batch=[50])

    assert sentence.startswith(said)


def test_what_is_wrong_is_raised():
    with pytest.raises(ValueError, match="ascending"):
        forecast_sentences([3, 2, 1], [0.1, 0.2, 0.3])


def test_doubts():
    begun = "Do not rely on this: at 0.050 of 1 the curve has hardly begun"
    falls = "Do not rely on this: the metric is no higher than in the first round"

    assert doubts(fit_curve(LABELS, RISING)) == []
    assert doubts(fit_curve([1, 2, 3], [0.01, 0.03, 0.05]))[0].startswith(begun)
    assert doubts(fit_curve([1, 2, 3], [5, 8, 9.0], upper=100))[0].startswith(
        "Do not rely on this: at 9.0 of 100"
    )
    assert doubts(fit_curve([1, 2, 3], [0.5, 0.6, 0.4]))[0].startswith(falls)


def test_costs_are_those_of_picked_images():
    assert cost_per_label([10, 20, 30], [100, 150, 180]) == 4
    assert cost_per_label([10, 20], [[100, 150], [100, 170]]) == 6
    assert cost_per_label([10], [50]) == 5


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0"), (7.4, "7"), (77.2, "77"), (1862, "1,900"), (32499, "32,000")]
)
def test_counts_have_two_digits_that_count(number, text):
    assert rounded(number) == text
