"""Images without annotations."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from mmengine.dataset import BaseDataset
from PIL import Image

from mmal.registry import DATASETS
from mmal.tasks import is_topdown
from mmal.utils import type_name

_ORIENTATION = 0x0112  # the EXIF tag


@DATASETS.register_module()
class ImageFolder(BaseDataset):
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

    Raises:
        FileNotFoundError: If the folder does not exist or holds no image.
    """

    def __init__(
        self,
        data_root: str,
        suffixes: tuple[str, ...] = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"),
        **kwargs,
    ) -> None:
        self.suffixes = tuple(suffixes)
        transforms = [t for t in kwargs.get("pipeline", ()) if isinstance(t, dict)]
        if any(type_name(t) == "GetBBoxCenterScale" for t in transforms):
            self.data_mode = "topdown"  # as MMPose's data sets say that a sample is a person
        super().__init__(data_root=data_root, **kwargs)

    def _is_image(self, path: Path) -> bool:
        hidden = path.name.startswith(".")
        return not hidden and path.suffix.lower() in self.suffixes and path.is_file()

    def load_data_list(self) -> list[dict]:
        """List the images."""
        root = Path(self.data_root)
        paths = sorted(filter(self._is_image, _files_below(root)))
        if not paths:
            raise FileNotFoundError(
                f"ImageFolder found no image below data_root={self.data_root!r} "
                f"({'an empty folder' if root.is_dir() else 'no such folder'}); it looks for "
                f"files that end in {', '.join(self.suffixes)}."
            )
        people = is_topdown(self)
        return [
            dict(
                img_path=str(path), img_id=i, instances=[], **(_whole_image(path) if people else {})
            )
            for i, path in enumerate(paths)
        ]


def _files_below(root: Path) -> Iterator[Path]:
    """Yield the files below a folder, each real folder entered once, however it is linked."""
    entered = set()
    for folder, children, names in os.walk(root, followlinks=True):
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


def _whole_image(path: str) -> dict:
    """The box of a person who fills the image; of an unreadable one, which is found later, any."""
    try:
        with Image.open(path) as image:
            size = image.size
            if image.getexif().get(_ORIENTATION, 1) >= 5:  # shown, and loaded, on its side
                size = size[::-1]
    except OSError:
        size = (1, 1)
    box = np.array([[0, 0, *size]], dtype=np.float32)
    return dict(bbox=box, bbox_score=np.ones(1, dtype=np.float32))
