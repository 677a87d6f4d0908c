"""The query of learning loss."""

import numpy as np

from mmal.registry import QUERIES
from mmal.structures import PoolScores

from .base import Query
from .picking import top_k


@QUERIES.register_module()
class LearnedLoss(Query):
    """Picks the samples with the largest predicted loss (Yoo & Kweon, CVPR 2019, section 3.1).

    Equal scores are put in random order.
    """

    requires = ("pred_loss",)

    def _pick(
        self,
        scores: PoolScores,
        labeled: PoolScores | None,
        budget: int,
        rng: np.random.Generator,
    ) -> np.ndarray:
        return top_k(scores.fields["pred_loss"], budget, rng)
