"""Auto-annotation in CVAT by a model of mmal: an auto-annotation function of cvat-sdk.

``cvat-cli task auto-annotate`` and ``function create-native`` load this module and call
:func:`create`; see docs/annotation_formats.md.
"""

import os
import tempfile
from collections.abc import Iterator

from mmengine.config import Config
from PIL import Image, ImageOps

from mmal.datasets.exchange import cvat_labels
from mmal.datasets.exchange.cvat_labels import box_label
from mmal.engine.loop.export import MIN_SCORE
from mmal.structures import LabelSchema, ObjectLabel

from .proposer import People, ProjectProposer, Proposer

try:
    import cvat_sdk.auto_annotation as cvat
    from cvat_sdk import models
except ImportError as error:
    raise ImportError(
        f"CVAT's functions need cvat-sdk: pip install 'mmal[cvat]' ({error})"
    ) from error

#: Of the attributes that mmal's labels have in CVAT, the one that a model fills in.
_SCORE = "score"


class CvatFunction:
    """A detection function as cvat-sdk defines it: labels in ``spec``, annotations by ``detect``.

    Of joints, a proposal is a skeleton and the box around it, in one group, as in mmal's XML
    files. Of classes it is a tag.

    Args:
        proposer: The model.
        min_score: Of what score objects are, unless CVAT states a threshold.
    """

    def __init__(self, proposer: Proposer, min_score: float = MIN_SCORE) -> None:
        self._proposer = proposer
        self._min_score = min_score
        self.spec = function_spec(proposer.schema)
        self._ids = {label.name: label.id for label in self.spec.labels}

    def detect(
        self, context: cvat.DetectionFunctionContext, image: Image.Image
    ) -> list[cvat.DetectionAnnotation]:
        """Propose annotations of an image.

        Args:
            context: The frame's name, by which a project finds its people, and the threshold.
            image: The frame.

        Returns:
            Shapes, or the tag of a classifier.
        """
        threshold = context.conf_threshold
        min_score = self._min_score if threshold is None else threshold
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "frame.png")  # lossless, and what any pipeline loads
            ImageOps.exif_transpose(image).convert("RGB").save(path, compress_level=1)
            found = self._proposer.propose(path, min_score, self._people(context.frame_name))
        if found.image_class is not None:
            sure = found.score is None or threshold is None or found.score >= threshold
            return [cvat.tag(self._ids[found.image_class])] if sure else []
        return [
            annotation
            for group, item in enumerate(found.objects, 1)
            for annotation in self._shapes(item, group)
        ]

    def _people(self, frame: str) -> People | None:
        if not isinstance(self._proposer, ProjectProposer):
            return None
        found = self._proposer.find(frame)
        return found and self._proposer.people_of(found[0])

    def _shapes(self, item: ObjectLabel, group: int) -> Iterator[models.LabeledShapeRequest]:
        if not item.keypoints:
            label = self._ids[item.name]
            yield cvat.rectangle(label, list(item.box), attributes=_score(item))
            return
        if item.box is not None:
            label = self._ids[box_label(item.name)]
            yield cvat.rectangle(label, list(item.box), attributes=_score(item), group=group)
        joints = [
            cvat.keypoint(number, [x, y], outside=not visible, occluded=visible == 1)
            for number, (x, y, visible) in enumerate(item.keypoints, 1)
        ]
        label = self._ids[item.name]
        yield cvat.skeleton(label, joints, attributes=_score(item), group=group)


def _score(item: ObjectLabel) -> list[models.AttributeValRequest]:
    """Return an object's score as an attribute, a new one each time: CVAT's driver changes it."""
    return [models.AttributeValRequest(spec_id=1, value=f"{item.score or 0:.3f}")]


def function_spec(schema: LabelSchema) -> cvat.DetectionFunctionSpec:
    """Return the labels of a function, which are those of :func:`cvat_labels`, numbered from 1.

    Of their attributes it has the score alone: a model ignores nothing.
    """
    return cvat.DetectionFunctionSpec(
        labels=[_label(number, label) for number, label in enumerate(cvat_labels(schema), 1)]
    )


def _label(number: int, label: dict) -> models.PatchedLabelRequest:
    scored = any(attribute["name"] == _SCORE for attribute in label["attributes"])
    attributes = [cvat.text_attribute_spec(_SCORE, 1)] if scored else []
    joints = [
        cvat.keypoint_spec(joint["name"], place)
        for place, joint in enumerate(label.get("sublabels", ()), 1)
    ]
    further = dict(sublabels=joints, svg=label["svg"]) if joints else {}
    return cvat.label_spec(
        label["name"], number, type=label["type"], attributes=attributes, **further
    )


def create(
    project: str | None = None,
    config: str | None = None,
    checkpoint: str | None = None,
    min_score: float = MIN_SCORE,
    device: str | None = None,
) -> CvatFunction:
    """Return the function of a project's last model, or of a config and a checkpoint.

    Args:
        project: The project's folder; or else the next two.
        config: A config file.
        checkpoint: A checkpoint of its model.
        min_score: Of what score objects are, unless CVAT states a threshold.
        device: Such as ``cpu`` or ``cuda:0``; by default what mmengine finds.

    Raises:
        ValueError: If it is neither of the two, or they do not fit.
    """
    if (project is None) == (config is None) or (config is None) != (checkpoint is None):
        raise ValueError("Give either project, or config and checkpoint.")
    if project is not None:
        return CvatFunction(ProjectProposer(project, device), min_score)
    return CvatFunction(Proposer(Config.fromfile(config), checkpoint, device), min_score)
