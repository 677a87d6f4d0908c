"""The name of a sample."""

import os
from pathlib import PurePath

from mmengine.dataset import BaseDataset


def sample_id(info: dict, dataset: BaseDataset) -> str:
    """Return an id that depends on what the sample is, not on its place in the data set.

    It is the image's path below ``data_root`` with forward slashes, such as
    ``train2017/000000000009.jpg``; in VOC layout the year's folder and the image's name,
    ``VOC2007/000005``. A path outside ``data_root`` is taken as it stands.

    Args:
        info: The sample's data info, with ``img_path``.
        dataset: The data set that it is from.
    """
    path = info["img_path"]
    root = os.path.abspath(dataset.data_root) if dataset.data_root else None
    if root and os.path.abspath(path).startswith(root + os.sep):
        path = os.path.relpath(path, root)
    path = PurePath(path)
    if "xml_path" in info and path.parent.name == dataset.img_subdir:
        path = path.parent.parent / path.stem
    return path.as_posix()
