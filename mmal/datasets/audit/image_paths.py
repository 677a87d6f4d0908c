"""Where image files are, without opening them."""

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from mmengine.fileio import exists

from ..image_folder import IMAGE_SUFFIXES, OTHER_SUFFIXES

_PART = 500  # images


def find_missing(paths: Mapping[str, dict | None]) -> list[str]:
    """Return those files that are not there, in order.

    Args:
        paths: The files, each with the arguments of its mmengine file backend; None for local
            files.
    """
    names = list(paths)
    parts = [names[begin : begin + _PART] for begin in range(0, len(names), _PART)]

    def find(part: list[str]) -> list[str]:
        return [path for path in part if not is_there(path, paths[path])]

    # Most of the time is waiting, where a network lies between.
    with ThreadPoolExecutor(16) as pool:
        return [path for found in pool.map(find, parts) for path in found]


def is_there(path: str, backend_args: dict | None) -> bool:
    """Whether a file or folder exists, as far as its backend can tell."""
    if backend_args is None:
        return os.path.exists(path)
    try:
        return exists(path, backend_args=backend_args)
    except (AttributeError, NotImplementedError):  # a backend that cannot tell
        return True


def picture_beside(path: str, listings: dict[str, dict[str, str]]) -> str | None:
    """Return the name of a picture beside a missing one: all but its ending and capitals are equal.

    Args:
        path: The missing file.
        listings: Remembers folders between calls.
    """
    folder, name = os.path.split(path)
    if folder not in listings:
        try:
            names = sorted(os.listdir(folder))
        except (OSError, ValueError):  # no such folder, or one that is not local
            names = []
        listings[folder] = {_stem(n): n for n in names if _is_picture(n)}
    return listings[folder].get(_stem(name))


def _stem(name: str) -> str:
    return os.path.splitext(name)[0].casefold()


def _is_picture(name: str) -> bool:
    suffix = os.path.splitext(name)[1].lower()
    return suffix in IMAGE_SUFFIXES or suffix in OTHER_SUFFIXES
