"""Where the images of a pool without labels are listed."""

import csv
import glob
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

import pyarrow as pa
import pyarrow.parquet as pa_parquet
from mmengine.fileio import get_text, isdir, list_dir_or_file

from mmal.utils import few

from .image_folder import IMAGE_SUFFIXES, ImageFolder

#: Columns of a manifest that may hold the image files, the first that is there counts.
PATH_COLUMNS = ("img_path", "path", "file_name", "filename", "file", "image")

_OUTSIDE = "outside/"


class RawImages:
    """The images of a folder, a pattern, a list, a manifest or a COCO file, and their ids.

    - A folder: all images below it, as :class:`ImageFolder` finds them.
    - A pattern with ``*``, ``?`` or ``[``, such as ``photos/**/*.jpg``; ``**`` is any folder.
    - ``.txt``: a file a line. ``.csv`` or ``.parquet``: a column of files, one of
      :data:`PATH_COLUMNS`. ``.json``: COCO's ``images[].file_name``; annotations are not looked at.
      Paths in such lists are relative to the list's folder or, if there is no such file, to the
      working directory.

    Folders and lists may also lie in any file backend of mmengine that can list, such as
    ``s3://bucket/photos``; names in a list may be such addresses, too.

    Args:
        sources: One or several of these.
        root: The folder below which images are named. By default the one that all sources lie in.

    Raises:
        FileNotFoundError: If a source does not exist.
        ValueError: If a source is of none of these kinds, or cannot be read.
    """

    def __init__(self, sources: Sequence[str], root: str | None = None) -> None:
        if not sources:
            raise ValueError("A pool needs at least one folder, pattern or list of images.")
        self.sources = [_absolute(source) for source in sources]
        self.root = _absolute(root) if root is not None else _common_folder(self.sources)

    def paths(self) -> dict[str, str]:
        """List the images anew.

        Returns:
            The files by id, each file once: its path below :attr:`root`, or, of a file outside of
            it, the whole path after ``outside/``. An id is a relative path that leads nowhere else.
            Files that a list names need not exist.
        """
        found: dict[str, str] = {}
        for source in self.sources:
            for path in _listed(source):
                other = found.setdefault(self.name(path), path)
                if other != path:
                    raise ValueError(f"{path} and {other} have the same id. Move one of them.")
        return found

    def name(self, path: str) -> str:
        """Return the id of an image file."""
        whole = _absolute(path)
        below = whole.removeprefix(self.root.rstrip("/") + "/")
        if below != whole:
            return below
        return _OUTSIDE + whole.replace("://", "/").lstrip("/")


def _absolute(source: str | os.PathLike) -> str:
    source = os.fspath(source)
    return source if "://" in source else os.path.abspath(source)


def _common_folder(sources: Sequence[str]) -> str:
    folders = [_fixed_part(s) if _is_pattern(s) else s for s in sources]
    folders = [s if isdir(s) else s.rpartition("/")[0] for s in folders]
    if len(set(folders)) == 1:
        return folders[0]
    # Of several servers, or of a server and a disk, there is none: images keep their whole names.
    return "/" if any("://" in s for s in folders) else os.path.commonpath(folders)


def _fixed_part(pattern: str) -> str:
    """The folder of a pattern, up to the first part that varies."""
    parts = Path(pattern).parts
    fixed = next(i for i, part in enumerate(parts) if glob.has_magic(part))
    return str(Path(*parts[:fixed]))


def _is_pattern(source: str) -> bool:
    return glob.has_magic(source) and "://" not in source and not os.path.exists(source)


def _listed(source: str) -> Iterator[str]:
    if _is_pattern(source):
        matches = sorted(glob.glob(source, recursive=True))
        images = [path for path in matches if path.lower().endswith(IMAGE_SUFFIXES)]
        if not images:
            raise FileNotFoundError(
                f"No image matches {source!r} ({len(matches)} other files do). Files must end in "
                f"{', '.join(IMAGE_SUFFIXES)}."
            )
        return iter(images)
    if isdir(source):
        return _below(source)
    readers = {".txt": _lines, ".csv": _csv_column, ".parquet": _parquet_column, ".json": _coco}
    reader = readers.get(PurePosixPath(source).suffix.lower())
    if reader is None:
        exists = "://" in source or os.path.exists(source)
        error = ValueError if exists else FileNotFoundError
        raise error(
            f"{source} is no source of images{'' if exists else ', it does not exist'}. It must "
            "be a folder, a pattern, a .txt, .csv or .parquet list, or a COCO .json."
        )
    try:
        names = list(reader(source))
    except FileNotFoundError:
        raise FileNotFoundError(f"The list of images {source} does not exist.") from None
    except (ValueError, OSError, RecursionError, csv.Error, pa.ArrowException) as error:
        raise ValueError(f"The list of images {source} cannot be read: {error}") from error
    if not names:
        raise ValueError(f"The list of images {source} is empty.")
    # In JSON and Parquet anything may stand.
    for number, name in enumerate(names, 1):
        if not isinstance(name, str) or not name or "\0" in name or not _is_file_name(name):
            raise ValueError(
                f"Entry {number} of the list of images {source} is {name!r}, not the name of a "
                "file. Mend or remove it."
            )
    return iter(_located(names, source.rpartition("/")[0]))


def _is_file_name(name: str) -> bool:
    """Whether a file may have the name: JSON may hold half of a character."""
    try:
        os.fsencode(name)
    except UnicodeEncodeError:
        return False
    return True


def _below(folder: str) -> Iterator[str]:
    if "://" not in folder:
        return iter(ImageFolder(folder, lazy_init=True).image_files())
    names = list_dir_or_file(folder, list_dir=False, suffix=IMAGE_SUFFIXES, recursive=True)
    return iter([f"{folder.rstrip('/')}/{name}" for name in sorted(names)])


def _located(names: Sequence[str], folder: str) -> list[str]:
    paths = []
    for name in names:
        below = os.path.join(folder, name)  # an absolute name stays as it is
        if "://" in name:
            below = name
        elif "://" not in below and not os.path.exists(below) and os.path.exists(name):
            below = os.path.abspath(name)
        paths.append(below if "://" in below else os.path.normpath(below))
    return paths


def _lines(source: str) -> list[str]:
    lines = (line.strip("\r\n") for line in get_text(source, encoding="utf-8-sig").split("\n"))
    return [line for line in lines if line]


def _csv_column(source: str) -> list[str]:
    reader = csv.DictReader(get_text(source, encoding="utf-8-sig").splitlines())
    column = _path_column(reader.fieldnames or [])
    return [row[column] for row in reader if row[column]]


def _parquet_column(source: str) -> list[str]:
    column = _path_column(pa_parquet.read_schema(source).names)
    return pa_parquet.read_table(source, columns=[column])[column].to_pylist()


def _path_column(columns: Sequence[str]) -> str:
    found = [name for name in PATH_COLUMNS if name in columns]
    if not found:
        raise ValueError(
            f"it has no column of image files, one of {list(PATH_COLUMNS)}, only {few(columns)}"
        )
    return found[0]


def _coco(source: str) -> list[str]:
    content = json.loads(get_text(source, encoding="utf-8-sig"))
    images = content.get("images") if isinstance(content, dict) else None
    if not isinstance(images, list):
        raise ValueError("it has no list 'images', as COCO files have")
    try:
        return [image["file_name"] for image in images]
    except (KeyError, TypeError):
        raise ValueError("an entry of its 'images' has no 'file_name'") from None
