"""Distributions of the joints of estimators that classify their coordinates."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import max_pool1d, pad

from ..sample_losses.mm_classes import class_name
from .base import PredictedDistributions

HEADS = ("RTMCCHead", "RTMWHead", "SimCCHead")


class SimCCDistributions(PredictedDistributions):
    """The peaks of each joint's distributions over x and over y, of SimCC and RTMPose.

    The head gives logits of bins along each axis (Li et al., "SimCC: a Simple Coordinate
    Classification Perspective for Human Pose Estimation", ECCV 2022), of which training takes the
    softmax at a temperature of its own, 1 / beta. As of heatmaps, local maxima (3 bins) keep their
    values and are divided by their sum: targets are wide, and next to the best bin there is always
    one that is nearly as good. Rows of the shorter axis end with zeros.
    """

    @classmethod
    def supports(cls, model: nn.Module) -> bool:
        """Whether ``model`` has one of :data:`HEADS`."""
        return class_name(getattr(model, "head", None)) in HEADS

    def predict(
        self, model: nn.Module, feats: Sequence[Tensor], data_samples: Sequence
    ) -> list[Tensor]:
        """Run the head's forward; two rows a joint, see :class:`PredictedDistributions`."""
        beta = getattr(model.head.loss_module, "beta", 1.0)
        axes = [_peaks((beta * logits.float()).softmax(dim=-1)) for logits in model.head(feats)]
        longest = max(axis.shape[-1] for axis in axes)
        x, y = (pad(axis, (0, longest - axis.shape[-1])) for axis in axes)
        return list(torch.stack([x, y], dim=2).flatten(1, 2))


def _peaks(values: Tensor) -> Tensor:
    peaks = values * (values == max_pool1d(values, 3, stride=1, padding=1))
    return peaks / peaks.sum(dim=-1, keepdim=True)
