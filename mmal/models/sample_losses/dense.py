"""Single-stage detectors with a dense head."""

from torch import nn

from mmal.registry import TASK_UTILS

from .base import SampleLosses
from .layouts import BatchDim, CallPerSample, EntryPerSample, Recorded
from .mm_classes import class_name, loss_is_of
from .one_pass import OnePass
from .one_pass_heads import one_pass_of

#: Heads for which tests show that replayed losses equal single-sample losses. A subclass may
#: compute its loss in another way, so each is named.
EXACT_HEADS = (
    "ATSSHead",
    "AutoAssignHead",
    "CenterNetHead",
    "CenterNetUpdateHead",
    "CentripetalHead",
    "CornerHead",
    "DDODHead",
    "FCOSHead",
    "FSAFHead",
    "FoveaHead",
    "FreeAnchorRetinaHead",
    "GARetinaHead",
    "GFLHead",
    "NASFCOSHead",
    "PAAHead",
    "PISARetinaHead",
    "RTMDetInsSepBNHead",
    "RTMDetSepBNHead",
    "RepPointsHead",
    "RetinaHead",
    "RetinaSepBNHead",
    "SABLRetinaHead",
    "SSDHead",
    "TOODHead",
    "VFNetHead",
    "YOLOFHead",
    "YOLOV3Head",
    "YOLOXHead",
)
#: Methods that find the targets of one image, and those that list something for every image,
#: where a head has them: assignment is what costs.
_CALLED_PER_IMAGE = ("_get_targets_single", "paa_reassign")
_LISTED_PER_IMAGE = ("get_anchors",)


@TASK_UTILS.register_module()
class DenseHeadSampleLosses(SampleLosses):
    """Replays ``extract_feat``, ``bbox_head.forward`` and the head's assignment."""

    @classmethod
    def supports(cls, model: nn.Module) -> bool:
        """Whether ``model`` is single-stage with one of :data:`EXACT_HEADS`."""
        return (
            loss_is_of("SingleStageDetector", model) and class_name(model.bbox_head) in EXACT_HEADS
        )

    def heads(self, model: nn.Module) -> list[nn.Module]:
        """The dense head."""
        return [model.bbox_head]

    def recorded_methods(self, model: nn.Module) -> list[Recorded]:
        """Features, head outputs and targets."""
        return [
            BatchDim(model, "extract_feat"),
            BatchDim(model.bbox_head, "forward"),
            *targets_of(model.bbox_head),
        ]

    def one_pass(self, model: nn.Module) -> list[tuple[nn.Module, OnePass]]:
        """That of the dense head; none where a detector's own ``loss`` may add to the head's."""
        way = one_pass_of(model.bbox_head)
        return [(model.bbox_head, way)] if way and loss_is_of("SingleStageDetector", model) else []


def targets_of(head: nn.Module) -> list[Recorded]:
    """The methods of ``head`` that find the targets of its images."""
    return [
        *(CallPerSample(head, name) for name in _CALLED_PER_IMAGE if hasattr(head, name)),
        *(EntryPerSample(head, name) for name in _LISTED_PER_IMAGE if hasattr(head, name)),
    ]
