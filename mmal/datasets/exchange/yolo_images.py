"""Which image a text file of YOLO is of: it has the image's name, but for folders and ending."""

import posixpath
import re
from collections import defaultdict
from collections.abc import Iterable

#: What Label Studio puts in front of the name of an uploaded file.
_UPLOADED = re.compile(r"^[0-9a-f]{8}-")


class ImageFinder:
    """Finds images by the names of their text files.

    Args:
        names: The images of the data set.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._by_stem: dict[str, list[str]] = defaultdict(list)
        self._by_base: dict[str, list[str]] = defaultdict(list)
        for name in names:
            stem = posixpath.splitext(name)[0]
            self._by_stem[stem].append(name)
            self._by_base[posixpath.basename(stem)].append(name)

    def find(self, file: str) -> list[str]:
        """Return the image that a file is of; none, or several, if that cannot be told.

        Tools put folders in front (``labels/train``), so the longest part of the path counts that
        fits an image; and at last the file's name alone, as tools that know no folders write it.
        """
        parts = posixpath.splitext(file)[0].split("/")
        if "labels" in parts[:-1]:
            parts = parts[parts.index("labels") + 1 :]
        for begin in range(len(parts)):
            if found := self._by_stem.get("/".join(parts[begin:])):
                return found
        base = parts[-1]
        return self._by_base.get(base) or self._by_base.get(_UPLOADED.sub("", base), [])
