"""Image classification: a sample is an image with a class, or with several."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from mmengine.dataset import BaseDataset
from torch import nn

from .base import Task, image_id


class ClassificationTask(Task):
    """The task of MMPretrain's data sets."""

    package = "mmpretrain"
    packer = "PackInputs"
    annotation = "labels"
    cost = "labels given"
    unlabeled_keys = Task.unlabeled_keys | {"img"}

    def sample_ids(
        self, infos: Sequence[dict], dataset: BaseDataset, group_by: str = "sample"
    ) -> list[str]:
        """Name images; those in memory, as CIFAR's, by split and place in it, ``train/00012``."""
        split = getattr(dataset, "split", "") or type(dataset).__name__
        digits = len(str(len(infos)))
        return [
            image_id(info["img_path"], dataset) if "img_path" in info else f"{split}/{i:0{digits}}"
            for i, info in enumerate(infos)
        ]

    def count(self, infos: Sequence[dict], metainfo: dict) -> int:
        """Count labels, each of an image's."""
        return sum(np.size(info["gt_label"]) for info in infos)

    def histogram(self, infos: Sequence[dict], metainfo: dict) -> dict[str, int]:
        """Count labels by class."""
        counts = Counter(int(label) for info in infos for label in np.ravel(info["gt_label"]))
        names = list(metainfo.get("classes") or ())
        names += [f"class {i}" for i in range(len(names), max(counts, default=-1) + 1)]
        return {name: counts[i] for i, name in enumerate(names)}

    def labeled_pipeline(self, pipeline: list[dict], training: list[dict]) -> list[dict]:
        """Return the test pipeline as it is: a label does not depend on where it is loaded."""
        return pipeline

    def check_model(self, model: nn.Module, metainfo: dict) -> None:
        """Refuse a head for another number of classes."""
        head = getattr(model, "head", None)
        expected, classes = getattr(head, "num_classes", None), metainfo.get("classes")
        if classes is not None and expected is not None and expected != len(classes):
            few = ", ".join(map(repr, classes[:5])) + (", …" if len(classes) > 5 else "")
            raise ValueError(
                f"The data set has {len(classes)} classes ({few}), but the model's "
                f"{type(head).__name__} predicts {expected}. Set the head's num_classes to "
                f"{len(classes)}, or use the data set that the config is for."
            )

    def check_samples(self, model: nn.Module, data_samples: Sequence) -> None:
        """Refuse several labels, or none, of an image where the head predicts one class."""
        head = getattr(model, "head", None)
        if any(cls.__name__ == "MultiLabelClsHead" for cls in type(head).__mro__):
            return
        for sample in data_samples:
            labels = sample.get("gt_label")
            if labels is not None and labels.numel() != 1:
                raise ValueError(
                    f"{sample.metainfo.get('img_path', 'an image')} has {labels.numel()} labels "
                    f"({labels.tolist()}), but the model's {type(head).__name__} predicts one "
                    "class an image. Use a head for several, such as MultiLabelLinearClsHead, or "
                    "data with one label an image."
                )
