"""What of all that is printed a user of the tools gets to see."""

import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import Any, TextIO

from mmengine.logging import MMLogger

#: Parts of lines that other packages print on every run and that say nothing of it.
NOISE = (
    "Could not import OneDL",
    "loading annotations into memory",
    "Loading and preparing results",
    "DONE (t=",
    "Done (t=",
    "creating index",
    "index created!",
    "Running per image evaluation",
    "Evaluate annotation type",
    "Accumulating evaluation results",
    "Average Precision  (AP) @[",
    "Average Recall     (AR) @[",
    "Loads checkpoint by",
    "The value is the same before and after calling `init_weights`",
    "Initialized by user-defined `init_weights`",
    "load model from:",
    "will be deprecated",
    "Could not safely load weights",
    "`FileClient`",
    "missing keys in source state_dict: loss_predictor",
)


@contextmanager
def quiet_terminal(log: str | os.PathLike | None = None) -> Iterator[None]:
    """Keep from the terminal what other packages say on every run, and all Python warnings.

    Args:
        log: A file to which that is added at the end, if its folder exists by then.
    """
    heard: list[str] = []

    def note(message: object, category: type, filename: str, lineno: int, *_: object) -> None:
        heard.append(f"{filename}:{lineno}: {category.__name__}: {message}\n")

    try:
        with ExitStack() as stack:
            stack.enter_context(warnings.catch_warnings())
            warnings.showwarning = note
            stdout, stderr = _Sieve(sys.stdout, heard), _Sieve(sys.stderr, heard)
            for handler in _terminal_handlers():  # of loggers that were made by an import
                stack.callback(handler.setStream, handler.stream)
                handler.setStream(stdout if handler.stream is sys.stdout else stderr)
            stack.enter_context(redirect_stdout(stdout))
            stack.enter_context(redirect_stderr(stderr))
            yield
    finally:
        if log is not None and heard and Path(log).parent.is_dir():
            # A full or read-only disk has been told of, or does not matter.
            with (
                suppress(OSError),
                open(log, "a", encoding="utf-8", errors="backslashreplace") as file,
            ):
                file.writelines(heard)


def _terminal_handlers() -> list[logging.StreamHandler]:
    return [
        handler
        for logger in MMLogger._instance_dict.values()
        for handler in logger.handlers
        if getattr(handler, "stream", None) in (sys.stdout, sys.stderr)
    ]


class _Sieve:
    """A stream that lets everything through but lines of noise.

    Whatever else is asked of it, the stream behind it answers.

    Args:
        stream: Where everything else goes.
        heard: Gets the lines of noise.
    """

    def __init__(self, stream: TextIO, heard: list[str]) -> None:
        self._stream = stream
        self._heard = heard
        self._ends_line = False  # print writes the end of a line by itself

    def write(self, text: str) -> int:
        if self._ends_line and text == "\n":
            self._ends_line = False
            return len(text)
        self._ends_line = any(words in text for words in NOISE)
        if self._ends_line:
            self._heard.append(text.rstrip("\n") + "\n")
            self._ends_line = not text.endswith("\n")
            return len(text)
        return self._stream.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
