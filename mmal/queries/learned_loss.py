"""The query of learning loss."""

import numpy as np

from mmal.registry import QUERIES
from mmal.structures import PoolScores

from .base import Query


@QUERIES.register_module()
class LearnedLoss(Query):
    """Picks the samples with the largest predicted loss (Yoo & Kweon, CVPR 2019, section 3.1).

    Equal scores are put in random order.
    """

    requires = ("pred_loss",)

    def _pick(self, scores: PoolScores, budget: int, rng: np.random.Generator) -> np.ndarray:
        ties = rng.permutation(len(scores))
        # lexsort sorts by its last key first.
        return np.lexsort((ties, -scores.fields["pred_loss"]))[:budget]
