"""By how much a query is above the baseline, and whether that is more than noise."""

from dataclasses import dataclass

import numpy as np

from .curve_statistics import Interval
from .paired_tests import LEAST_TRIALS, LEVEL


@dataclass(frozen=True)
class Gain:
    """The gain of a query's area over the baseline's.

    Attributes:
        by_seed: Of the trials, paired by seed, shape (T,).
        interval: Its mean, with limits of 95 %; NaN where the trials are too few.
        area: Of the baseline: what gains are in proportion to.
        p_value: Of the test, corrected for the other queries of the table; NaN where the trials
            are too few.
        smallest: The smallest gain that the trials could have shown; NaN of one trial.
        rounds_above: Share of the rounds after the first in which the query is above the baseline
            at the same cost, paired by seed.
        saved: What the query's mean curve needs less than the baseline's to get first to the value
            that the baseline ends with; NaN if it does not, None if that is no higher than the
            baseline began.
    """

    by_seed: np.ndarray
    interval: Interval
    area: float
    p_value: float
    smallest: float
    rounds_above: float
    saved: float | None

    @property
    def estimate(self) -> float:
        """The mean gain."""
        return self.interval.estimate

    @property
    def verdict(self) -> str:
        """``above``, ``below``, ``level``, or ``undecided`` with too few trials.

        Above or below is what the test calls different from the baseline at 5 % after Holm's
        correction: of tables in which no query differs, at most 5 % call any different. Where the
        mean gain is to one side, by a trial or two, and most trials are to the other, it is level.
        """
        if self.p_value != self.p_value:
            return "undecided"
        side = np.sign(self.estimate)
        if self.p_value > LEVEL or side * np.sign(self.by_seed).sum() <= 0:
            return "level"
        return "above" if side > 0 else "below"

    def relative(self, value: float) -> float:
        """Return a difference of areas as a share of the baseline's; NaN if that is 0."""
        return value / self.area if self.area else float("nan")

    def sentence(self, query: str, baseline: str, digits: int = 3) -> str:
        """Say the verdict.

        Args:
            query: What the gain is of.
            baseline: What it is over.
            digits: After the point of a gain.

        Example:
            >>> gain = Gain(np.array([1, 2, 3.]), Interval(2, 1, 3), 50, 0.04, 1.5, 1, None)
            >>> gain.sentence('CoreSet', 'Random', 1)
            'CoreSet: above Random (3 of 3 seeds, Holm p = 0.04).'
        """
        trials = len(self.by_seed)
        above, below = int(np.sum(self.by_seed > 0)), int(np.sum(self.by_seed < 0))
        if self.verdict == "undecided":
            seeds = "1 seed is" if trials == 1 else f"{trials} seeds are"
            return (
                f"{query}: not decided ({above} of {trials} above {baseline}): {seeds} too few; "
                f"a verdict takes at least {LEAST_TRIALS}."
            )
        p = "Holm p " + ("< 0.001" if self.p_value < 0.001 else f"= {self.p_value:.2g}")
        if self.verdict != "level":
            agreeing = above if self.verdict == "above" else below
            return f"{query}: {self.verdict} {baseline} ({agreeing} of {trials} seeds, {p})."
        share = self.relative(self.smallest)
        per_cent = "" if share != share else f" ({share:.1%})"
        seeds = f" ({above} of {trials} seeds above, {p})"
        if trials in (above, below):
            side = "above" if above else "below"
            seeds = f", though {side} it with all {trials} seeds ({p})"
        return (
            f"{query}: level with {baseline} within the noise{seeds}: with {trials} seeds only a "
            f"gain above {self.smallest:.{digits}f}{per_cent} could have been seen."
        )
