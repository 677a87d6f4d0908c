"""Single-stage instance segmentation with a mask head."""

from torch import nn

from mmal.registry import TASK_UTILS

from .base import SampleLosses
from .dense import targets_of
from .layouts import BatchDim, EntryPerSample, Recorded
from .mm_classes import class_name, loss_is_of

#: Pairs of box head and mask head that tests show to be exact; see ``dense.EXACT_HEADS``.
EXACT_HEADS = (
    ("", "SOLOHead"),
    ("", "DecoupledSOLOHead"),
    ("", "DecoupledSOLOLightHead"),
    ("", "SOLOV2Head"),
    ("BoxInstBboxHead", "BoxInstMaskHead"),
    ("CondInstBboxHead", "CondInstMaskHead"),
    ("YOLACTHead", "YOLACTProtonet"),
)


@TASK_UTILS.register_module()
class InstanceSegmentorSampleLosses(SampleLosses):
    """Replays ``extract_feat``, the ``forward`` of box and mask head, and their assignment."""

    @classmethod
    def supports(cls, model: nn.Module) -> bool:
        """Whether ``model`` is single-stage with one pair of :data:`EXACT_HEADS`."""
        return (
            loss_is_of("SingleStageInstanceSegmentor", model)
            and (class_name(model.bbox_head), class_name(model.mask_head)) in EXACT_HEADS
        )

    def heads(self, model: nn.Module) -> list[nn.Module]:
        """The box head, if any, and the mask head."""
        return [head for head in (model.bbox_head, model.mask_head) if head is not None]

    def recorded_methods(self, model: nn.Module) -> list[Recorded]:
        """Features, head outputs and targets."""
        methods = [BatchDim(model, "extract_feat"), *targets_of(model.mask_head)]
        if model.bbox_head is None:
            return [*methods, BatchDim(model.mask_head, "forward")]
        # Masks are predicted for the positive points alone: a list of as many as each image has.
        return [
            *methods,
            BatchDim(model.bbox_head, "forward"),
            *targets_of(model.bbox_head),
            EntryPerSample(model.mask_head, "forward"),
        ]
