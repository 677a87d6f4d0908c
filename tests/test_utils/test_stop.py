import multiprocessing
import os
import signal
import time
from contextlib import suppress

import pytest

from mmal.utils import Stopped, stop_asked, stop_on_signals, stop_waits


def ask(signum: int) -> None:
    os.kill(os.getpid(), signum)


def ask_and_go_on(*signums: int) -> None:
    for signum in signums:
        ask(signum)
    pytest.fail("went on")


def ask_and_fail(error: BaseException) -> None:
    ask(signal.SIGTERM)
    raise error


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_at_once(signum):
    with pytest.raises(Stopped) as stopped, stop_on_signals():
        ask_and_go_on(signum)
    assert stopped.value.signum == signum
    assert isinstance(stopped.value, KeyboardInterrupt)


def test_handlers_are_put_back():
    before = [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)]
    with stop_on_signals():
        assert signal.getsignal(signal.SIGTERM) is not before[1]
    assert [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)] == before


def test_a_signal_waits_for_the_body():
    seen = []

    def body() -> None:
        with stop_waits():
            seen.append(stop_asked())
            ask(signal.SIGTERM)
            seen.append(stop_asked())
        pytest.fail("went on")

    with pytest.raises(Stopped) as stopped, stop_on_signals():
        body()
    assert seen == [False, True]
    assert stopped.value.signum == signal.SIGTERM
    assert not stop_asked()


def test_a_second_signal_does_not_wait():
    with pytest.raises(Stopped), stop_on_signals(), stop_waits():
        ask_and_go_on(signal.SIGTERM, signal.SIGTERM)


@pytest.mark.parametrize("raised", [RuntimeError("worker died"), KeyboardInterrupt()])
def test_an_error_after_the_signal_is_the_stop(raised):
    with pytest.raises(Stopped) as stopped, stop_on_signals(), stop_waits():
        ask_and_fail(raised)
    assert stopped.value.signum == signal.SIGTERM


def test_an_error_without_a_signal_is_itself():
    with pytest.raises(RuntimeError, match="worker died"), stop_on_signals(), stop_waits():
        raise RuntimeError("worker died")
    with stop_on_signals(), stop_waits():
        pass


def go_on_and_wait_later() -> None:
    with suppress(BaseException):  # as libraries do that try to import others
        ask(signal.SIGTERM)
    with stop_waits():
        pytest.fail("went on")


def test_a_signal_that_was_swallowed_stops_later():
    with pytest.raises(Stopped) as stopped, stop_on_signals():
        go_on_and_wait_later()
    assert stopped.value.signum == signal.SIGTERM
    with stop_on_signals(), stop_waits():
        assert not stop_asked()


def wait_in_vain() -> None:
    time.sleep(60)


def test_children_end_by_sigterm_and_leave_ctrl_c_to_their_parent():
    context = multiprocessing.get_context("fork")
    with stop_on_signals():
        child = context.Process(target=wait_in_vain)
        child.start()
        os.kill(child.pid, signal.SIGINT)
        child.join(0.2)
        assert child.is_alive()
        child.terminate()
        child.join(10)
    assert child.exitcode == -signal.SIGTERM


def test_a_child_that_is_ended_at_once_does_not_lose_the_signal():
    """A signal between the fork and what the child does about signals must not be lost."""
    context = multiprocessing.get_context("fork")
    codes = []
    with stop_on_signals():
        for _ in range(40):
            child = context.Process(target=time.sleep, args=(1,))
            child.start()
            child.terminate()
            child.join()
            codes.append(child.exitcode)
    assert set(codes) == {-signal.SIGTERM}
