"""Distributions of the RoIs of two-stage detectors."""

from collections.abc import Sequence

from torch import Tensor, nn

from ..sample_losses.mm_classes import class_name
from .base import PredictedDistributions

ROI_HEADS = ("StandardRoIHead", "CascadeRoIHead", "DoubleHeadRoIHead")


def regions(
    model: nn.Module, feats: Sequence[Tensor], data_samples: Sequence, test_cfg: dict | None
) -> list:
    """Run RPN and RoI head, without mask heads, of a model with one of :data:`ROI_HEADS`.

    Returns:
        MMDetection's ``InstanceData`` of each sample, boxes in the coordinates of the input: those
        that ``test_cfg`` leaves, or without one all RoIs.
    """
    proposals = model.rpn_head.predict(feats, data_samples, rescale=False)
    metas = [sample.metainfo for sample in data_samples]
    return model.roi_head.predict_bbox(feats, metas, proposals, rcnn_test_cfg=test_cfg)


class TwoStageDistributions(PredictedDistributions):
    """The RoIs with a class above the detector's ``score_thr``, before NMS.

    The distribution of an RoI is the softmax over all classes and the background; in a cascade
    that of the mean of the stages' logits, as MMDetection has it.
    """

    of_objects = True

    @classmethod
    def supports(cls, model: nn.Module) -> bool:
        """Whether ``model`` has an RPN and one of :data:`ROI_HEADS`, with a softmax."""
        roi_head = getattr(model, "roi_head", None)
        if class_name(roi_head) not in ROI_HEADS or not model.with_rpn:
            return False
        head = roi_head.bbox_head
        last = head[-1] if isinstance(head, nn.ModuleList) else head
        return not last.custom_cls_channels

    def predict(
        self, model: nn.Module, feats: Sequence[Tensor], data_samples: Sequence
    ) -> list[Tensor]:
        """Run RPN and RoI head without mask heads; see :class:`PredictedDistributions`."""
        # Without a test_cfg MMDetection returns all scores, as for test-time augmentation.
        results = regions(model, feats, data_samples, test_cfg=None)
        threshold = model.roi_head.test_cfg.score_thr
        scores = [result.scores.float() for result in results]
        # Not "above": NaN is to be kept, so that a model that has diverged is noticed.
        return [s[~(s[:, :-1].amax(dim=1) <= threshold)] for s in scores]
