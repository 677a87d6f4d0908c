"""Distributions of the queries of detection transformers."""

from collections.abc import Sequence

from torch import Tensor, nn

from mmal.utils.record import recorded

from ..sample_losses.mm_classes import class_name
from .base import PredictedDistributions
from .dense import binary_distributions

HEADS = (
    "ConditionalDETRHead",
    "DABDETRHead",
    "DDQDETRHead",
    "DETRHead",
    "DINOHead",
    "DeformableDETRHead",
)
#: Queries whose best class is below are taken for background, where the config names no number:
#: detection transformers have no threshold of their own, and most queries find nothing.
SCORE_THR = 0.05


class DETRDistributions(PredictedDistributions):
    """The queries of the last decoder layer whose classification is above ``score_thr``, or 0.05.

    With a softmax (DETR) the distribution is that over all classes and "no object"; sigmoids give
    that of the most likely class, (p, 1 - p).
    """

    of_objects = True

    @classmethod
    def supports(cls, model: nn.Module) -> bool:
        """Whether ``model`` has one of :data:`HEADS`."""
        return class_name(getattr(model, "bbox_head", None)) in HEADS

    def predict(
        self, model: nn.Module, feats: Sequence[Tensor], data_samples: Sequence
    ) -> list[Tensor]:
        """Run transformer and head; see :class:`PredictedDistributions`."""
        head = model.bbox_head
        inputs = model.forward_transformer(feats, data_samples)
        # What forward takes differs from head to head; predict knows.
        with recorded(head, "forward") as calls:
            head.predict(**inputs, batch_data_samples=data_samples, rescale=False)
        scores = calls[0].result[0][-1].float()
        if head.loss_cls.use_sigmoid:
            best = scores.sigmoid().amax(dim=-1)
            distributions = binary_distributions(best)
        else:
            distributions = scores.softmax(dim=-1)
            best = distributions[..., :-1].amax(dim=-1)  # "no object" comes last
        threshold = (head.test_cfg or {}).get("score_thr", SCORE_THR)
        # Not "above": NaN is to be kept, so that a model that has diverged is noticed.
        return [d[~(b <= threshold)] for d, b in zip(distributions, best, strict=True)]
