"""How far long work is: a bar in a terminal, a line now and then in a log."""

import math
import sys
import time
from collections.abc import Callable, Iterator
from typing import Protocol, TypeVar

from mmengine.dist import is_main_process
from mmengine.logging import print_log
from rich.progress import track

_T = TypeVar("_T", covariant=True)
#: Seconds between the lines of a log.
_PAUSE = 60.0


class _Steps(Protocol[_T]):
    """What can be counted and gone through, as lists, ranges and data loaders can."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[_T]: ...


def shows_progress() -> bool:
    """Whether this process has a terminal for a bar: in a log it would leave empty lines."""
    return is_main_process() and sys.stdout.isatty()


def tracked(
    steps: _Steps[_T], description: str, clock: Callable[[], float] = time.monotonic
) -> Iterator[_T]:
    """Yield steps behind a progress bar; without a terminal, say every minute how far they are.

    Of several processes the main one speaks. Work of less than a minute leaves nothing in a log.

    Args:
        steps: The steps of the work.
        description: What is being done, such as "scoring".
        clock: Gives seconds.
    """
    if not is_main_process():
        yield from steps
    elif shows_progress():
        yield from track(steps, description, len(steps), transient=True)
    else:
        begun = told = clock()
        for done, step in enumerate(steps):
            now = clock()
            if done and now - told >= _PAUSE:
                left = duration((now - begun) / done * (len(steps) - done))
                share = done / len(steps)
                print_log(f"{description}: {share:.0%}, about {left} left", logger="current")
                told = now
            yield step


def duration(seconds: float) -> str:
    """Return seconds as minutes or hours.

    Example:
        >>> duration(2400), duration(5000), duration(30)
        ('40 min', '1 h 24 min', '1 min')
    """
    hours, minutes = divmod(max(math.ceil(seconds / 60), 1), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"
