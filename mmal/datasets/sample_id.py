"""The names of samples."""

import os
from collections import defaultdict
from collections.abc import Sequence
from pathlib import PurePath

import numpy as np
from mmengine.dataset import BaseDataset


def sample_ids(infos: Sequence[dict], dataset: BaseDataset, group_by: str = "sample") -> list[str]:
    """Return ids that depend on what the samples are, not on their places in the data set.

    An image is named by its path below ``data_root`` with forward slashes, such as
    ``train2017/000000000009.jpg``; in VOC layout by the year's folder and the image's name,
    ``VOC2007/000005``. A path outside ``data_root`` is taken as it stands.

    A person of a top-down pose data set is named by the image and either the number of its
    annotation, ``train2017/000000000036.jpg#1236``, or, where annotations have none (MPII), its
    place among the people of the image from left to right, ``images/015601864.jpg#0``.

    Args:
        infos: Data infos, each with ``img_path``.
        dataset: The data set that they are from.
        group_by: ``sample``, or ``image`` for the same id for all people of an image.
    """
    ids = [_image_id(info, dataset) for info in infos]
    if group_by == "image" or not is_topdown(dataset):
        return ids
    people = defaultdict(list)
    for index, image in enumerate(ids):
        people[image].append(index)
    for indices in people.values():
        indices.sort(key=lambda i: tuple(np.ravel(infos[i]["bbox"])))
    place = {index: n for indices in people.values() for n, index in enumerate(indices)}
    numbers = [info.get("raw_ann_info") or {} for info in infos]
    return [
        f"{image}#{annotation.get('id', place[index])}"
        for index, (image, annotation) in enumerate(zip(ids, numbers, strict=True))
    ]


def is_topdown(dataset: BaseDataset) -> bool:
    """Whether a sample of the data set is a person, not an image."""
    return getattr(dataset, "data_mode", None) == "topdown"


def _image_id(info: dict, dataset: BaseDataset) -> str:
    path = info["img_path"]
    root = os.path.abspath(dataset.data_root) if dataset.data_root else None
    if root and os.path.abspath(path).startswith(root + os.sep):
        path = os.path.relpath(path, root)
    path = PurePath(path)
    if "xml_path" in info and path.parent.name == dataset.img_subdir:
        path = path.parent.parent / path.stem
    return path.as_posix()
