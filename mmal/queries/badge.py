"""Uncertainty and diversity by gradients."""

import numpy as np

from mmal.registry import QUERIES
from mmal.structures import PoolScores

from .base import Query
from .picking import kmeans_plus_plus
from .product_distances import NearestProducts


@QUERIES.register_module()
class BADGE(Query):
    """Draws the seeds of k-means++ among the gradients that the samples would cause.

    A sample's gradient embedding is that of a classifier's last layer under the label that it
    finds most probable: long where it is uncertain, and of a direction of its own where the image
    is. (Ash et al., "Deep Batch Active Learning by Diverse, Uncertain Gradient Lower Bounds", ICLR
    2020, algorithm 1; code of the authors: https://github.com/JordanAsh/badge.) As in the paper's
    k-means++ the first seed is drawn uniformly; the authors' code takes the longest.

    It exists for classifiers with a linear layer under a softmax alone: see
    :mod:`mmal.models.last_layer`. Embeddings have classes * features numbers; they are never
    multiplied out.
    """

    requires = ("logit_gradient", "penultimate")

    def _pick(
        self,
        scores: PoolScores,
        labeled: PoolScores | None,
        budget: int,
        rng: np.random.Generator,
    ) -> np.ndarray:
        gradients, inputs = (scores.fields[name] for name in self.requires)
        return kmeans_plus_plus(NearestProducts(gradients, inputs), budget, rng)
