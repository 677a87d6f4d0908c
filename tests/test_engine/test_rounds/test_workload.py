"""How much there is to do, by the counts that a person would make."""

import pytest

from mmal.engine.rounds.rates import Rates
from mmal.engine.rounds.settings import RoundSettings
from mmal.engine.rounds.workload import Workload


def workload(query: str = "LearnedLoss", subset: int | None = None, **others) -> Workload:
    settings = RoundSettings(
        rounds=3, initial=10, budget=4, query=dict(type=f"mmal.{query}"), subset=subset
    )
    known = dict(pool=30, test=7, epochs=5, iterations=None, batch_size=4)
    return Workload(settings=settings, initial=10, **{**known, **others})


def test_steps_of_epochs():
    assert workload().steps(10) == 5 * 3  # batches of 4, 4 and 2
    assert workload(drop_last=True).steps(10) == 5 * 2
    assert workload(repeats=2.0).steps(10) == 5 * 5
    assert workload(repeats=0.5).steps(10) == 5 * 2  # the filter leaves out half of them
    assert workload(processes=2).steps(10) == 5 * 2  # 5 samples each
    assert workload(processes=3).steps(10) == 5 * 1  # 4, 4 and, filled up, 4


def test_steps_of_a_loop_that_counts_them():
    assert workload(epochs=None, iterations=70).steps(10) == 70


def test_what_is_labelled_and_read():
    work = workload()
    assert [work.labeled(i) for i in range(3)] == [10, 14, 18]
    assert [work.read(i) for i in range(3)] == [20, 16, 0]  # the last round picks nothing
    assert [workload(subset=18).read(i) for i in range(3)] == [18, 16, 0]
    # Core-set reads the features of labelled samples, too.
    assert [workload("CoreSet").read(i) for i in range(3)] == [30, 30, 0]
    assert [workload("Random").read(i) for i in range(3)] == [0, 0, 0]


def test_seconds_share_what_processes_share():
    rates = Rates(step=2.0, evaluated=0.5, scored=0.25, picked=0.01)
    work = workload(scored=1.5)  # three people in two images
    found = work.seconds(0, rates, steps=15)
    assert found == dict(train=30.0, evaluate=3.5, score=20 * 1.5 * 0.25, query=20 * 4 * 0.01)
    shared = workload(scored=1.5, processes=2).seconds(0, rates, steps=10)
    assert shared == dict(train=20.0, evaluate=1.75, score=3.75, query=0.8)
    assert work.seconds(0, Rates(step=2.0), steps=15)["score"] is None


def test_rates_of_rounds_that_were_run():
    """What the rates say of those rounds is what was measured in them."""
    work = workload(processes=2)
    records = [
        dict(labeled=10, seconds=dict(train=20.0, evaluate=7.0, score=5.0, query=0.8)),
        # Its training was interrupted: what the last process measured is not all of it.
        dict(labeled=14, seconds=dict(train=1.0, evaluate=7.0)),
    ]
    rates = work.recorded_rates(records)
    assert rates.complete
    found = work.seconds(0, rates, work.steps(10))
    assert found == pytest.approx(records[0]["seconds"])
    assert work.recorded_rates([]) == Rates()


def test_rates_fill_each_other_up():
    assert Rates(step=1.0).or_else(Rates(2.0, 3.0, None, 0.0)) == Rates(1.0, 3.0, None, 0.0)
    assert not Rates(1.0, 1.0, None, 1.0).complete
    assert Rates(1.0, 1.0, 0.0, 0.0).complete
