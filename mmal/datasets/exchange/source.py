"""What a tool delivered: one file, a folder or a ZIP archive."""

import os
import posixpath
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

from .problems import ExchangeError

#: Endings of files that may hold labels; images beside them are not looked at.
SUFFIXES = frozenset((".json", ".xml", ".txt", ".yaml", ".yml", ".names"))
#: Folders of no tool, doubles of files that macOS makes, and what an interrupted write left.
_PASSED_OVER = re.compile(r"(^|/)(__MACOSX/|\.git/|\.ipynb_checkpoints/|\._|\.[^/]*\.\d+\.tmp\.)")
_DRIVE = re.compile("[A-Za-z]:/")
#: Bytes of a file in an archive; a small archive can unfold into more than there is memory.
LARGEST = 2**30


class Source:
    """The files of labels that a tool delivered, by their names.

    An archive is read where it is; nothing of it is unpacked.

    Args:
        path: A file, a folder, or a ZIP archive.

    Attributes:
        path: The same.
        names: The files' names, relative to the folder or archive, with forward slashes, sorted.

    Raises:
        ExchangeError: If there is no such file, or the archive cannot be read, is encrypted, or
            has files that lead out of it.
    """

    def __init__(self, path: str | os.PathLike) -> None:
        self.path = Path(path)
        self._root = self.path
        self._archived: dict[str, zipfile.ZipInfo] | None = None
        if self.path.is_dir():
            self.names = sorted(_below(self.path))
        elif not self.path.is_file():
            raise ExchangeError(f"{self.path}: there is no such file or folder.")
        elif self.path.suffix.lower() == ".zip" or zipfile.is_zipfile(self.path):
            self._archived = _members(self.path)
            self.names = sorted(self._archived)
        else:
            self._root = self.path.parent
            self.names = [self.path.name]

    @property
    def is_file(self) -> bool:
        """Whether it is one file by itself."""
        return self._root != self.path

    def read(self, name: str, most: int = -1) -> bytes:
        """Return the content of a file, or its first ``most`` bytes.

        Raises:
            ExchangeError: If it cannot be read.
        """
        try:
            if self._archived is None:
                with open(self._root / name, "rb") as file:
                    return file.read(most)
            with zipfile.ZipFile(self.path) as archive:
                return archive.open(self._archived[name]).read(most)
        except (OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
            raise ExchangeError(f"{self.path}: {name!r} cannot be read: {error}.") from error

    def ending(self, *suffixes: str) -> Iterator[str]:
        """Yield the names that have one of some endings."""
        return (name for name in self.names if name.lower().endswith(suffixes))


def _below(folder: Path) -> Iterator[str]:
    for parent, _, names in os.walk(folder):
        for name in names:
            path = Path(parent, name).relative_to(folder).as_posix()
            if _may_hold_labels(path):
                yield path


def _may_hold_labels(name: str) -> bool:
    suffix = posixpath.splitext(name)[1].lower()
    return suffix in SUFFIXES and not _PASSED_OVER.search(name)


def _members(path: Path) -> dict[str, zipfile.ZipInfo]:
    try:
        with zipfile.ZipFile(path) as archive:
            infos = [info for info in archive.infolist() if not info.is_dir()]
    except (OSError, zipfile.BadZipFile) as error:
        raise ExchangeError(
            f"{path} is no ZIP archive that can be read: {error}. Download it again."
        ) from error
    found = {}
    for info in infos:
        name = info.filename.replace("\\", "/")
        parts = name.split("/")
        if name.startswith("/") or ".." in parts or _DRIVE.match(name):
            raise ExchangeError(
                f"{path}: the file {info.filename!r} of the archive leads out of it. An archive "
                "of a tool has no such file; it is not read."
            )
        if not _may_hold_labels(name):
            continue
        if info.flag_bits & 1:
            raise ExchangeError(f"{path} is encrypted. Unpack it, and give the folder.")
        if info.file_size > LARGEST:
            raise ExchangeError(
                f"{path}: {name!r} is {info.file_size / 2**30:.1f} GiB when unpacked; the most is "
                f"{LARGEST / 2**30:.0f} GiB. Unpack it, and give the folder."
            )
        found[name] = info
    return found
