"""Choosing how a target model yields distributions."""

from torch import nn

from .base import PredictedDistributions
from .centernet import CenterNetDistributions
from .classification import ClassifierDistributions
from .dense import DenseHeadDistributions
from .detr import DETRDistributions
from .heatmap import HeatmapDistributions
from .simcc import SimCCDistributions
from .two_stage import TwoStageDistributions

_FAMILIES = (
    DenseHeadDistributions,
    CenterNetDistributions,
    TwoStageDistributions,
    DETRDistributions,
    HeatmapDistributions,
    SimCCDistributions,
    ClassifierDistributions,
)


def distributions_of(model: nn.Module) -> PredictedDistributions:
    """Return what yields the distributions that ``model`` predicts.

    Raises:
        TypeError: If its heads are not understood.
    """
    for family in _FAMILIES:
        if family.supports(model):
            return family()
    raise TypeError(
        f"The predictions of {type(model).__name__} cannot be read as distributions, which "
        "queries by uncertainty (Entropy, Margin, LeastConfidence) need. Use another query, or a "
        "model of a family that docs/queries.md names, 'What a distribution is'."
    )
