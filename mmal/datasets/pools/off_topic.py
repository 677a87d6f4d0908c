"""A pool with images of no interest."""

from collections.abc import Sequence

import numpy as np
from mmengine.dataset import BaseDataset

from mmal.registry import DATASETS
from mmal.tasks import image_id, task_of

from ..image_folder import ImageFolder
from ..image_list import shown_size
from .pool_shaper import PoolShaper


@DATASETS.register_module()
class OffTopic(PoolShaper):
    """A pool with images from elsewhere, in which there is nothing to annotate.

    A query that picks one has wasted a label, as in open-set annotation (Ning et al., Active
    Learning for Open-set Annotation, CVPR 2022): it counts as labelled, and is

    - in detection, an image without boxes, on which the model trains unless the data set's
      ``filter_cfg`` or a transform leaves such images out;
    - in classification, an image of none of the classes, on which the model does not train.

    A sample of top-down pose estimation is a person, so there is nothing off topic.

    Args:
        dataset: See :class:`PoolShaper`. Its pipelines load images from files.
        images: A folder of images, or several; see :class:`mmal.ImageFolder`.
        size: How many of them, drawn by the seed; None for all.
        seed: See :class:`PoolShaper`.

    Raises:
        ValueError: If the size is not positive.
    """

    def __init__(
        self, dataset: dict, images: str | Sequence[str], size: int | None = None, seed: int = 0
    ) -> None:
        super().__init__(dataset, seed)
        self.images = [images] if isinstance(images, str) else list(images)
        holds = size is None or (type(size) is int and size >= 1)
        self.size = self._checked("size", size, holds, "a positive integer or None")

    def shape(self, infos: list[dict], dataset: BaseDataset) -> list[dict]:
        """Return the samples, and after them the images of no interest.

        Raises:
            ValueError: If the task knows no such images, those of the data set are in memory, or
                there are too few, some are in the data set, or cannot be opened.
            FileNotFoundError: If a folder does not exist or holds no image.
        """
        nothing = task_of(dataset).off_topic()
        if any("img_path" not in info for info in infos):
            raise ValueError(
                f"OffTopic adds image files, but the images of {type(dataset).__name__} are in "
                "memory. Use a data set that reads files, such as CustomDataset."
            )
        paths = {
            image_id(info["img_path"], dataset): info["img_path"]
            for folder in self.images
            for info in ImageFolder(folder, lazy_init=True).load_data_list()
        }
        known = {image_id(info["img_path"], dataset) for info in infos}
        if both := sorted(known & paths.keys()):
            raise ValueError(
                f"The 'images' parameter of OffTopic must be of other images than the data set's. "
                f"Got {self.images} instead, where {both[0]!r} is."
            )
        size = len(paths) if self.size is None else self.size
        most = len(paths)
        self._checked("size", self.size, size <= most, f"at most {most}: there are no more")
        drawn = np.random.default_rng(self.seed).permutation(sorted(paths))[:size].tolist()
        return [*infos, *(_info(name, paths[name]) | nothing for name in sorted(drawn))]


def _info(name: str, path: str) -> dict:
    if (size := shown_size(path)) is None:
        raise ValueError(f"The 'images' of OffTopic: {path} cannot be opened as an image.")
    width, height = size
    return dict(img_path=path, img_id=name, width=width, height=height, sample_id=name)
