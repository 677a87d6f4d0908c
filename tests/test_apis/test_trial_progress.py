"""Tests of counting trials and guessing the time left."""

import pytest

from mmal.apis.trial_progress import TrialProgress


class Clock:
    """Seconds that a test sets."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_lines_count_and_guess(clock):
    work = {("first_round", 0): 1, ("Random", 0): 4, ("Ours", 0): 4}
    progress = TrialProgress(work, jobs=1, clock=clock)
    progress.begin(("first_round", 0))
    clock.now = 60
    line = progress.end(("first_round", 0))
    assert line == "first_round, seed 0: finished (1 of 3, about 8 min left)"

    progress.begin(("Random", 0))
    clock.now = 60 + 540  # five rounds in ten minutes: two a round
    line = progress.end(("Random", 0))
    assert line == "Random, seed 0: finished (2 of 3, about 8 min left)"
    progress.begin(("Ours", 0))
    assert progress.end(("Ours", 0)) == "Ours, seed 0: finished (3 of 3)"


def test_what_was_finished_before_says_nothing_of_the_time(clock):
    work = {("first_round", 0): 0, ("Random", 0): 2, ("Ours", 0): 2}
    progress = TrialProgress(work, jobs=1, clock=clock)
    assert progress.end(("first_round", 0)) == "first_round, seed 0: was finished before (1 of 3)"
    progress.begin(("Random", 0))
    clock.now = 5
    assert progress.end(("Random", 0), "failed") == "Random, seed 0: failed (2 of 3)"


def test_trials_beside_each_other_share_what_is_left(clock):
    trials = [("Random", seed) for seed in range(5)]
    progress = TrialProgress(dict.fromkeys(trials, 1), jobs=2, clock=clock)
    progress.begin(trials[0])
    clock.now = 30
    progress.begin(trials[1])
    clock.now = 100
    progress.end(trials[0])
    # The second has run for 70 s of 100; three wait: 330 s for two.
    assert progress.seconds_left() == pytest.approx(165)
    progress.leave_out(trials[2:])
    assert progress.seconds_left() == pytest.approx(30)  # a trial is not shared
    clock.now = 150
    assert progress.seconds_left() == 0  # later than thought, but not negative
