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
    "(id INTEGER PRIMARY KEY, digest BLOB UNIQUE, shapes TEXT, content BLOB)",
    "CREATE TABLE IF NOT EXISTS views (key BLOB PRIMARY KEY, feature INTEGER, sample BLOB)",
)
_READ = (
    "SELECT sample, content FROM views LEFT JOIN features ON views.feature = features.id "
    "WHERE key = ?"
)
_SHAPES = "SELECT shapes FROM views JOIN features ON views.feature = features.id WHERE key = ?"

#: Of an image's features, (C, H, W) a level.
Shapes = tuple[tuple[int, ...], ...]


class CachedFeaturesError(ValueError):
    """Features that cannot be computed, kept or found."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"active_learning.cached_features: {reason}")


class _ArrayPickler(pickle.Pickler):
    """Keeps tensors as arrays: torch's own way takes ten times as long to read."""

    def reducer_override(self, value: object) -> object:
        if type(value) is Tensor:
            return torch.from_numpy, (value.detach().cpu().numpy(),)
        return NotImplemented


def packed_sample(sample: object) -> bytes:
    """Pickle what holds tensors, a data sample for example, for ``pickle.loads``."""
    buffer = io.BytesIO()
    _ArrayPickler(buffer, pickle.HIGHEST_PROTOCOL).dump(sample)
    return buffer.getvalue()


class View(NamedTuple):
    """What a pipeline made of a sample.

    Attributes:
        key: Of the sample, the pipeline and the number of the view.
        sample: The packed data sample; None if the pipeline rejected the sample.
        digest: Of the preprocessed image, by which its features are found; None with ``sample``.
    """

    key: bytes
    sample: bytes | None
    digest: bytes | None


class Features(NamedTuple):
    """The features of an image.

    Attributes:
        shapes: Of the levels.
        content: All levels in one vector, in half precision.
    """

    shapes: Shapes
    content: bytes


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
            CachedFeaturesError: If the file is damaged.
        """
        try:
            row = self._connection.execute(_READ, (key,)).fetchone()
        except sqlite3.DatabaseError as error:
            raise self.damaged(error) from error
        if row is None:
            raise KeyError(key)
        return row

    def damaged(self, error: sqlite3.DatabaseError) -> CachedFeaturesError:
        """Return what to say of a file that cannot be read or written."""
        if isinstance(error, sqlite3.OperationalError):  # of the disk, of access
            return CachedFeaturesError(
                f"{self.path} cannot be read or written: {error}. What is in it stays. Make room, "
                "or set cached_features.folder to a folder that can be written."
            )
        return CachedFeaturesError(
            f"{self.path} is damaged: {error}. Delete it and run again, with --resume; its "
            "features are computed anew."
        )

    def shapes(self, key: bytes) -> Shapes | None:
        """Return the shapes of a view's features; None if the pipeline rejected the sample.

        Raises:
            KeyError: If there is no such view.
        """
        row = self._connection.execute(_SHAPES, (key,)).fetchone()
        if row is None:
            self.read(key)
            return None
        return tuple(tuple(map(int, shape.split("x"))) for shape in row[0].split())

    def add(self, views: Iterable[View], features: dict[bytes, Features]) -> None:
        """Add views, and the features of their images by digest: all or nothing."""
        rows = [
            (digest, " ".join("x".join(map(str, shape)) for shape in found.shapes), found.content)
            for digest, found in features.items()
        ]
        with self._connection as connection:
            connection.executemany(
                "INSERT OR IGNORE INTO features (digest, shapes, content) VALUES (?, ?, ?)", rows
            )
            connection.executemany(
                "INSERT OR REPLACE INTO views VALUES "
                "(?, (SELECT id FROM features WHERE digest = ?), ?)",
                [(view.key, view.digest, view.sample) for view in views],
            )

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
