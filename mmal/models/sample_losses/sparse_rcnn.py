"""Sparse R-CNN."""

from typing import Any

from torch import Tensor, nn

from mmal.registry import TASK_UTILS
from mmal.utils.record import Call

from .base import SampleLosses
from .layouts import BatchDim, CallPerSample, Recorded, RowsOfRois
from .mm_classes import class_name, loss_is_of


@TASK_UTILS.register_module()
class SparseRCNNSampleLosses(SampleLosses):
    """Replays ``extract_feat`` and, of every stage, the box head's outputs and the matching."""

    @classmethod
    def supports(cls, model: nn.Module) -> bool:
        """Whether ``model`` has learnt proposals and a SparseRoIHead."""
        return (
            loss_is_of("TwoStageDetector", model)
            and model.with_rpn
            and class_name(model.rpn_head) == "EmbeddingRPNHead"
            and class_name(model.roi_head) == "SparseRoIHead"
        )

    def heads(self, model: nn.Module) -> list[nn.Module]:
        """The learnt proposals and the RoI head."""
        return [model.rpn_head, model.roi_head]

    def recorded_methods(self, model: nn.Module) -> list[Recorded]:
        """Features, outputs of the stages and their matching."""
        masks = [RowsOfRois(model.roi_head, "_mask_forward")] if model.roi_head.with_mask else []
        return [
            BatchDim(model, "extract_feat"),
            _StageOutputs(model.roi_head, "_bbox_forward"),
            *masks,
            *(CallPerSample(assigner, "assign") for assigner in model.roi_head.bbox_assigner),
        ]


class _StageOutputs(Recorded):
    """A stage's dict: lists with an entry an image, tensors with P rows an image or P * N rows."""

    def cut(self, calls: list[Call], index: int, size: int) -> list[dict]:
        return [
            {key: self._cut(value, index, size) for key, value in call.result.items()}
            for call in calls
        ]

    @staticmethod
    def _cut(value: list | Tensor, index: int, size: int) -> Any:
        if isinstance(value, list):
            return [value[index].detach()]
        rows = len(value) // size
        return value.detach()[index * rows : (index + 1) * rows]
