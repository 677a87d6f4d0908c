"""Images without annotations, named one by one."""

import io
import os
from collections.abc import Mapping, Sequence

import numpy as np
from mmengine.dataset import BaseDataset
from mmengine.fileio import get
from PIL import Image

from mmal.registry import DATASETS
from mmal.tasks import is_topdown
from mmal.utils import type_name

_ORIENTATION = 0x0112  # the EXIF tag
_OF_PEOPLE = ("flip_indices", "flip_pairs", "upper_body_ids", "lower_body_ids")


@DATASETS.register_module()
class ImageList(BaseDataset):
    """Images that are named, without annotations.

    For a top-down pose pipeline a sample is a person: those in ``people``, or one who fills the
    image, as MMPose's ``inference_topdown`` takes an image without boxes.

    Args:
        files: The image files, as the pipeline's first transform can load them.
        people: Of image files the people found there, each as left, top, right and bottom edge and
            the detector's score. An image that is not named has one who fills it; one whose list is
            empty has no sample.
        ids: Ids of image files, where those are not their paths below ``data_root``.
        **kwargs: As for ``mmengine.dataset.BaseDataset``; ``pipeline`` is the usual test pipeline
            (loading annotations finds none).
    """

    def __init__(
        self,
        files: Sequence[str] = (),
        people: Mapping[str, Sequence[Sequence[float]]] | None = None,
        ids: Mapping[str, str] | None = None,
        **kwargs,
    ) -> None:
        self.files = list(files)
        self.people = people or {}
        self.ids = ids or {}
        transforms = [t for t in kwargs.get("pipeline", ()) if isinstance(t, dict)]
        if any(type_name(t) == "GetBBoxCenterScale" for t in transforms):
            self.data_mode = "topdown"  # as MMPose's data sets say that a sample is a person
        super().__init__(**kwargs)

    def load_data_list(self) -> list[dict]:
        """Return an info of each image, or of each person in it."""
        of_people = is_topdown(self)
        infos: list[dict] = []
        for i, path in enumerate(self.files):
            image = dict(img_path=path, img_id=i, instances=[])
            if path in self.ids:
                image["sample_id"] = self.ids[path]
            if not of_people:
                infos.append(image)
                continue
            infos += [{**image, **person} for person in self._people_of(path)]
        return infos

    def get_data_info(self, idx: int) -> dict:
        """Return an info; of people with what MMPose's data sets add of their metainfo."""
        info = super().get_data_info(idx)
        return {**{key: self.metainfo[key] for key in _OF_PEOPLE if key in self.metainfo}, **info}

    def _people_of(self, path: str) -> list[dict]:
        if path not in self.people:
            return [_person(0, 0, *(shown_size(path) or (1, 1)), 1)]
        return [_person(*found) for found in self.people[path]]


def _person(left: float, top: float, right: float, bottom: float, score: float) -> dict:
    return dict(
        bbox=np.array([[left, top, right, bottom]], dtype=np.float32),
        bbox_score=np.array([score], dtype=np.float32),
    )


def shown_size(path: str | os.PathLike) -> tuple[int, int] | None:
    """Return width and height of an image as it is loaded; None of an unreadable one."""
    try:
        content = path if "://" not in str(path) else io.BytesIO(get(path))
        with Image.open(content) as image:
            on_its_side = image.getexif().get(_ORIENTATION, 1) >= 5
            return image.size[::-1] if on_its_side else image.size
    except OSError:
        return None
