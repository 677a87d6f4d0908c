"""Single-stage detectors with a dense head."""

from torch import nn

from mmal.registry import TASK_UTILS

from .base import SampleLosses

#: Heads for which tests show that replayed losses equal single-sample losses. A subclass may
#: compute its loss in another way, so each is named.
EXACT_HEADS = ("SSDHead", "RetinaHead", "FCOSHead", "ATSSHead", "YOLOXHead", "RTMDetSepBNHead")


@TASK_UTILS.register_module()
class DenseHeadSampleLosses(SampleLosses):
    """Replays ``extract_feat`` and ``bbox_head.forward``."""

    @classmethod
    def supports(cls, model: nn.Module) -> bool:
        """Whether ``model.bbox_head`` is one of :data:`EXACT_HEADS`."""
        return type(getattr(model, "bbox_head", None)).__name__ in EXACT_HEADS

    def heads(self, model: nn.Module) -> list[nn.Module]:
        """The dense head."""
        return [model.bbox_head]

    def recorded_methods(self, model: nn.Module) -> list[tuple[nn.Module, str]]:
        """Features and head outputs."""
        return [(model, "extract_feat"), (model.bbox_head, "forward")]
