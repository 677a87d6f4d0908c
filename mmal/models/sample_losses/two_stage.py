"""Two-stage detectors."""

from torch import nn

from mmal.registry import TASK_UTILS

from .base import SampleLosses


@TASK_UTILS.register_module()
class TwoStageSampleLosses(SampleLosses):
    """Replays ``extract_feat`` and ``rpn_head.forward``; the RoI head runs again.

    Proposals and RoIs are sampled anew for each sample, as they are for a batch of one.
    """

    @classmethod
    def supports(cls, model: nn.Module) -> bool:
        """Whether ``model`` has the RPN head and the RoI head of Faster R-CNN, without masks."""
        heads = [type(getattr(model, name, None)).__name__ for name in ("rpn_head", "roi_head")]
        return heads == ["RPNHead", "StandardRoIHead"] and not model.with_mask

    def heads(self, model: nn.Module) -> list[nn.Module]:
        """The RPN head and the RoI head."""
        return [model.rpn_head, model.roi_head]

    def recorded_methods(self, model: nn.Module) -> list[tuple[nn.Module, str]]:
        """Features and RPN outputs."""
        return [(model, "extract_feat"), (model.rpn_head, "forward")]
