"""What the next labels will bring: learning curves, fitted and continued with an interval."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from .curve_shapes import CurveShapes, fit_within
from .curve_statistics import Interval

#: Fewer rounds show a slope, but neither whether it bends nor how much of it is noise.
LEAST_ROUNDS = 3
#: Share of the forecasts' intervals that hold what comes, unless another level is asked for.
LEVEL = 0.8
#: Forecasts end at so many times the labels of the last round.
REACH = 10
#: What is thought of the noise before it is seen: its standard deviation in proportion to the
#: curve's rise, and how many rounds that is worth: few, since it is 2 % of the rise of one data
#: set's curves and half of another's. How both were chosen: docs/when_to_stop.md.
NOISE_SHARE = 0.1
NOISE_ROUNDS = 1.0


class NoForecastError(ValueError):
    """The rounds so far show too little for a forecast."""


class Needed(NamedTuple):
    """How many more labels a target takes; None stands for more than forecasts reach.

    Attributes:
        more: Labels beyond the last round's.
        low: The least of the interval.
        high: The most of the interval.
        chance: Share of the continued curves that get there within :data:`REACH` times the labels.
    """

    more: float | None
    low: float | None
    high: float | None
    chance: float


@dataclass(frozen=True)
class CurveForecast:
    """A learning curve and B continuations of it; see :func:`fit_curve`.

    Attributes:
        labels: Labelled samples of the rounds that were fitted, shape (R,).
        values: The metric, mean over the seeds, shape (R,).
        seeds: Over how many.
        shapes: What the continuations are made of.
        weights: How well each shape fits, shape (G,), sum 1.
        shape: The shape of each continuation, shape (B,).
        height: Its value at the first round, shape (B,).
        slope: Its rise over that of its shape, shape (B,).
        noise: Standard deviation of a measurement around it, shape (B,).
        errors: Standard normal draws for a measurement now and one then, shape (2, B).
        lower: The least that the metric can be.
        upper: The most that it can be; infinite if not known.
    """

    labels: np.ndarray
    values: np.ndarray
    seeds: int
    shapes: CurveShapes
    weights: np.ndarray
    shape: np.ndarray
    height: np.ndarray
    slope: np.ndarray
    noise: np.ndarray
    errors: np.ndarray
    lower: float
    upper: float

    def at(self, labels: float, level: float = LEVEL) -> Interval:
        """Forecast what will be measured with so many labels, as the mean of the same seeds.

        Args:
            labels: How many in all, within :data:`REACH` times those of the last round.
            level: Of the interval.

        Raises:
            ValueError: If there are fewer labels than in the first round, or too many.
        """
        curves = self._curves(labels)
        measured = np.clip(curves + self.noise * self.errors[1], self.lower, self.upper)
        return Interval(float(np.median(curves)), *_limits(measured, level))

    def gain(self, more: float, level: float = LEVEL) -> Interval:
        """Forecast by how much a measurement with ``more`` labels will differ from one of now.

        Both have noise, so that a gain smaller than that of the noise has an interval with 0 in it:
        it will not be measurable.

        Args:
            more: Labels beyond those of the last round, positive.
            level: Of the interval.

        Raises:
            ValueError: If ``more`` is not positive, or beyond the reach of a forecast.
        """
        if not more > 0:
            raise ValueError(f"The labels to come must be positive. Got {more} instead.")
        gains = self._curves(self.labels[-1] + more) - self._curves(self.labels[-1])
        measured = gains + self.noise * (self.errors[1] - self.errors[0])
        return Interval(float(np.median(gains)), *_limits(measured, level))

    def needed(self, target: float, level: float = LEVEL) -> Needed:
        """Forecast how many more labels it takes to measure a target.

        The inverse of :meth:`at`: ``low`` and ``high`` are where the upper and the lower limit of
        its interval get to the target, so that both hold the truth equally often.

        Args:
            target: Value of the metric.
            level: Of the interval.

        Raises:
            ValueError: If the target is above the upper bound.
        """
        if not target <= self.upper:
            raise ValueError(
                f"The target {target:g} is above the upper bound {self.upper:g} of the metric."
            )
        now, target = self.labels[-1], target - self.noise * self.errors[1]
        with np.errstate(divide="ignore", invalid="ignore"):
            rise = np.where(self.height >= target, 0.0, (target - self.height) / self.slope)
        more = np.maximum(self.shapes.labels_at(self.shape, rise) - now, 0)
        more[more > (REACH - 1) * now] = np.inf
        tail = (1 - level) / 2
        # Not by linear interpolation, which between a number and infinity is none.
        found = np.quantile(more, [0.5, tail, 1 - tail], method="inverted_cdf").tolist()
        middle, low, high = (n if np.isfinite(n) else None for n in found)
        return Needed(middle, low, high, float(np.isfinite(more).mean()))

    def _curves(self, labels: float) -> np.ndarray:
        """Heights of the continuations at a number of labels, (B,)."""
        if not self.labels[0] <= labels <= REACH * self.labels[-1]:
            raise ValueError(
                f"Forecasts are made from {self.labels[0]:g} labels, the first round's, to "
                f"{REACH * self.labels[-1]:g}, {REACH} times the last round's. Got {labels:g}."
            )
        rise = self.shapes.rise(np.array([labels]))[self.shape, 0]
        return np.clip(self.height + self.slope * rise, self.lower, self.upper)


def fit_curve(
    labels: Sequence[float],
    values: Sequence[float] | Sequence[Sequence[float]],
    *,
    lower: float = 0.0,
    upper: float | None = None,
    draws: int = 4000,
    seed: int = 0,
) -> CurveForecast:
    """Fit a learning curve of which more labels make the metric higher, or leave it as it is.

    Every shape of :class:`~mmal.evaluation.curve_shapes.CurveShapes` is fitted by least squares
    within the bounds. Shapes weigh ``(1 + RSS / nu s^2) ^ (-(R + nu) / 2)``, the likelihood of
    normal noise whose variance is not known but thought to be ``s^2`` with nu degrees of freedom;
    all have two numbers to fit, so these are Akaike weights (Burnham & Anderson, "Model
    Selection and Multimodel Inference", 2002). Then a parametric bootstrap over the
    rounds (Efron & Tibshirani, "An Introduction to the Bootstrap", 1993, section 6.5): each draw
    takes a shape by weight, a noise by what the residuals leave open (chi-squared), adds it to the
    fitted curve and fits again. The draws disagree about what no round has shown yet: that is the
    uncertainty of the extrapolation.

    The noise: one seed shows it only by the residuals, and of three rounds two go into the fit;
    several seeds show it by how unlike their curves run, which counts as
    ``(S - 1) (R - 1)`` more degrees of freedom. The seeds are not drawn anew themselves: of so
    few, that makes intervals that are too narrow (see
    :func:`~mmal.evaluation.paired_bootstrap`).

    Args:
        labels: Labelled samples, positive and ascending; shape (R,).
        values: The metric, higher is better, of one seed, shape (R,), or of several, (S, R). Rounds
            in which any of them is not finite do not count.
        lower: The least that the metric can be.
        upper: The most that it can be, such as 1 or 100; unbounded by default.
        draws: Of the bootstrap.
        seed: Of its random numbers.

    Raises:
        ValueError: If labels or values are not as above.
        NoForecastError: If fewer than :data:`LEAST_ROUNDS` rounds count, or the metric is the same
            in all of them.
    """
    labels, values = _checked(labels, values, lower, np.inf if upper is None else upper)
    upper = np.inf if upper is None else upper
    rng = np.random.default_rng(seed)
    y, rounds = values.mean(axis=0), len(labels)
    shapes = CurveShapes.of(labels)
    rises, ends = shapes.rise(labels), shapes.ends()
    height, slope = fit_within(rises, ends, np.tile(y, (len(shapes), 1)), upper)
    fitted = height[:, None] + slope[:, None] * rises
    residual = ((y - fitted) ** 2).sum(axis=1)
    squares, freedom = _noise_before(values)
    weights = (1 + residual / squares) ** (-(rounds + freedom) / 2)
    weights /= weights.sum()

    shape = rng.choice(len(shapes), size=draws, p=weights)
    left = freedom + rounds - 2
    noise = np.sqrt((squares + residual[shape]) / rng.chisquare(left, draws))
    drawn = fitted[shape] + noise[:, None] * rng.standard_normal((draws, rounds))
    drawn = np.minimum(drawn, upper)
    height, slope = fit_within(rises[shape], ends[shape], drawn, upper)
    errors = rng.standard_normal((2, draws))
    return CurveForecast(
        labels, y, len(values), shapes, weights, shape, height, slope, noise, errors, lower, upper
    )


def _noise_before(values: np.ndarray) -> tuple[float, float]:
    """Return what is known of the noise of the mean before any fit: squares, degrees of freedom."""
    seeds, rounds = values.shape
    squares = NOISE_ROUNDS * (NOISE_SHARE * np.ptp(values.mean(axis=0))) ** 2
    if seeds == 1:
        return float(squares), NOISE_ROUNDS
    # What is left when each seed may run higher or lower as a whole, as the same initial
    # samples make it: the interaction of a two-way layout without replicates.
    centred = values - values.mean(axis=1, keepdims=True)
    apart = ((centred - centred.mean(axis=0)) ** 2).sum() / seeds
    return float(squares + apart), NOISE_ROUNDS + (seeds - 1) * (rounds - 1)


def _checked(
    labels: Sequence[float], values: Sequence, lower: float, upper: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return labels (R,) and values (S, R) of the rounds that count."""
    n, y = np.asarray(labels, float), np.atleast_2d(np.asarray(values, float))
    if n.ndim != 1 or y.ndim != 2 or y.shape[1] != len(n):
        raise ValueError(
            "The values must have shape (R,) or (S, R) for R numbers of labels. Got "
            f"{np.shape(values)} for {np.shape(labels)}."
        )
    if not (np.isfinite(n).all() and (n > 0).all() and (np.diff(n) > 0).all()):
        raise ValueError(
            f"The numbers of labels must be positive and ascending. Got {n.tolist()} instead."
        )
    counted = np.isfinite(y).all(axis=0)
    n, y = n[counted], y[:, counted]
    if len(n) < LEAST_ROUNDS:
        raise NoForecastError(
            f"A forecast takes at least {LEAST_ROUNDS} rounds with the metric. Got {len(n)}."
        )
    if y.min() < lower or y.max() > upper:
        raise ValueError(
            f"The metric must be between {lower:g} and {upper:g}. Got {y.min():g} to {y.max():g}."
        )
    if np.ptp(y.mean(axis=0)) == 0:
        raise NoForecastError(
            f"The metric is {y.mean():g} in all of {len(n)} rounds: a curve that does not change "
            "cannot be continued."
        )
    return n, y


def _limits(values: np.ndarray, level: float) -> tuple[float, float]:
    tail = (1 - level) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    return float(low), float(high)
