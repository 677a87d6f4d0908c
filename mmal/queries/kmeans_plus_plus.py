"""Draws spread over the embedding of the loss prediction module."""

from collections.abc import Mapping

import numpy as np

from mmal.registry import QUERIES
from mmal.structures import PoolScores

from .feature_query import FeatureQuery
from .picking import NearestDistances, kmeans_plus_plus, rank


@QUERIES.register_module()
class KMeansPlusPlus(FeatureQuery):
    """Draws the seeds of k-means++ in the embedding of the loss prediction module.

    As the loss does of the gradient embeddings of BADGE (Ash et al., ICLR 2020), the predicted
    loss scales the vectors here: where it is small they are close together, and few are drawn.
    Predicted losses have no scale of their own; their ranks, in 1/N..1, are used.

    Args:
        features: Features that take the place of the embedding; see :class:`FeatureQuery`.

    Raises:
        ValueError: If ``features`` is no such dict.
    """

    column = "embedding"
    requires = ("embedding", "pred_loss")

    def __init__(self, features: Mapping | None = None) -> None:
        super().__init__(features)
        self.requires = (self.column, "pred_loss")

    def _pick(
        self,
        scores: PoolScores,
        labeled: PoolScores | None,
        budget: int,
        rng: np.random.Generator,
    ) -> np.ndarray:
        ranks = rank(scores.fields["pred_loss"])
        vectors = scores.fields[self.column] * ranks[:, None]
        return kmeans_plus_plus(NearestDistances(vectors, None), budget, rng)
