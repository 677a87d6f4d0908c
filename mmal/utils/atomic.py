"""Writing files so that a crash leaves either the old one or the new one."""

import errno
import glob
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

#: A disk that is full, a quota, a broken or a read-only disk, and folders of others.
_STORAGE = {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.EACCES, errno.EPERM}
_STORAGE |= {errno.ESTALE, errno.EFBIG, errno.ENXIO}


class StorageError(OSError):
    """A file that could not be written; the message names it."""

    def __str__(self) -> str:
        return str(self.strerror)


@contextmanager
def atomic_path(path: str | os.PathLike) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; on success it replaces ``path`` in one step.

    The data reach the disk before the name does (fsync, rename, fsync of the folder). When the
    body raises, ``path`` is left as it was and the temporary file is removed.

    Raises:
        StorageError: If the disk is full, or nothing can be written there for other reasons.

    Example:
        >>> with atomic_path('pool.json') as tmp:  # doctest: +SKIP
        ...     tmp.write_text('{}')
    """
    path = Path(path)
    with named_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    tmp = path.with_name(f".{path.stem}.{os.getpid()}.tmp{path.suffix}")
    try:
        with named_errors(path):
            yield tmp
            _fsync(tmp)
            os.replace(tmp, path)
            _fsync(path.parent)
    finally:
        with suppress(OSError):  # the first error is the one to tell
            tmp.unlink(missing_ok=True)


def remove_leftovers(path: str | os.PathLike) -> None:
    """Remove what writes of ``path`` that were killed have left beside it.

    To be called by a process that alone may write the file.
    """
    path = Path(path)
    for tmp in path.parent.glob(f".{glob.escape(path.stem)}.*.tmp{glob.escape(path.suffix)}"):
        with suppress(OSError):  # on a disk that nobody may write to
            tmp.unlink()


@contextmanager
def named_errors(path: str | os.PathLike) -> Iterator[None]:
    """Let errors of a storage that takes no more name the file that was to be written.

    Raises:
        StorageError: In place of an OSError of such a kind.
    """
    try:
        yield
    except StorageError:
        raise
    except OSError as error:
        if error.errno not in _STORAGE:
            raise
        reason = os.strerror(error.errno)
        raise StorageError(error.errno, f"{path} cannot be written: {reason}") from error


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def full_disk_errors(folder: str | os.PathLike) -> Iterator[None]:
    """Let errors of a full or broken disk be told in one way, whoever was writing below ``folder``.

    Raises:
        StorageError: In place of an OSError of such a kind.
    """
    try:
        yield
    except StorageError:
        raise
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG, errno.EIO):
            raise
        what = f"{error.filename or f'Something in {folder}'} cannot be written"
        if error.errno == errno.EIO:  # which reading meets, too
            what += " (or something that a data set names cannot be read)"
        raise StorageError(error.errno, f"{what}: {os.strerror(error.errno)}") from error
