"""All problems at once, not the first."""

import logging
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from mmengine.dist import all_gather_object
from mmengine.logging import print_log

#: Errors whose message speaks for itself: ours, and those of files.
_PLAIN = (ValueError, TypeError, FileNotFoundError, FileExistsError)


class PreflightError(ValueError):
    """What cannot work, found before it costs anything; the message has all of it."""


class Problems:
    """Collects what goes wrong in a series of checks, in all processes."""

    def __init__(self) -> None:
        self._found: list[tuple[str, Exception]] = []

    def __bool__(self) -> bool:
        return bool(self._found)

    def add(self, error: Exception, where: str = "") -> None:
        """Note a problem; ``where`` names the part of the config that it is about."""
        self._found.append((where, error))

    @contextmanager
    def collect(self, where: str = "") -> Iterator[None]:
        """Note what the body raises, and go on after it."""
        try:
            yield
        except Exception as error:  # whatever the packages stumble over
            print_log(traceback.format_exc(), logger="current", level=logging.DEBUG)
            self.add(error, where)

    def extend(self, others: "Problems") -> None:
        """Note what others collected."""
        self._found += others._found

    def failed(self, where: str) -> bool:
        """Whether any process has found a problem with ``where``; all processes must ask."""
        return any(all_gather_object(any(place == where for place, _ in self._found)))

    def anywhere(self) -> bool:
        """Whether any process has found a problem; all processes must ask."""
        return any(all_gather_object(bool(self)))

    def raise_all(self) -> None:
        """Raise what was found in any process, each problem once; all processes must call it.

        Raises:
            PreflightError: If there are several problems.
            Exception: The problem itself if there is a single one.
        """
        found = {
            _message(where, error): (where, error)
            for part in all_gather_object(self._portable())
            for where, error in part
        }
        if not found:
            return
        (where, error), *others = found.values()
        if not others:
            if isinstance(error, _PLAIN) and _speaks_for_itself(where, error):
                raise error
            raise PreflightError(_message(where, error)) from error
        texts = [f"{i}. {text}" for i, text in enumerate(found, 1)]
        raise PreflightError(f"{len(texts)} problems have to be mended first:\n" + "\n".join(texts))

    def _portable(self) -> list[tuple[str, Exception]]:
        """What was found, in types that every process can read."""
        return [
            (where, error if isinstance(error, _PLAIN) else RuntimeError(_text(error)))
            for where, error in self._found
        ]


def _speaks_for_itself(where: str, error: Exception) -> bool:
    return not where or where in str(error)


def _message(where: str, error: Exception) -> str:
    text = _text(error)
    return text if not where or where in text else f"{where}: {text}"


def _text(error: Exception) -> str:
    text = str(error).strip()
    if isinstance(error, (*_PLAIN, RuntimeError)) and text:
        return text
    return f"{type(error).__name__}: {text}" if text else repr(error)
