"""Features of images, kept on disk."""

import io
import os
import pickle
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS features "
    "(id INTEGER PRIMARY KEY, digest BLOB UNIQUE, content BLOB)",
    "CREATE TABLE IF NOT EXISTS views (key BLOB PRIMARY KEY, feature INTEGER, sample BLOB)",
    "CREATE TABLE IF NOT EXISTS shapes (level INTEGER PRIMARY KEY, shape TEXT)",
)
_READ = (
    "SELECT sample, content FROM views LEFT JOIN features ON views.feature = features.id "
    "WHERE key = ?"
)


class _ArrayPickler(pickle.Pickler):
    """Keeps tensors as arrays: torch's own way takes ten times as long to read."""

    def reducer_override(self, value: object) -> object:
        if type(value) is Tensor:
            return torch.from_numpy, (value.detach().cpu().numpy(),)
        return NotImplemented


def packed_sample(sample: object) -> bytes:
    """Pickle a data sample, its tensors on the CPU, for ``pickle.loads``."""
    buffer = io.BytesIO()
    _ArrayPickler(buffer, pickle.HIGHEST_PROTOCOL).dump(sample)
    return buffer.getvalue()


class View(NamedTuple):
    """What a pipeline made of a sample.

    Attributes:
        key: Of the sample, the pipeline and the number of the view.
        sample: The pickled data sample; None if the pipeline rejected the sample.
        digest: Of the preprocessed image, by which its features are found; None with ``sample``.
    """

    key: bytes
    sample: bytes | None
    digest: bytes | None


class FeatureStore:
    """Views of samples, and the features of the images in them, in an SQLite file.

    Views with the same image share its features. A process may be killed at any time; several may
    read while one writes. It may be pickled and forked: each process opens the file for itself.

    Args:
        path: The file, made where it is missing.
    """

    def __init__(self, path: str | os.PathLike) -> None:
        self.path = Path(path)
        self._opened: tuple[int, sqlite3.Connection] | None = None

    def __getstate__(self) -> dict:
        return {"path": self.path, "_opened": None}

    def keys(self) -> set[bytes]:
        """Return the keys of all views."""
        return {key for (key,) in self._connection.execute("SELECT key FROM views")}

    def has_features(self, digest: bytes) -> bool:
        """Whether the features of an image are there."""
        query = "SELECT 1 FROM features WHERE digest = ?"
        return self._connection.execute(query, (digest,)).fetchone() is not None

    def read(self, key: bytes) -> tuple[bytes | None, bytes | None]:
        """Return a view's data sample and features, both None if the pipeline rejected the sample.

        Raises:
            KeyError: If there is no such view.
        """
        row = self._connection.execute(_READ, (key,)).fetchone()
        if row is None:
            raise KeyError(key)
        return row

    def add(self, views: Iterable[View], features: dict[bytes, bytes]) -> None:
        """Add views, and the features of their images by digest: all or nothing."""
        with self._connection as connection:
            connection.executemany(
                "INSERT OR IGNORE INTO features (digest, content) VALUES (?, ?)", features.items()
            )
            connection.executemany(
                "INSERT OR REPLACE INTO views VALUES "
                "(?, (SELECT id FROM features WHERE digest = ?), ?)",
                [(view.key, view.digest, view.sample) for view in views],
            )

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        """The shapes of an image's features, one a level; empty before anything was added."""
        rows = self._connection.execute("SELECT shape FROM shapes ORDER BY level")
        return [tuple(map(int, shape.split(","))) for (shape,) in rows]

    @shapes.setter
    def shapes(self, shapes: Iterable[tuple[int, ...]]) -> None:
        rows = [(level, ",".join(map(str, shape))) for level, shape in enumerate(shapes)]
        with self._connection as connection:
            connection.executemany("INSERT OR REPLACE INTO shapes VALUES (?, ?)", rows)

    @property
    def _connection(self) -> sqlite3.Connection:
        if self._opened is None or self._opened[0] != os.getpid():
            self._opened = os.getpid(), self._open()
        return self._opened[1]

    def _open(self) -> sqlite3.Connection:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        new = not self.path.exists()
        connection = sqlite3.connect(self.path, timeout=60)
        try:
            if new:
                connection.execute("PRAGMA page_size = 32768")  # feature maps are large
            connection.execute("PRAGMA journal_mode = WAL")  # readers do not wait for the writer
            with connection:
                for statement in _SCHEMA:
                    connection.execute(statement)
        except BaseException:
            with closing(connection):
                raise
        return connection
