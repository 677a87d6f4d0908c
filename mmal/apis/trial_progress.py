"""How far a comparison is, and how long it will take."""

import time
from collections.abc import Callable, Collection, Mapping

from mmal.utils import duration

#: Query and seed.
Trial = tuple[str, int]


class TrialProgress:
    """Counts the trials that end, and estimates the time left from those that were run.

    A round takes as long as those of the trials that ended, by then; trials that run beside each
    other share the rest. Later rounds have more labels and take longer: it is a guess.

    Args:
        work: Rounds that each trial has left; 0 if it was finished before.
        jobs: Trials at a time.
        clock: Gives seconds.
    """

    def __init__(
        self, work: Mapping[Trial, int], jobs: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._work = dict(work)
        self._jobs = jobs
        self._clock = clock
        self._begun: dict[Trial, float] = {}
        self._ended: dict[Trial, float] = {}

    def begin(self, trial: Trial) -> None:
        """Note that a trial is being run."""
        self._begun[trial] = self._clock()

    def leave_out(self, trials: Collection[Trial]) -> None:
        """Count trials no more, as they cannot be run."""
        for trial in trials:
            self._work.pop(trial, None)

    def end(self, trial: Trial, outcome: str = "finished") -> str:
        """Note that a trial has ended, and return a line that says so."""
        self._ended[trial] = self._clock() - self._begun.get(trial, self._clock())
        if not self._work[trial] and outcome == "finished":
            outcome = "was finished before"
        elif outcome != "finished":
            self._work[trial] = 0  # says nothing of how long rounds take
        query, seed = trial
        line = f"{query}, seed {seed}: {outcome} ({len(self._ended)} of {len(self._work)}"
        left = self.seconds_left()
        return line + (")" if left is None else f", about {duration(left)} left)")

    def seconds_left(self) -> float | None:
        """Estimate the seconds left; None if nothing is left or no trial was run yet."""
        run = [trial for trial in self._ended if self._work[trial]]
        rounds = sum(self._work[trial] for trial in run)
        waiting = self._work.keys() - self._ended.keys()
        if not rounds or not waiting:
            return None
        a_round = sum(self._ended[trial] for trial in run) / rounds
        now = self._clock()
        left = [
            max(self._work[trial] * a_round - (now - self._begun.get(trial, now)), 0)
            for trial in waiting
        ]
        return max(sum(left) / self._jobs, *left)
