"""Forecasts of learning curves from their first rounds, held against the last ones."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from .forecast import LEAST_ROUNDS, NoForecastError, fit_curve

#: Levels of the intervals that are tried.
LEVELS = (0.8, 0.95)


@dataclass(frozen=True)
class Trial:
    """A forecast of one later round.

    Attributes:
        rounds: How many rounds it was fitted to.
        ahead: How many rounds after the last of them.
        times: Labels of the later round, in those of the last fitted one.
        inside: Whether the intervals of :data:`LEVELS` hold what was measured.
        gain_inside: Whether those of the gain over the last fitted round hold the measured gain.
        unmeasurable: Whether the gain was called not measurable.
        rose: Whether the later measurement was higher than the last fitted one.
        width: Of the intervals, in rises of the whole curve.
        errors: By forecast, how far it was from what was measured, in rises of the whole curve:
            ``forecast``, and the trivial ``stay`` (as in the last round), ``slope`` (the last two
            rounds' line) and ``log`` (least squares over the logarithm of the labels).
    """

    rounds: int
    ahead: int
    times: float
    inside: tuple[bool, ...]
    gain_inside: tuple[bool, ...]
    unmeasurable: bool
    rose: bool
    width: tuple[float, ...]
    errors: dict[str, float]


def backtest(
    labels: Sequence[float],
    values: Sequence[float] | Sequence[Sequence[float]],
    *,
    upper: float | None = None,
    seed: int = 0,
) -> list[Trial]:
    """Forecast each round of a curve after the third from every beginning of it.

    Args:
        labels: Labelled samples, positive and ascending; shape (R,).
        values: The metric, shape (R,), or of several seeds, (S, R), of which the mean is forecast.
        upper: The most that the metric can be.
        seed: Of the bootstrap.

    Returns:
        A trial for each beginning and later round; none of beginnings that allow no forecast.
    """
    labels, values = np.asarray(labels, float), np.atleast_2d(np.asarray(values, float))
    return [
        trial
        for rounds in range(LEAST_ROUNDS, len(labels))
        for trial in _from_beginning(labels, values, rounds, upper, seed)
    ]


def _from_beginning(
    labels: np.ndarray, values: np.ndarray, rounds: int, upper: float | None, seed: int
) -> Iterator[Trial]:
    try:
        forecast = fit_curve(labels[:rounds], values[:, :rounds], upper=upper, seed=seed)
    except NoForecastError:
        return
    mean, now = values.mean(axis=0), labels[rounds - 1]
    scale = np.ptp(mean)
    for i in range(rounds, len(labels)):
        then = [forecast.at(labels[i], level) for level in LEVELS]
        gains = [forecast.gain(labels[i] - now, level) for level in LEVELS]
        gained = mean[i] - mean[rounds - 1]
        guesses = {"forecast": then[0].estimate, **_trivial(labels[:rounds], mean, labels[i])}
        yield Trial(
            rounds=rounds,
            ahead=i - rounds + 1,
            times=float(labels[i] / now),
            inside=tuple(bool(t.low <= mean[i] <= t.high) for t in then),
            gain_inside=tuple(bool(g.low <= gained <= g.high) for g in gains),
            unmeasurable=gains[0].low <= 0,
            rose=bool(gained > 0),
            width=tuple(float((t.high - t.low) / scale) for t in then),
            errors={name: float(abs(guess - mean[i]) / scale) for name, guess in guesses.items()},
        )


def _trivial(labels: np.ndarray, mean: np.ndarray, then: float) -> dict[str, float]:
    """Forecasts that take no thought, from the rounds of the labels."""
    y = mean[: len(labels)]
    slope = (y[-1] - y[-2]) / (labels[-1] - labels[-2])
    line = np.polyfit(np.log(labels), y, 1)
    return {
        "stay": float(y[-1]),
        "slope": float(y[-1] + slope * (then - labels[-1])),
        "log": float(np.polyval(line, np.log(then))),
    }


def backtest_row(trials: Iterable[Trial]) -> dict[str, float]:
    """Summarise trials: shares inside the intervals, mean widths and errors.

    Args:
        trials: At least one.

    Returns:
        By column: ``forecasts`` (how many), ``inside_80``, ``inside_95``, ``gain_inside_80``,
        ``gain_inside_95``, ``width_80`` and ``width_95``, ``error_*`` for each guess (mean, in
        rises of the whole curve), ``unmeasurable`` (share of the gains that were called so) and
        ``measurable_rose`` (of those that were not, the share in which the metric rose; NaN
        without such).
    """
    trials = list(trials)
    row: dict[str, float] = {"forecasts": len(trials)}
    for name in ("inside", "gain_inside", "width"):
        means = np.mean([getattr(trial, name) for trial in trials], axis=0)
        row |= {
            f"{name}_{level:.0%}"[:-1]: float(m) for level, m in zip(LEVELS, means, strict=True)
        }
    for name in trials[0].errors:
        row[f"error_{name}"] = float(np.mean([trial.errors[name] for trial in trials]))
    row["unmeasurable"] = float(np.mean([trial.unmeasurable for trial in trials]))
    rose = [trial.rose for trial in trials if not trial.unmeasurable]
    row["measurable_rose"] = float(np.mean(rose)) if rose else float("nan")
    return row
