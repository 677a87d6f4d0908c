"""Query-based detectors: DETR and its descendants."""

from torch import nn

from mmal.registry import TASK_UTILS
from mmal.utils.record import Call

from .base import SampleLosses
from .dense import targets_of
from .layouts import BatchDim, Recorded, Silenced
from .mm_classes import class_name, loss_is_of

#: Heads for which tests show that replayed losses equal single-sample losses.
EXACT_HEADS = (
    "ConditionalDETRHead",
    "DABDETRHead",
    "DETRHead",
    "DINOHead",
    "DeformableDETRHead",
)


@TASK_UTILS.register_module()
class DETRSampleLosses(SampleLosses):
    """Replays ``extract_feat``, the transformer, the head's outputs and the matching.

    DINO's denoising losses (``dn_*``) are no part of a sample's loss: they measure how queries
    made of the annotations are put right, and the number of such queries depends on the other
    images of the batch. All other losses are exactly those of a batch of this one sample.
    """

    @classmethod
    def supports(cls, model: nn.Module) -> bool:
        """Whether ``model`` is a detection transformer with one of :data:`EXACT_HEADS`."""
        return (
            loss_is_of("DetectionTransformer", model) and class_name(model.bbox_head) in EXACT_HEADS
        )

    def heads(self, model: nn.Module) -> list[nn.Module]:
        """The head."""
        return [model.bbox_head]

    def recorded_methods(self, model: nn.Module) -> list[Recorded]:
        """Features, transformer outputs, head outputs with the layers first, and targets."""
        head = model.bbox_head
        methods = [
            BatchDim(model, "extract_feat"),
            _TransformerOutputs(model, "forward_transformer"),
            BatchDim(head, "forward", dim=1),
            *targets_of(head),
        ]
        if hasattr(head, "loss_dn"):
            nothing = [next(head.parameters()).new_zeros(())]
            methods.append(Silenced(head, "loss_dn", (nothing, nothing, nothing)))
        return methods


class _TransformerOutputs(BatchDim):
    """Named inputs of the head, of which only the encoder's are read beside ``forward``."""

    def cut(self, calls: list[Call], index: int, size: int) -> list[dict]:
        return [
            {
                key: self._cut(value, index, size) if key.startswith("enc_outputs") else value
                for key, value in call.result.items()
            }
            for call in calls
        ]
