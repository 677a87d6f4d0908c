"""Distributions of the boxes of single-stage detectors."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ..sample_losses.mm_classes import class_name
from .base import PredictedDistributions

#: Heads whose forward returns class scores first, a map of (N, anchors * classes, H, W) a level.
HEADS = (
    "ATSSHead",
    "FCOSHead",
    "FSAFHead",
    "GFLHead",
    "PAAHead",
    "RTMDetInsSepBNHead",
    "RTMDetSepBNHead",
    "RetinaHead",
    "SSDHead",
    "VFNetHead",
    "YOLOXHead",
)


class DenseHeadDistributions(PredictedDistributions):
    """The boxes whose classification is above the detector's ``score_thr``, before NMS.

    With a softmax the distribution of a box is that over all classes and the background. Sigmoids
    decide class by class: the distribution is that of the most likely class, (p, 1 - p), with p
    times the objectness where there is one (YOLOX).
    """

    of_objects = True

    @classmethod
    def supports(cls, model: nn.Module) -> bool:
        """Whether ``model`` has one of :data:`HEADS`."""
        return class_name(getattr(model, "bbox_head", None)) in HEADS

    def predict(
        self, model: nn.Module, feats: Sequence[Tensor], data_samples: Sequence
    ) -> list[Tensor]:
        """Run the head's forward; see :class:`PredictedDistributions`."""
        head = model.bbox_head
        outputs = head(feats)
        scores = _rows(outputs[0], head.cls_out_channels)
        if head.use_sigmoid_cls:
            best = scores.sigmoid().amax(dim=-1)
            if class_name(head) == "YOLOXHead":
                best = best * _rows(outputs[2], 1).squeeze(-1).sigmoid()
            distributions = binary_distributions(best)
        else:
            distributions = scores.softmax(dim=-1)
            best = distributions[..., :-1].amax(dim=-1)  # the background comes last
        threshold = head.test_cfg.get("score_thr", 0)
        # Not "above": NaN is to be kept, so that a model that has diverged is noticed.
        return [d[~(b <= threshold)] for d, b in zip(distributions, best, strict=True)]


def binary_distributions(scores: Tensor) -> Tensor:
    """Return (p, 1 - p) of scores of any shape, in a last dimension of two."""
    return torch.stack([scores, 1 - scores], dim=-1)


def _rows(levels: Sequence[Tensor], channels: int) -> Tensor:
    """Turn maps of (N, anchors * channels, H, W) into (N, boxes of all levels, channels)."""
    rows = [x.permute(0, 2, 3, 1).reshape(len(x), -1, channels) for x in levels]
    return torch.cat(rows, dim=1).float()
