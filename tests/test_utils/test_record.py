"""Tests of record and replay."""

import pytest
from torch import nn

from mmal.utils.record import recorded, replayed


class Adder:
    def add(self, a: int, b: int = 0) -> int:
        if a < 0:
            raise ValueError("negative")
        return a + b


class Doubler(nn.Module):
    def forward(self, x: int) -> int:
        return 2 * x


def test_recorded_keeps_results_call_by_call():
    adder, other = Adder(), Adder()
    with recorded(adder, "add") as results:
        assert results == []
        assert adder.add(1, b=2) == 3
        assert other.add(5) == 5
        with pytest.raises(ValueError, match="negative"):
            adder.add(-1)
        adder.add(4)

        assert results == [3, 4]
    adder.add(9)

    assert results == [3, 4]
    assert vars(adder) == {}


def test_recorded_sees_calls_of_a_module():
    doubler = Doubler()
    with recorded(doubler, "forward") as results:
        doubler(4)
    doubler(5)

    assert results == [8]


def test_replayed_answers_in_order_whatever_the_arguments():
    adder = Adder()
    with replayed(adder, "add", ["first", None, "third"]):
        assert [adder.add(1), adder.add(2, b=7), adder.add(-1)] == ["first", None, "third"]
        with pytest.raises(RuntimeError, match=r"Adder\.add was called 3 times for the batch but"):
            adder.add(1)

    assert adder.add(1, 1) == 2
    assert vars(adder) == {}


@pytest.mark.parametrize(
    "context", [lambda o: recorded(o, "add"), lambda o: replayed(o, "add", [1])]
)
def test_what_shadowed_the_method_before_is_back_even_after_an_error(context):
    def add(a):
        return "shadow"

    adder = Adder()
    adder.add = add
    with pytest.raises(KeyError), context(adder):
        raise KeyError

    assert vars(adder) == {"add": add}


def test_contexts_nest():
    adder = Adder()
    with (
        recorded(adder, "add") as outer,
        replayed(adder, "add", [7]),
        recorded(adder, "add") as inner,
    ):
        adder.add(1)

    assert inner == [7]
    assert outer == []  # replaying calls nothing
    assert vars(adder) == {}
