"""Keeping the report of a run up to date."""

import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mmengine.logging import print_log

from mmal.visualization.report import render_run, write_page

from .collect import read_run

#: The report of a work directory.
REPORT_FILE = "report.html"
#: The share of a run's time that its reports may take before the last one, and the least time that
#: one is taken to take, in seconds.
_SHARE, _LEAST = 0.05, 0.5


def write_run_report(root: str | os.PathLike, out: str | os.PathLike | None = None) -> Path:
    """Write the report of a work directory, of what is on disk.

    Args:
        root: A work directory of ``tools/run_rounds.py``.
        out: The page; by default ``report.html`` there.

    Returns:
        The page.

    Raises:
        FileNotFoundError: If there is no such work directory, or no round is evaluated.
    """
    path = Path(out) if out is not None else Path(root, REPORT_FILE)
    write_page(render_run(read_run(root)), path)
    return path


class ReportKeeper:
    """Writes the report of a run again and again, but not so often that the run waits for it.

    Args:
        root: The work directory.
    """

    def __init__(self, root: str | os.PathLike) -> None:
        self._root = Path(root)
        self._took = _LEAST
        self._written = time.perf_counter()

    def update(self, last: bool = False) -> None:
        """Write the report if that is quick compared to what has passed since; else wait.

        Args:
            last: Write it whatever that takes. An error is a warning: a run is not lost by it.
        """
        start = time.perf_counter()
        if not last and self._took > _SHARE * (start - self._written):
            return
        with warned("the report cannot be written"):
            write_run_report(self._root)
        self._written = time.perf_counter()
        self._took = max(self._written - start, _LEAST)


@contextmanager
def warned(what: str) -> Iterator[None]:
    """Turn an error in what only describes a round into a warning, so that the round goes on.

    Args:
        what: What then is missing.
    """
    try:
        yield
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        print_log(f"{what}: {reason}", logger="current", level=logging.WARNING)
