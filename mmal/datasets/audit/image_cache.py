"""Remembering which image files were looked at."""

import logging
import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

from mmengine.logging import print_log

from mmal.utils import cache_folder

from .image_facts import ImageFacts

_SCHEMA = """
CREATE TABLE IF NOT EXISTS images_1 (
    path TEXT PRIMARY KEY, bytes INTEGER, mtime_ns INTEGER,
    width INTEGER, height INTEGER, turned INTEGER, digest TEXT
) WITHOUT ROWID
"""
_LOOKUP = "SELECT * FROM images_1 WHERE path IN ({})"
#: Files that are looked up at a time, and threads that ask for their size and time: most of that is
#: waiting, where a network lies between.
_PART, _THREADS = 500, 16
_STORE = "INSERT OR REPLACE INTO images_1 VALUES (?, ?, ?, ?, ?, ?, ?)"
# A cache whose own path is no UTF-8 is among them.
_FAILURES = (sqlite3.Error, OSError, UnicodeEncodeError)


class ImageCache:
    """What was seen of good images, by absolute path, size in bytes and time of change.

    Images with a problem are not remembered: they are looked at again once they are mended; nor are
    those whose names no database holds, since they are no UTF-8, which the audit reports. Where
    the file cannot be written or read (a full disk, a file system without locks), everything is
    looked at anew.

    Args:
        path: The file; by default ``images.sqlite`` in :func:`cache_folder`.
    """

    def __init__(self, path: str | os.PathLike | None = None) -> None:
        self.path = Path(path) if path is not None else cache_folder() / "images.sqlite"

    def lookup(self, paths: Sequence[str]) -> dict[str, ImageFacts]:
        """Return what is known of those files that have not changed since."""
        found: dict[str, ImageFacts] = {}
        parts = [paths[begin : begin + _PART] for begin in range(0, len(paths), _PART)]
        try:
            with (
                closing(self._connect()) as connection,
                ThreadPoolExecutor(_THREADS) as threads,
            ):
                # Asked of the disk while the database is read.
                for part, states in zip(parts, threads.map(_states, parts), strict=True):
                    found.update(_known(connection, part, states))
        except _FAILURES as error:
            self._warn(error)
        return found

    def store(self, facts: Mapping[str, ImageFacts]) -> None:
        """Remember what was seen of good images."""
        rows = [
            (name, *state, *seen.size, seen.turned, seen.digest)
            for path, seen in facts.items()
            if seen.problem is None
            and (name := _name(path)) is not None
            and (state := _state(path)) is not None
        ]
        if not rows:
            return
        try:
            with closing(self._connect()) as connection, connection:
                connection.executemany(_STORE, rows)
        except _FAILURES as error:
            self._warn(error)

    def _connect(self) -> sqlite3.Connection:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(self.path, timeout=30)
        connection.execute(_SCHEMA)
        return connection

    def _warn(self, error: Exception) -> None:
        print_log(
            f"Which images were checked is not remembered: {self.path}: {error}",
            logger="current",
            level=logging.WARNING,
        )


def _known(
    connection: sqlite3.Connection, paths: Sequence[str], states: Sequence[tuple[int, int] | None]
) -> Iterator[tuple[str, ImageFacts]]:
    """Yield those of some files that are known in the state that they are in."""
    names = [_name(path) for path in paths]
    wanted = [name for name in names if name is not None]
    marks = ",".join("?" * len(wanted))
    rows = {row[0]: row[1:] for row in connection.execute(_LOOKUP.format(marks), wanted)}
    for path, name, state in zip(paths, names, states, strict=True):
        row = rows.get(name)
        if row is not None and row[:2] == state:
            width, height, turned, digest = row[2:]
            yield path, ImageFacts(size=(width, height), turned=bool(turned), digest=digest)


def _name(path: str) -> str | None:
    """What a file is remembered by: its absolute path; None if that is no UTF-8."""
    name = os.path.abspath(path)
    try:
        name.encode()
    except UnicodeEncodeError:
        return None
    return name


def _states(paths: Sequence[str]) -> list[tuple[int, int] | None]:
    return [_state(path) for path in paths]


def _state(path: str) -> tuple[int, int] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns
