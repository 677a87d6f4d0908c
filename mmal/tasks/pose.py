"""Pose estimation: a sample is a person (top-down) or an image of people (bottom-up)."""

import copy
from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from mmengine.dataset import BaseDataset
from mmengine.fileio import exists, load
from mmengine.registry import DATASETS
from mmengine.structures import BaseDataElement
from torch import nn

from mmal.structures import ImageLabels, LabelSchema, ObjectLabel
from mmal.utils import registered_class, type_name

from .base import Task, class_name, taken_over

#: The confidence from which a predicted joint is taken to be seen.
_SEEN = 0.3

#: What an unlabelled person shows beside: where it is, since that is the input of a top-down
#: estimator, in practice from a person detector.
PERSON_KEYS = frozenset({"id", "bbox", "bbox_center", "bbox_scale", "bbox_score"})

#: Data sets of people by the name in their metainfo, whose files are too large to look it up there.
_OF_PEOPLE = ("coco", "coco_wholebody", "aic", "crowdpose", "humanart", "mpii", "ochuman")


class PoseTask(Task):
    """The task of MMPose's data sets, and of others whose metainfo has keypoints."""

    package = "mmpose"
    packer = "PackPoseInputs"
    annotation = "joints"
    cost = "joints marked"

    def has(self, dataset: BaseDataset) -> bool:
        """Whether a data set is of people."""
        of_people = is_topdown(dataset) or "num_keypoints" in dataset.metainfo
        return of_people or super().has(dataset)

    def sample_ids(
        self, infos: Sequence[dict], dataset: BaseDataset, group_by: str = "sample"
    ) -> list[str]:
        """Name people by the image and the number of their annotation, or their place in it.

        ``train2017/000000000036.jpg#1236``, or, where annotations have no number (MPII),
        ``images/015601864.jpg#0``, counted among the people of the image from left to right.
        """
        ids = super().sample_ids(infos, dataset)
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

    def unlabeled(self, info: dict, dataset: BaseDataset) -> dict:
        """Return what an unlabelled sample shows: a person's box, or an image without people."""
        shown = super().unlabeled(info, dataset)
        if not is_topdown(dataset):
            return {**shown, "instances": []}
        return {**shown, **{key: info[key] for key in PERSON_KEYS & info.keys()}}

    def count(self, infos: Sequence[dict], metainfo: dict) -> int:
        """Count visible joints."""
        return sum(int(np.sum(info["keypoints_visible"] > 0)) for info in infos)

    def histogram(self, infos: Sequence[dict], metainfo: dict) -> dict[str, int]:
        """Count visible joints by joint."""
        names = list(metainfo["keypoint_id2name"].values())
        visible = (info["keypoints_visible"].reshape(-1, len(names)) > 0 for info in infos)
        counts = sum((seen.sum(axis=0) for seen in visible), np.zeros(len(names), dtype=int))
        return dict(zip(names, counts.tolist(), strict=True))

    def labeled_pipeline(self, pipeline: list[dict], training: list[dict]) -> list[dict]:
        """Make targets as the training pipeline does, before packing."""
        targets = [t for t in training if type_name(t) == "GenerateTarget"]
        if not targets or not any(type_name(t) == "TopdownAffine" for t in pipeline):
            raise ValueError(
                "Rounds of bottom-up estimators are not supported: the target loss of test images "
                "needs a test pipeline with TopdownAffine and a training pipeline with "
                f"GenerateTarget. Got {[type_name(t) for t in pipeline]} and "
                f"{[type_name(t) for t in training]} instead."
            )
        packing = next(i for i, t in enumerate(pipeline) if type_name(t) == self.packer)
        return [*pipeline[:packing], *targets, *pipeline[packing:]]

    def labeled_dataset(self, dataset: dict) -> dict:
        """Return the data set of annotated people: those that a detector found have no joints."""
        return {key: value for key, value in dataset.items() if key != "bbox_file"}

    def label_schema(self, dataset: BaseDataset) -> LabelSchema:
        """Return the joints of people, or of what else the data set's metainfo describes.

        MMPose's metainfo names no classes. Those of COCO files are in their categories.
        """
        metainfo = dataset.metainfo
        return LabelSchema(
            "keypoints",
            tuple(metainfo.get("classes") or _categories(dataset) or ("person",)),
            tuple(metainfo["keypoint_id2name"].values()),
            tuple(map(tuple, metainfo.get("skeleton_links") or ())),
        )

    def training_dataset(self, file: str, schema: LabelSchema, like: dict) -> dict:
        """Return MMPose's CocoDataset, with the metainfo of the data set that it is like."""
        metainfo = like.get("metainfo") or registered_class(like, DATASETS).METAINFO
        return dict(
            type="mmpose.CocoDataset",
            ann_file=file,
            data_prefix=dict(img=""),
            metainfo=copy.deepcopy(dict(metainfo)),
            **taken_over(like, "data_mode"),
        )

    def predicted(self, sample: BaseDataElement, metainfo: dict) -> ImageLabels:
        """Return the people with their joints; joints of little confidence count as hidden."""
        found = sample.pred_instances
        joints = np.asarray(found.keypoints, dtype=float)[..., :2]
        scores = np.asarray(found.keypoint_scores, dtype=float).reshape(joints.shape[:2])
        boxes = np.asarray(found.bboxes, dtype=float) if "bboxes" in found else [None] * len(joints)
        objects = tuple(
            ObjectLabel(
                class_name(0, metainfo) if metainfo.get("classes") else "person",
                None if box is None else tuple(box.tolist()),
                tuple(
                    (x, y, 2 if s >= _SEEN else 1) for (x, y), s in zip(places, seen, strict=True)
                ),
                score=float(seen.mean()),
            )
            for places, seen, box in zip(joints.tolist(), scores, boxes, strict=True)
        )
        return ImageLabels(sample.metainfo.get("img_path", ""), objects=objects)

    def check_model(
        self, model: nn.Module, dataset: BaseDataset, metrics: Sequence[str] = ()
    ) -> None:
        """Refuse a head for another number of joints."""
        metainfo = dataset.metainfo
        found = metainfo.get("num_keypoints")
        head = getattr(model, "head", None)
        names = ("num_keypoints", "num_joints", "out_channels")  # the first is what is meant
        expected = next((n for name in names if (n := getattr(head, name, None)) is not None), None)
        if found is not None and expected is not None and found != expected:
            raise ValueError(
                f"The data set has {found} joints ({metainfo.get('dataset_name')}), but the "
                f"model's {type(head).__name__} predicts {expected}. Set the head's out_channels "
                "(or num_joints), or use the data set that the config is for."
            )


def _categories(dataset: BaseDataset) -> tuple[str, ...]:
    """Return what a COCO file calls the things that have joints; nothing if there is none."""
    file = str(dataset.ann_file)
    if dataset.metainfo.get("dataset_name") in _OF_PEOPLE:
        return ()
    if not file.endswith(".json") or not exists(file):
        return ()
    content = load(file)
    found = content.get("categories") if isinstance(content, dict) else None
    names = [entry.get("name") for entry in found or () if isinstance(entry, dict)]
    return tuple(name for name in names if isinstance(name, str))


def is_topdown(dataset: BaseDataset) -> bool:
    """Whether a sample of a data set is a person, not an image."""
    return getattr(dataset, "data_mode", None) == "topdown"
