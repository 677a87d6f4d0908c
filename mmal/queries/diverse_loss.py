"""Predicted loss and diversity in one pick."""

import numpy as np

from mmal.registry import QUERIES
from mmal.structures import PoolScores

from .base import Query
from .picking import k_center_greedy, rank


@QUERIES.register_module()
class DiverseLoss(Query):
    """Picks samples of large predicted loss that are far from each other and from the labelled.

    K-centre greedy as in :class:`CoreSet`, but a sample's distance counts as much as its predicted
    loss ranks: ``rank ** emphasis``, with ranks scaled to 1/N..1. Copies of a picked sample are at
    distance 0, but for rounding, whatever their loss.

    Args:
        emphasis: 0 gives the core-set; the larger, the more the predicted loss decides.

    Raises:
        ValueError: If ``emphasis`` is no number, or negative.
    """

    requires = ("features", "pred_loss")
    reads_labeled = True

    def __init__(self, emphasis: float = 1.0) -> None:
        if not isinstance(emphasis, int | float) or emphasis < 0:
            raise ValueError(
                "The 'emphasis' parameter of DiverseLoss must be a number of at least 0. "
                f"Got {emphasis!r} instead."
            )
        self.emphasis = emphasis

    def _pick(
        self,
        scores: PoolScores,
        labeled: PoolScores | None,
        budget: int,
        rng: np.random.Generator,
    ) -> np.ndarray:
        known = None if labeled is None else labeled.fields["features"]
        weights = rank(scores.fields["pred_loss"]) ** self.emphasis
        return k_center_greedy(scores.fields["features"], known, budget, rng, weights)
