"""Forecasts in words."""

from collections.abc import Sequence

import numpy as np

from .curve_statistics import Interval
from .forecast import LEVEL, REACH, CurveForecast, NoForecastError, fit_curve

#: Forecasts were tried up to so many times the labels: see docs/when_to_stop.md.
TRIED_REACH = 4
#: Curves below this share of what the metric can be were not forecast well.
BEGUN = 0.1


def forecast_sentences(
    labels: Sequence[float],
    values: Sequence[float] | Sequence[Sequence[float]],
    *,
    target: float | None = None,
    next_batch: Sequence[float] = (),
    costs: Sequence[float] | None = None,
    cost_name: str = "labels",
    lower: float = 0.0,
    upper: float | None = None,
) -> list[str]:
    """Say what the next labels will bring, or why nothing can be said yet.

    Args:
        labels: Labelled images of the rounds, positive and ascending; shape (R,).
        values: The metric, higher is better, shape (R,), or of several seeds (S, R); NaN in rounds
            without it.
        target: Of the metric: how many more images it needs.
        next_batch: Numbers of further images: what they bring.
        costs: What was drawn on the images of each round in all, shape (R,), such as boxes.
        cost_name: What that is, in the plural.
        lower: The least that the metric can be.
        upper: The most that it can be, such as 1 or 100.

    Returns:
        A sentence for the target, one for each of the batches, and those of :func:`doubts`; or one
        that says what is missing.

    Raises:
        ValueError: If labels or values are not as above, a target is above the upper bound, or a
            batch is not positive.

    Example:
        >>> forecast_sentences([100, 200], [0.2, 0.3], target=0.5)
        ['No forecast yet: A forecast takes at least 3 rounds with the metric. Got 2.']
    """
    try:
        forecast = fit_curve(labels, values, lower=lower, upper=upper)
    except NoForecastError as error:
        return [f"No forecast yet: {error}"]
    each = None if costs is None else cost_per_label(labels, costs)
    said = [] if target is None else [target_sentence(forecast, target, each, cost_name)]
    said += [gain_sentence(forecast, more, each, cost_name) for more in next_batch]
    return said + doubts(forecast)


def target_sentence(
    forecast: CurveForecast,
    target: float,
    cost: float | None = None,
    cost_name: str = "labels",
    level: float = LEVEL,
) -> str:
    """Say how many more images a target needs: ``0.60 needs about 1,900 more images (…)``.

    Args:
        forecast: Of the metric.
        target: Value of the metric.
        cost: What an image costs; see :func:`cost_per_label`.
        cost_name: What that is, in the plural.
        level: Of the interval.

    Raises:
        ValueError: If the target is above the upper bound.
    """
    goal, digits = _goal(target, forecast), _digits(forecast)
    needed = forecast.needed(target, level)
    if forecast.values[-1] >= target:
        count = f"{forecast.labels[-1]:,.0f} images"
        return f"{goal} is reached: {forecast.values[-1]:.{digits}f} with {count}."
    if needed.more is None:
        seen = "none" if needed.chance == 0 else _per_cent(needed.chance)
        verdict = "may not be reached" if needed.chance > (1 - level) / 2 else "is not in sight"
        return (
            f"{goal} {verdict}: of the curves that fit, {seen} get there within {REACH} times the "
            "images of now."
        )
    if needed.high is None:
        rest = f" to no end: {_per_cent(1 - needed.chance)} of the curves that fit stay below it"
    else:
        rest = f" to {rounded(needed.high)}"
    said = f"{goal} needs about {rounded(needed.more)} more images ({rounded(needed.low)}{rest})"
    if cost is not None:
        said += f", {rounded(cost * needed.more)} {cost_name}"
    times = 1 + needed.more / forecast.labels[-1]
    if times > TRIED_REACH:
        said += f"; that is {times:.1f} times the images of now, further than forecasts were tried"
    return f"{said}."


