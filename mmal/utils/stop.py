"""Ending at a good moment when the system or a person asks for it."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

#: Ctrl-C, and what Slurm sends to a job that has to go.
SIGNALS = (signal.SIGINT, signal.SIGTERM)

_listening = False
_waiting = False
_asked: int | None = None


class Stopped(KeyboardInterrupt):
    """What a signal that asks to end becomes.

    Attributes:
        signum: The signal.
    """

    def __init__(self, signum: int) -> None:
        super().__init__(signal.Signals(signum).name)
        self.signum = signum


@contextmanager
def stop_on_signals() -> Iterator[None]:
    """Let SIGINT and SIGTERM raise :class:`Stopped`, at once or where :func:`stop_waits` says.

    Forked children, as data loading workers, do not listen: SIGTERM ends them, and Ctrl-C, which a
    terminal sends to them, too, is left to their parent.

    Outside of the main thread, where no signal arrives, nothing changes.
    """
    global _listening, _asked
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {signum: signal.signal(signum, _ask) for signum in SIGNALS}
    _listening, _asked = True, None
    try:
        yield
    finally:
        _listening, _asked = False, None
        for signum, handler in before.items():
            signal.signal(signum, handler)


@contextmanager
def stop_waits() -> Iterator[None]:
    """Let a signal wait until the body asks :func:`stop_asked` and ends, or is through.

    A second one raises at once. One that came before, and that a library took for an error of its
    own and went on, raises now.

    Raises:
        Stopped: At the end, if a signal came; in place of an error, too, since whoever asks this
            process to stop may have ended those that it needs.
    """
    global _waiting
    if _asked is not None:
        raise Stopped(_asked)
    _waiting = True
    try:
        yield
    except (Exception, KeyboardInterrupt) as error:
        if _asked is not None:
            raise Stopped(_asked) from error
        raise
    finally:
        _waiting = False
    if _asked is not None:
        raise Stopped(_asked)


def stop_asked() -> bool:
    """Whether a signal waits for the body of :func:`stop_waits` to end."""
    return _waiting and _asked is not None


def _ask(signum: int, frame: object) -> None:
    global _asked
    first, _asked = _asked is None, signum
    if not (_waiting and first):
        raise Stopped(signum)


def _hold_signals() -> None:
    """Let none arrive in a child that does not yet know what to do: it would be lost there."""
    if _listening:
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)


def _let_signals_through() -> None:
    if _listening:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)


def _leave_to_the_parent() -> None:
    """Be a child that ends by SIGTERM: a pool that is closed sends that, and waits for it."""
    if _listening:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        _let_signals_through()


os.register_at_fork(
    before=_hold_signals,
    after_in_parent=_let_signals_through,
    after_in_child=_leave_to_the_parent,
)
