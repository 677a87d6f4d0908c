"""Choosing the strategy for a target model."""

from torch import nn

from .base import SampleLosses
from .dense import EXACT_HEADS, DenseHeadSampleLosses
from .two_stage import TwoStageSampleLosses

_STRATEGIES = (TwoStageSampleLosses, DenseHeadSampleLosses)


def sample_losses_for(model: nn.Module) -> SampleLosses:
    """Return the per-sample loss strategy that is exact for ``model``.

    Raises:
        TypeError: If none is; the message names the model, its head and what to do.
    """
    for strategy in _STRATEGIES:
        if strategy.supports(model):
            return strategy()
    head = getattr(model, "bbox_head", None) or getattr(model, "head", None)
    of_head = f" with the head {type(head).__name__}" if head is not None else ""
    raise TypeError(
        f"LearningLoss knows no exact per-sample loss for the target model "
        f"{type(model).__name__}{of_head}. Supported are single-stage detectors with one of the "
        f"heads {', '.join(EXACT_HEADS)} and Faster R-CNN. If the head's forward runs once a step "
        "and returns tensors with the batch in dimension 0, set "
        "sample_losses=dict(type='mmal.DenseHeadSampleLosses') in the model config; else write a "
        "subclass of mmal.models.SampleLosses, register it in mmal.registry.TASK_UTILS and name it "
        "there."
    )
