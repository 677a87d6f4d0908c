"""Distributions of the joints of heatmap-based pose estimators."""

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn.functional import max_pool2d

from ..sample_losses.mm_classes import class_name
from .base import PredictedDistributions

HEADS = ("CPMHead", "HeatmapHead", "MSPNHead", "ViPNASHead")


def final_heatmaps(model: nn.Module, feats: Sequence[Tensor]) -> Tensor:
    """Run the head of a model with one of :data:`HEADS`.

    Returns:
        Heights of shape (N, K, H, W), not below 0. Of UDP's three maps a joint (Huang et al., "The
        Devil Is in the Details", CVPR 2020) the first; the others are offsets.
    """
    heatmaps = model.head(feats)
    while not isinstance(heatmaps, Tensor):
        heatmaps = heatmaps[-1]  # the last stage, and the last unit of it
    if getattr(model.head.decoder, "heatmap_type", None) == "combined":
        heatmaps = heatmaps[:, ::3]
    return heatmaps.float().clamp(min=0)


class HeatmapDistributions(PredictedDistributions):
    """The peaks of each joint's heatmap: where the joint may be.

    Local maxima (3 x 3) keep their heights, all other pixels are zero, and a map is divided by its
    sum: one sharp peak is certain, two equal ones are not, wherever they are. (Liu & Ferrari,
    "Active Learning for Human Pose Estimation", ICCV 2017, take the softmax of the
    heights; heatmaps of regressed Gaussians are between 0 and 1, of which a softmax is nearly
    flat.) A map without a positive pixel is uniform.
    """

    @classmethod
    def supports(cls, model: nn.Module) -> bool:
        """Whether ``model`` has one of :data:`HEADS`."""
        return class_name(getattr(model, "head", None)) in HEADS

    def predict(
        self, model: nn.Module, feats: Sequence[Tensor], data_samples: Sequence
    ) -> list[Tensor]:
        """Run the head's forward; see :class:`PredictedDistributions`."""
        heights = final_heatmaps(model, feats)
        peaks = heights * (heights == max_pool2d(heights, 3, stride=1, padding=1))
        peaks = peaks.flatten(2)
        total = peaks.sum(dim=-1, keepdim=True)
        uniform = peaks.new_full((), 1 / peaks.shape[-1])
        return list((peaks / total).where(total != 0, uniform))
