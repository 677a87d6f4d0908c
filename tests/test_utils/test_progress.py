"""How far long work is."""

import pytest

from mmal.utils import duration, progress, tracked


@pytest.fixture
def lines(monkeypatch) -> list[str]:
    """What is said in a log."""
    told: list[str] = []
    monkeypatch.setattr(progress, "print_log", lambda line, logger: told.append(line))
    monkeypatch.setattr(progress.sys.stdout, "isatty", lambda: False, raising=False)
    return told


def test_a_log_hears_every_minute_how_far_it_is(lines):
    seconds = iter(range(0, 1000, 25))
    assert list(tracked(range(12), "scoring", lambda: next(seconds))) == list(range(12))
    # At 75, 150, 225 and 300 s: 2, 5, 8 and 11 steps of 12, with 375, 210, 112 and 27 s left.
    assert lines == [
        "scoring: 17%, about 7 min left",
        "scoring: 42%, about 4 min left",
        "scoring: 67%, about 2 min left",
        "scoring: 92%, about 1 min left",
    ]


def test_short_work_leaves_nothing_in_a_log(lines):
    assert list(tracked([1, 2, 3], "scoring", lambda: 0.0)) == [1, 2, 3]
    assert list(tracked([], "scoring")) == []
    assert not lines


def test_other_processes_are_silent(lines, monkeypatch):
    monkeypatch.setattr(progress, "is_main_process", lambda: False)
    seconds = iter(range(0, 1000, 100))
    assert list(tracked([1, 2, 3], "scoring", lambda: next(seconds))) == [1, 2, 3]
    assert not lines


def test_a_terminal_gets_a_bar(lines, monkeypatch):
    shown = []

    def track(steps, description, total, transient):
        shown.append((description, total))
        yield from steps

    monkeypatch.setattr(progress.sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(progress, "track", track)
    assert list(tracked([1, 2], "scoring")) == [1, 2]
    assert shown == [("scoring", 2)]
    assert not lines


def test_durations():
    found = [duration(seconds) for seconds in (0, 61, 2400, 3600, 5000)]
    assert found == ["1 min", "2 min", "40 min", "1 h 0 min", "1 h 24 min"]
