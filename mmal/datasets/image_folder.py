"""Images without annotations."""

import os
from collections.abc import Iterator
from pathlib import Path

from mmal.registry import DATASETS

from .image_list import ImageList

#: Endings of names that are images', lower case.
IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")
#: Endings of pictures that not every build of OpenCV reads, or none does.
OTHER_SUFFIXES = (
    *(".arw", ".avif", ".cr2", ".cr3", ".dng", ".exr", ".gif", ".heic", ".heif", ".jfif", ".jp2"),
    *(".jpe", ".jxl", ".mpo", ".nef", ".orf", ".pgm", ".pnm", ".ppm", ".psd", ".raf", ".raw"),
    *(".rw2", ".tga"),
)


@DATASETS.register_module()
class ImageFolder(ImageList):
    """All images below a folder, sorted by path, without annotations.

    For a top-down pose pipeline each image is one person who fills it, as MMPose's
    ``inference_topdown`` takes an image without boxes. Where a detector has found people, MMPose's
    ``CocoDataset`` with its ``bbox_file`` is the better data set.

    Args:
        data_root: The folder. Sub-folders are searched, linked ones too; what is hidden (its name
            begins with a dot, as those of thumbnails and of macOS's doubles do) is left out.
        suffixes: File name endings that count as images, lower case.
        **kwargs: As for ``mmengine.dataset.BaseDataset``; ``pipeline`` is the usual test pipeline
            (loading annotations finds none).

    Attributes:
        other_pictures: Once the images are listed, files beside them that are pictures by their
            endings (:data:`OTHER_SUFFIXES`), but not among ``suffixes``.
        dangling: Once the images are listed, links beside them that lead nowhere.
        closed: Once the images are listed, folders that cannot be read.

    Raises:
        FileNotFoundError: If the folder does not exist or holds no image.
    """

    def __init__(
        self,
        data_root: str,
        suffixes: tuple[str, ...] = IMAGE_SUFFIXES,
        **kwargs,
    ) -> None:
        self.suffixes = tuple(suffixes)
        self.other_pictures: list[str] = []
        self.dangling: list[str] = []
        self.closed: list[str] = []
        super().__init__(data_root=data_root, **kwargs)

    def _is_image(self, path: Path) -> bool:
        """Whether a file is an image; note what looks as if it should be one, and is none."""
        if path.name.startswith("."):
            return False
        suffix = path.suffix.lower()
        if suffix in self.suffixes and path.is_file():
            return True
        if path.is_symlink() and not path.exists():
            self.dangling.append(str(path))
        elif suffix in OTHER_SUFFIXES and suffix not in self.suffixes:
            self.other_pictures.append(str(path))
        return False

    def load_data_list(self) -> list[dict]:
        """List the images."""
        self.files = self.image_files()
        return super().load_data_list()

    def image_files(self) -> list[str]:
        """Look for the image files, sorted by path.

        Raises:
            FileNotFoundError: If there is none.
        """
        root = Path(self.data_root)
        self.other_pictures, self.dangling, self.closed = [], [], []
        paths = sorted(filter(self._is_image, _files_below(root, self.closed)))
        if not paths:
            raise FileNotFoundError(
                f"ImageFolder found no image below data_root={self.data_root!r} "
                f"({self._why_empty(root)}); it looks for files that end in "
                f"{', '.join(self.suffixes)}."
            )
        return [str(path) for path in paths]

    def _why_empty(self, root: Path) -> str:
        if not root.is_dir():
            return "no such folder"
        if others := self.other_pictures:
            return f"pictures of other types: {len(others)}, such as {others[0]}"
        if dangling := self.dangling:
            return f"links that lead nowhere: {len(dangling)}, such as {dangling[0]}"
        if closed := self.closed:
            return f"folders that cannot be read: {len(closed)}, such as {closed[0]}"
        return "an empty folder"


def _files_below(root: Path, closed: list[str]) -> Iterator[Path]:
    """Yield the files below a folder, each real folder entered once, however it is linked.

    Args:
        root: The folder.
        closed: Folders that cannot be read are added to it.
    """
    entered = set()

    def note(error: OSError) -> None:
        closed.append(str(error.filename))

    for folder, children, names in os.walk(root, onerror=note, followlinks=True):
        children.sort()
        visible = []
        for child in children:
            real = os.path.realpath(os.path.join(folder, child))
            above = os.path.realpath(folder)
            loops = real == above or above.startswith(real + os.sep)
            if not child.startswith(".") and not loops and real not in entered:
                entered.add(real)
                visible.append(child)
        children[:] = visible
        yield from (Path(folder, name) for name in names)
