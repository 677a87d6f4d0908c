"""Distributions of image classifiers."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ..sample_losses.mm_classes import class_name
from .base import PredictedDistributions

#: Heads that predict one class of all, by a softmax.
SOFTMAX_HEADS = (
    "ArcFaceClsHead",
    "ClsHead",
    "ConformerHead",
    "DeiTClsHead",
    "EfficientFormerClsHead",
    "LeViTClsHead",
    "LinearClsHead",
    "StackedLinearClsHead",
    "VigClsHead",
    "VisionTransformerClsHead",
)
#: Heads that decide class by class, by sigmoids.
SIGMOID_HEADS = ("CSRAClsHead", "MultiLabelClsHead", "MultiLabelLinearClsHead")


class ClassifierDistributions(PredictedDistributions):
    """The classes of an image.

    One distribution an image: the softmax over the classes. It is what MMPretrain predicts, also
    where sigmoids were trained (binary cross-entropy on a head for one label). Heads for several
    labels have one distribution a class, (p, 1 - p): an image's entropy is then the mean, maximum
    or sum of the classes' binary entropies.
    """

    @classmethod
    def supports(cls, model: nn.Module) -> bool:
        """Whether ``model`` has one of :data:`SOFTMAX_HEADS` or :data:`SIGMOID_HEADS`."""
        return class_name(getattr(model, "head", None)) in (*SOFTMAX_HEADS, *SIGMOID_HEADS)

    def predict(
        self, model: nn.Module, feats: Sequence[Tensor], data_samples: Sequence
    ) -> list[Tensor]:
        """Run the head's forward; see :class:`PredictedDistributions`."""
        scores = model.head(feats)
        if not isinstance(scores, Tensor):
            scores = sum(scores)  # Conformer adds those of its branches
        scores = scores.float()
        if class_name(model.head) in SIGMOID_HEADS:
            # Not 1 - p, which rounds to 0 where p is close to 1.
            return list(torch.stack([scores.sigmoid(), (-scores).sigmoid()], dim=-1))
        return list(scores.softmax(dim=-1)[:, None])
