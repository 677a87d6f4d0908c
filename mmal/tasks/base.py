"""What acquisition rounds have to know of a task."""

import os
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import PurePath
from types import MappingProxyType

from mmengine.dataset import BaseDataset
from mmengine.structures import BaseDataElement
from torch import nn

from mmal.structures import ImageLabels, LabelSchema
from mmal.utils import type_name

#: Paths that are normal: no part of them is empty or begins with a dot.
_PLAIN = re.compile(r"[^/.\\][^/\\]*(?:/[^/.\\][^/\\]*)*")


class Task(ABC):
    """Where detection, pose estimation and classification differ: a subclass a task.

    How a model's losses and uncertainties are found depends on its heads, not on the task alone:
    see :mod:`mmal.models.sample_losses` and :mod:`mmal.models.uncertainty`.

    Attributes:
        package: The package whose data set classes, and classes derived from them, are the task's.
        packer: The transform that packs the task's samples, last in a pipeline.
        annotation: What annotators make, in the plural; a column of ``curve.csv``.
        cost: The axis of a plot over it.
        whole_images: Whether what is predicted is said of an image, not of places in it.
        recommended_query: Config of the query that a loop picks by where none is named.
        unlabeled_keys: What an unlabelled sample shows. Everything else that a data set knows of
            it is a label, or may be one.
    """

    package: str
    packer: str
    annotation: str
    cost: str
    whole_images = False
    recommended_query = MappingProxyType(dict(type="mmal.Herding"))
    unlabeled_keys = frozenset({"img_path", "img_id", "height", "width", "sample_id", "variant"})

    def has(self, dataset: BaseDataset) -> bool:
        """Whether a data set is of this task, by its class or by what packs its samples."""
        modules = (cls.__module__ for cls in type(dataset).__mro__)
        packs = any(type(t).__name__ == self.packer for t in _transforms(dataset.pipeline))
        return packs or any(module.split(".")[0] == self.package for module in modules)

    def packs(self, pipeline: Sequence[dict]) -> bool:
        """Whether a pipeline's config packs samples of this task."""
        return any(
            self.packs(transform["pipeline"])
            if "pipeline" in transform
            else type_name(transform) == self.packer
            for transform in pipeline
        )

    def sample_ids(
        self, infos: Sequence[dict], dataset: BaseDataset, group_by: str = "sample"
    ) -> list[str]:
        """Return ids that depend on what the samples are, not on their places in the data set.

        An image is named by its path below ``data_root`` with forward slashes, such as
        ``train2017/000000000009.jpg``. A path outside ``data_root`` is taken as it stands.

        Args:
            infos: Data infos, as the data set lists them.
            dataset: The data set that they are from.
            group_by: ``sample``, or ``image`` for the same id for all samples of an image.
        """
        return [image_id(info["img_path"], dataset) for info in infos]

    def unlabeled(self, info: dict, dataset: BaseDataset) -> dict:
        """Return what of a data info an unlabelled sample shows."""
        return {key: info[key] for key in self.unlabeled_keys & info.keys()}

    def is_labeled(self, info: dict) -> bool:
        """Whether an annotator's look at a sample gave anything that a model can train on."""
        return True

    def off_topic(self) -> dict:
        """Return what an annotator makes of an image in which nothing is of interest.

        Raises:
            ValueError: If samples of the task are not images.
        """
        raise ValueError(
            f"Where {self.annotation} are annotated, a sample is always of interest: OffTopic is "
            "for object detection and classification."
        )

    def classes_of(self, info: dict) -> list[int]:
        """Return the labels of the classes that an annotator named in a sample, if any.

        Raises:
            ValueError: If the task knows no classes.
        """
        raise ValueError(
            f"Where {self.annotation} are annotated, samples have no classes: LongTailed is for "
            "object detection and classification."
        )

    @abstractmethod
    def count(self, infos: Sequence[dict], metainfo: dict) -> int:
        """Count the :attr:`annotation` of labelled samples, those ignored in training included."""

    @abstractmethod
    def histogram(self, infos: Sequence[dict], metainfo: dict) -> dict[str, int]:
        """Count the annotations of labelled samples by what they show, in the data set's order."""

    @abstractmethod
    def labeled_pipeline(self, pipeline: list[dict], training: list[dict]) -> list[dict]:
        """Return a test pipeline that packs what the target's loss needs.

        Args:
            pipeline: The test pipeline.
            training: The training pipeline; empty if there is no training data.

        Raises:
            ValueError: If there is no such pipeline.
        """

    def labeled_dataset(self, dataset: dict) -> dict:
        """Return the config of a test data set whose samples are those with annotations."""
        return dataset

    @abstractmethod
    def label_schema(self, dataset: BaseDataset) -> LabelSchema:
        """Return what annotators are asked for, by the classes and joints of a data set."""

    @abstractmethod
    def training_dataset(self, file: str, schema: LabelSchema, like: dict) -> dict:
        """Return the config of a data set of labels that a loop wrote.

        Args:
            file: Where they are: COCO JSON or, of classes, the image and the place of its class a
                line. Images are named by whole paths.
            schema: What was labelled.
            like: Config of the data set whose pipeline and filter the new one takes over.
        """

    def predicted(self, sample: BaseDataElement, metainfo: dict) -> ImageLabels:
        """Return what a model predicts in a sample, in pixels of the image as it is shown.

        A task without an answer of its own shows nothing.

        Args:
            sample: What the model's ``predict`` returned.
            metainfo: That of the data set.
        """
        return ImageLabels(sample.metainfo.get("img_path", ""))

    def check_model(
        self, model: nn.Module, dataset: BaseDataset, metrics: Sequence[str] = ()
    ) -> None:
        """Refuse a model, or metrics, for other labels than a data set has.

        Args:
            model: The model.
            dataset: The data set, which need not have loaded anything.
            metrics: Types of the metrics that evaluate the model.

        Raises:
            ValueError: If they do not fit; the message has both.
        """
        return


def taken_over(like: dict, *keys: str) -> dict:
    """Return those settings of a data set's config that another one shares."""
    return {key: like[key] for key in ("pipeline", *keys) if key in like}


def _transforms(pipeline: object) -> Iterator[object]:
    """Yield the transforms of a pipeline, of those inside others, too."""
    for transform in getattr(pipeline, "transforms", ()):
        if hasattr(transform, "transforms"):
            yield from _transforms(transform)
        else:
            yield transform


def class_name(label: int, metainfo: dict) -> str:
    """Name a label as the data set does."""
    names = metainfo.get("classes") or ()
    return names[label] if 0 <= label < len(names) else f"class {label}"


def image_id(path: str, dataset: BaseDataset) -> str:
    """Name an image by its path below a data set's root; see :meth:`Task.sample_ids`."""
    given = os.path.join(dataset.data_root, "") if dataset.data_root else None
    # Of a hundred thousand images the rest would take seconds.
    if given and path.startswith(given) and _PLAIN.fullmatch(path, len(given)):
        return path[len(given) :]
    root = os.path.abspath(dataset.data_root) if dataset.data_root else None
    if root and os.path.abspath(path).startswith(root + os.sep):
        path = os.path.relpath(path, root)
    return PurePath(path).as_posix()