def gain_sentence(
    forecast: CurveForecast,
    more: float,
    cost: float | None = None,
    cost_name: str = "labels",
    level: float = LEVEL,
) -> str:
    """Say what more images bring: ``+0.004 ± 0.010 for the next 50: not measurable.``.

    Not measurable is a gain whose interval, with the noise of both measurements, has 0 in it.

    Args:
        forecast: Of the metric.
        more: How many.
        cost: What an image costs; see :func:`cost_per_label`.
        cost_name: What that is, in the plural.
        level: Of the interval.

    Raises:
        ValueError: If ``more`` is not positive.
    """
    if more > (REACH - 1) * forecast.labels[-1]:
        return f"The next {more:,.0f}: forecasts end at {REACH} times the images of now."
    gain, digits = forecast.gain(more, level), _digits(forecast)
    said = f"{_plus_minus(gain, digits)} for the next {more:,.0f}"
    if cost is not None:
        said += f" ({rounded(cost * more)} {cost_name})"
    if gain.low <= 0:
        return f"{said}: not measurable."
    then = forecast.at(forecast.labels[-1] + more, level)
    return f"{said}: {then.low:.{digits}f} to {then.high:.{digits}f} is expected."


def doubts(forecast: CurveForecast) -> list[str]:
    """Say why not to believe a forecast: curves that have hardly begun, or do not rise.

    Without an upper bound it is told from the values, here alone: see :func:`told_upper`.
    """
    first, last = forecast.values[0], forecast.values[-1]
    upper = forecast.upper if np.isfinite(forecast.upper) else told_upper(forecast.values)
    said = []
    if last < BEGUN * upper:
        said.append(
            f"Do not rely on this: at {last:.{_digits(forecast)}f} of {upper:g} the curve has "
            "hardly begun, and forecasts of such were right less often than they say."
        )
    if last <= first:
        said.append(
            "Do not rely on this: the metric is no higher than in the first round, and forecasts "
            "take it that more images do no harm."
        )
    return said


def told_upper(values: Sequence[float]) -> float:
    """Tell from its values what a metric can be at most: 1 if no value is above 1, else 100."""
    return 1.0 if np.nanmax(values) <= 1 else 100.0


def cost_per_label(labels: Sequence[float], costs: Sequence[float]) -> float:
    """What a further image costs: the mean of those that queries picked, after the first round.

    Args:
        labels: Labelled images, shape (R,).
        costs: What was drawn on them in all, shape (R,) or of several seeds (S, R).

    Returns:
        For example boxes an image; of a single round the mean of its images.

    Example:
        >>> cost_per_label([100, 200, 300], [500, 900, 1300])
        4.0
    """
    n, cost = np.asarray(labels, float), np.atleast_2d(np.asarray(costs, float)).mean(axis=0)
    if len(n) == 1:
        return float(cost[0] / n[0])
    return float((cost[-1] - cost[0]) / (n[-1] - n[0]))


def rounded(number: float) -> str:
    """Write a count with two digits that count.

    Example:
        >>> rounded(1862), rounded(7.4)
        ('1,900', '7')
    """
    return f"{round(number) if number < 10 else float(f'{number:.1e}'):,.0f}"


def _plus_minus(gain: Interval, digits: int) -> str:
    return f"{gain.estimate:+.{digits}f} ± {(gain.high - gain.low) / 2:.{digits}f}"


def _digits(forecast: CurveForecast) -> int:
    """Digits after the point: shares have three, percentages one."""
    return 3 if np.abs(forecast.values).max() <= 1 else 1


def _goal(target: float, forecast: CurveForecast) -> str:
    """Write a target as a person would: 0.6 as 0.60, 0.625 as it is."""
    usual = f"{target:.{_digits(forecast) - 1}f}"
    return usual if float(usual) == target else f"{target:g}"


def _per_cent(share: float) -> str:
    return f"{share:.0%}".replace("%", " %")
