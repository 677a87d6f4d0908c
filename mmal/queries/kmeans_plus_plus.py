"""Draws spread over the embedding of the loss prediction module."""

import numpy as np

from mmal.registry import QUERIES
from mmal.structures import PoolScores

from .base import Query
from .picking import kmeans_plus_plus, rank


@QUERIES.register_module()
class KMeansPlusPlus(Query):
    """Draws the seeds of k-means++ in the embedding of the loss prediction module.

    As BADGE (Ash et al., ICLR 2020) does in gradient embeddings, the predicted loss scales the
    vectors here: of two samples equally far from the rest the one with the larger predicted loss
    is more likely. Predicted losses have no scale of their own; their ranks, in 0..1, are used.
    """

    requires = ("embedding", "pred_loss")

    def _pick(
        self,
        scores: PoolScores,
        labeled: PoolScores | None,
        budget: int,
        rng: np.random.Generator,
    ) -> np.ndarray:
        ranks = rank(scores.fields["pred_loss"])
        return kmeans_plus_plus(scores.fields["embedding"] * ranks[:, None], None, budget, rng)
