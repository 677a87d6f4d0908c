"""MaskFormer and Mask2Former, of instances or panoptic."""

from torch import nn

from mmal.registry import TASK_UTILS

from .base import SampleLosses
from .dense import targets_of
from .layouts import BatchDim, Recorded
from .mm_classes import class_name, loss_is_of

#: Heads, with the dimension in which the batch is in what ``forward`` returns: the one stacks the
#: layers of its decoder, the other lists them.
HEADS = {"MaskFormerHead": 1, "Mask2FormerHead": 0}


@TASK_UTILS.register_module()
class MaskTransformerSampleLosses(SampleLosses):
    """Replays ``extract_feat``, the head's ``forward`` and the matching.

    Mask2Former's mask losses are of points that it draws anew for each call; so are a sample's,
    all of the same random state.
    """

    @classmethod
    def supports(cls, model: nn.Module) -> bool:
        """Whether ``model`` is a MaskFormer, or derived from it, with one of :data:`HEADS`."""
        return loss_is_of("MaskFormer", model) and class_name(model.panoptic_head) in HEADS

    def heads(self, model: nn.Module) -> list[nn.Module]:
        """The head."""
        return [model.panoptic_head]

    def recorded_methods(self, model: nn.Module) -> list[Recorded]:
        """Features, head outputs and targets."""
        head = model.panoptic_head
        return [
            BatchDim(model, "extract_feat"),
            BatchDim(head, "forward", dim=HEADS[class_name(head)]),
            *targets_of(head),
        ]
