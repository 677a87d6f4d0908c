"""Ending at a good moment when the system or a person asks for it."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

#: Ctrl-C, and what Slurm sends to a job that has to go.
SIGNALS = (signal.SIGINT, signal.SIGTERM)

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

    Outside of the main thread, where no signal arrives, nothing changes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {signum: signal.signal(signum, _ask) for signum in SIGNALS}
    try:
        yield
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)


@contextmanager
def stop_waits() -> Iterator[None]:
    """Let a signal wait until the body asks :func:`stop_asked` and ends, or is through.

    A second one raises at once.

    Raises:
        Stopped: At the end, if a signal came; in place of an error, too, since whoever asks this
            process to stop may have ended those that it needs.
    """
    global _waiting, _asked
    _waiting, _asked = True, None
    try:
        yield
    except (Exception, KeyboardInterrupt) as error:
        if _asked is not None:
            raise Stopped(_asked) from error
        raise
    finally:
        _waiting, asked, _asked = False, _asked, None
    if asked is not None:
        raise Stopped(asked)


def stop_asked() -> bool:
    """Whether a signal waits for the body of :func:`stop_waits` to end."""
    return _asked is not None


def _ask(signum: int, frame: object) -> None:
    global _asked
    if _waiting and _asked is None:
        _asked = signum
        return
    raise Stopped(signum)
