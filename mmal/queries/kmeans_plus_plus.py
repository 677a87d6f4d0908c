"""Draws spread over the embedding of the loss prediction module."""

import numpy as np

from mmal.registry import QUERIES
from mmal.structures import PoolScores

from .base import Query
from .picking import kmeans_plus_plus, rank


@QUERIES.register_module()
class KMeansPlusPlus(Query):
    """Draws the seeds of k-means++ in the embedding of the loss prediction module.

    As the loss does of the gradient embeddings of BADGE (Ash et al., ICLR 2020), the predicted
    loss scales the vectors here: where it is small they are close together, and few are drawn.
    Predicted losses have no scale of their own; their ranks, in 1/N..1, are used.
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
