"""Image classification: a sample is an image with a class, or with several."""

from collections import Counter
from collections.abc import Sequence
from types import MappingProxyType

import numpy as np
from mmengine.dataset import BaseDataset
from mmengine.structures import BaseDataElement
from torch import nn

from mmal.structures import ImageLabels, LabelSchema
from mmal.utils import few

from .base import Task, class_name, image_id, taken_over


class ClassificationTask(Task):
    """The task of MMPretrain's data sets."""

    package = "mmpretrain"
    packer = "PackInputs"
    annotation = "labels"
    cost = "labels given"
    whole_images = True
    # Proven above random on two pools of CIFAR-10: docs/results.md.
    recommended_query = MappingProxyType(dict(type="mmal.Herding", weight="margin"))
    unlabeled_keys = Task.unlabeled_keys | {"img"}

    def sample_ids(
        self, infos: Sequence[dict], dataset: BaseDataset, group_by: str = "sample"
    ) -> list[str]:
        """Name images; those in memory by class, split and place, ``CIFAR10/train/00012``."""
        names = (type(dataset).__name__, getattr(dataset, "split", ""))
        folder = "/".join(filter(None, names))
        digits = len(str(len(infos)))
        return [
            image_id(info["img_path"], dataset) if "img_path" in info else f"{folder}/{i:0{digits}}"
            for i, info in enumerate(infos)
        ]

    def is_labeled(self, info: dict) -> bool:
        """Whether an image has labels, if only an empty list: those off topic have none."""
        return "gt_label" in info

    def off_topic(self) -> dict:
        """Return no label: there is no class for what is of none."""
        return {}

    def classes_of(self, info: dict) -> list[int]:
        """Return an image's labels."""
        return np.ravel(info.get("gt_label", [])).astype(int).tolist()

    def count(self, infos: Sequence[dict], metainfo: dict) -> int:
        """Count labels, each of an image's."""
        return sum(np.size(info["gt_label"]) for info in infos)

    def histogram(self, infos: Sequence[dict], metainfo: dict) -> dict[str, int]:
        """Count labels by class."""
        counts = Counter(label for info in infos for label in self.classes_of(info))
        names = list(metainfo.get("classes") or ())
        names += [f"class {i}" for i in range(len(names), max(counts, default=-1) + 1)]
        return {name: counts[i] for i, name in enumerate(names)}

    def labeled_pipeline(self, pipeline: list[dict], training: list[dict]) -> list[dict]:
        """Return the test pipeline as it is: a label does not depend on where it is loaded."""
        return pipeline

    def label_schema(self, dataset: BaseDataset) -> LabelSchema:
        """Return the classes; those of the folders, where the config names none."""
        if not dataset.metainfo.get("classes"):
            dataset.load_data_list()
        return LabelSchema("classes", tuple(dataset.metainfo.get("classes") or ()))

    def training_dataset(self, file: str, schema: LabelSchema, like: dict) -> dict:
        """Return MMPretrain's CustomDataset."""
        return dict(
            type="mmpretrain.CustomDataset",
            ann_file=file,
            metainfo=dict(classes=schema.classes),
            **taken_over(like),
        )

    def predicted(self, sample: BaseDataElement, metainfo: dict) -> ImageLabels:
        """Return the class, or, of several, all; the score is that of the least probable."""
        labels = np.ravel(sample.pred_label.cpu()).tolist()
        scores = [float(sample.pred_score[label]) for label in labels]
        names = ", ".join(class_name(label, metainfo) for label in labels)
        return ImageLabels(
            sample.metainfo.get("img_path", ""), image_class=names, score=min(scores, default=None)
        )

    def check_model(
        self, model: nn.Module, dataset: BaseDataset, metrics: Sequence[str] = ()
    ) -> None:
        """Refuse a head for other classes, or for one class where images have several."""
        head = getattr(model, "head", None)
        name = type(head).__name__
        infos = dataset.load_data_list()  # classes may be those of the folders
        expected, classes = getattr(head, "num_classes", None), dataset.metainfo.get("classes")
        if classes is not None and expected is not None and expected != len(classes):
            raise ValueError(
                f"The data set has {len(classes)} classes ({few(classes, 5)}), but the model's "
                f"{name} predicts {expected}. Set the head's num_classes to {len(classes)}, or use "
                "the data set that the config is for."
            )
        prepared = getattr(getattr(model, "data_preprocessor", None), "num_classes", None)
        if prepared is not None and expected is not None and prepared != expected:
            raise ValueError(
                f"data_preprocessor.num_classes is {prepared}, but the model's {name} predicts "
                f"{expected} classes. Set both to the same number."
            )
        several = any(cls.__name__ == "MultiLabelClsHead" for cls in type(head).__mro__)
        if expected == 1 and not several:
            raise ValueError(
                f"The model's {name} has one class: there is nothing to tell apart, and its loss "
                "is always 0. Add a class for everything else."
            )
        for number, info in enumerate(infos):
            if (count := np.size(info.get("gt_label", 0))) == 1:
                continue
            labels = f"{info.get('img_path', f'image {number}')} has {count} labels"
            labels += f" ({np.ravel(info['gt_label']).tolist()})"
            if not several:
                raise ValueError(
                    f"{labels}, but the model's {name} predicts one class an image. Use a head for "
                    "several, such as MultiLabelLinearClsHead, or data with one label an image."
                )
            if "Accuracy" in metrics:
                raise ValueError(
                    f"{labels}, but the evaluator Accuracy compares one. Use MultiLabelMetric."
                )
