"""Object detection and instance segmentation: a sample is an image with boxes."""

from collections.abc import Sequence
from pathlib import PurePath
from types import MappingProxyType

import numpy as np
from mmengine.dataset import BaseDataset
from mmengine.structures import BaseDataElement

from mmal.structures import ImageLabels, LabelSchema, ObjectLabel
from mmal.utils import type_name

from .base import Task, class_name, taken_over

#: Predicted boxes of an image that are looked at, at the most.
_BOXES = 100


class DetectionTask(Task):
    """The task of MMDetection's data sets, and of those that no other task claims."""

    package = "mmdet"
    packer = "PackDetInputs"
    annotation = "boxes"
    cost = "boxes drawn"
    recommended_query = MappingProxyType(
        dict(type="mmal.Herding", features=MappingProxyType(dict(source="objects")))
    )

    def sample_ids(
        self, infos: Sequence[dict], dataset: BaseDataset, group_by: str = "sample"
    ) -> list[str]:
        """Name images; in VOC layout by the year's folder and the image's name, VOC2007/000005."""
        names = super().sample_ids(infos, dataset)
        return [
            _without_folder(name, dataset.img_subdir) if "xml_path" in info else name
            for info, name in zip(infos, names, strict=True)
        ]

    def unlabeled(self, info: dict, dataset: BaseDataset) -> dict:
        """Return what an unlabelled image shows: no boxes, which pipelines look for."""
        return {**super().unlabeled(info, dataset), "instances": []}

    def off_topic(self) -> dict:
        """Return no boxes."""
        return {"instances": []}

    def classes_of(self, info: dict) -> list[int]:
        """Return the labels of an image's boxes, those ignored in training included."""
        labels = (int(box["bbox_label"]) for box in info.get("instances", ()))
        # Some data sets mark what is to be ignored by a label of -1.
        return [label for label in labels if label >= 0]

    def count(self, infos: Sequence[dict], metainfo: dict) -> int:
        """Count boxes."""
        return sum(len(info.get("instances", ())) for info in infos)

    def histogram(self, infos: Sequence[dict], metainfo: dict) -> dict[str, int]:
        """Count boxes by class."""
        names = list(metainfo.get("classes") or ())
        labels = [label for info in infos for label in self.classes_of(info)]
        counts = np.bincount(np.array(labels, dtype=int), minlength=len(names))
        names += [f"class {i}" for i in range(len(names), len(counts))]
        return dict(zip(names, counts.tolist(), strict=True))

    def labeled_pipeline(self, pipeline: list[dict], training: list[dict]) -> list[dict]:
        """Load annotations right after the image, as training does.

        Test pipelines load them after resizing, since evaluation happens in the original image;
        the target's loss needs boxes that were resized with it. They may also load less than the
        loss needs: boxes, but no masks.
        """
        load = [t for t in (*training, *pipeline) if _is(t, "LoadAnnotations")][:1]
        load = load or [dict(type="LoadAnnotations", with_bbox=True)]
        pipeline = [t for t in pipeline if not _is(t, "LoadAnnotations")]
        images = [i for i, t in enumerate(pipeline) if _is(t, "LoadImage")]
        if not images:
            raise ValueError(f"The test pipeline {pipeline} has no transform that loads the image.")
        return pipeline[: images[0] + 1] + load + pipeline[images[0] + 1 :]

    def label_schema(self, dataset: BaseDataset) -> LabelSchema:
        """Return the classes of boxes."""
        return LabelSchema("boxes", tuple(dataset.metainfo.get("classes") or ()))

    def training_dataset(self, file: str, schema: LabelSchema, like: dict) -> dict:
        """Return MMDetection's CocoDataset."""
        return dict(
            type="mmdet.CocoDataset",
            ann_file=file,
            data_prefix=dict(img=""),
            metainfo=dict(classes=schema.classes),
            **taken_over(like, "filter_cfg", "backend_args"),
        )

    def predicted(self, sample: BaseDataElement, metainfo: dict) -> ImageLabels:
        """Return the boxes, the most probable first."""
        found = sample.pred_instances
        order = found.scores.argsort(descending=True)[:_BOXES].tolist()
        boxes = found.bboxes.tolist()
        labels, scores = found.labels.tolist(), found.scores.tolist()
        objects = tuple(
            ObjectLabel(class_name(labels[i], metainfo), tuple(boxes[i]), score=scores[i])
            for i in order
        )
        return ImageLabels(sample.metainfo.get("img_path", ""), objects=objects)


def _without_folder(name: str, folder: str) -> str:
    path = PurePath(name)
    return (path.parent.parent / path.stem).as_posix() if path.parent.name == folder else name


def _is(transform: dict, name: str) -> bool:
    return type_name(transform).startswith(name)
