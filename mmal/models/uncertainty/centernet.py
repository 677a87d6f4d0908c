"""Distributions of the centres that CenterNet finds."""

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn.functional import max_pool2d

from ..sample_losses.mm_classes import class_name
from .base import PredictedDistributions
from .dense import binary_distributions
from .detr import SCORE_THR


class CenterNetDistributions(PredictedDistributions):
    """The peaks of the heatmaps of centres above ``score_thr``, or 0.05: (p, 1 - p) each.

    Peaks are the local maxima of a class that CenterNet takes in place of NMS (Zhou et al.,
    "Objects as Points", 2019).
    """

    of_objects = True

    @classmethod
    def supports(cls, model: nn.Module) -> bool:
        """Whether ``model`` is a CenterNet of that paper."""
        return class_name(getattr(model, "bbox_head", None)) == "CenterNetHead"

    def predict(
        self, model: nn.Module, feats: Sequence[Tensor], data_samples: Sequence
    ) -> list[Tensor]:
        """Run the head's forward; see :class:`PredictedDistributions`."""
        heights = model.bbox_head(feats)[0][0].float()  # after the sigmoid, of the one level
        test_cfg = model.bbox_head.test_cfg or {}
        kernel = test_cfg.get("local_maximum_kernel", 3)
        peaks = max_pool2d(heights, kernel, stride=1, padding=kernel // 2)
        threshold = test_cfg.get("score_thr", SCORE_THR)
        # Not "above": NaN is to be kept, so that a model that has diverged is noticed.
        found = ~(heights != peaks) & ~(heights <= threshold) | heights.isnan()
        return [binary_distributions(h[f]) for h, f in zip(heights, found, strict=True)]
