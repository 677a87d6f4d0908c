"""Choosing the strategy for a target model."""

from torch import nn

from .base import SampleLosses
from .classification import ClassifierSampleLosses
from .dense import DenseHeadSampleLosses
from .detr import DETRSampleLosses
from .instance_segmentation import InstanceSegmentorSampleLosses
from .mask_transformer import MaskTransformerSampleLosses
from .pose import BottomupSampleLosses, TopdownSampleLosses
from .sparse_rcnn import SparseRCNNSampleLosses
from .two_stage import TwoStageSampleLosses

_STRATEGIES = (
    DenseHeadSampleLosses,
    TwoStageSampleLosses,
    SparseRCNNSampleLosses,
    DETRSampleLosses,
    InstanceSegmentorSampleLosses,
    MaskTransformerSampleLosses,
    TopdownSampleLosses,
    BottomupSampleLosses,
    ClassifierSampleLosses,
)


def sample_losses_for(model: nn.Module) -> SampleLosses:
    """Return the per-sample loss strategy that is exact for ``model``.

    Raises:
        TypeError: If none is; the message names the model, its heads and what to do.
    """
    for strategy in _STRATEGIES:
        if strategy.supports(model):
            return strategy()
    heads = [
        type(head).__name__
        for name in ("rpn_head", "roi_head", "bbox_head", "mask_head", "head")
        if (head := getattr(model, name, None)) is not None
    ]
    of_heads = f" with {' and '.join(heads)}" if heads else ""
    raise TypeError(
        f"LearningLoss knows no exact per-sample loss for the target model "
        f"{type(model).__name__}{of_heads}.\n"
        "If it is single-stage, its head's forward runs once a step and returns tensors with the "
        "batch in dimension 0, and targets are assigned image by image in the order of the batch, "
        "set sample_losses=dict(type='mmal.DenseHeadSampleLosses') in the model config; else write "
        "a strategy of your own: docs/how_it_works.md, 'Supported targets, and adding one'. The "
        "families that are supported as they are: README.md, 'Supported models'."
    )
