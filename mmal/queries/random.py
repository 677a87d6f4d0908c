"""The baseline that every query has to beat."""

import numpy as np

from mmal.registry import QUERIES
from mmal.structures import PoolScores

from .base import Query


@QUERIES.register_module()
class Random(Query):
    """Picks uniformly at random, without replacement and without scores."""

    def _pick(
        self,
        scores: PoolScores,
        labeled: PoolScores | None,
        budget: int,
        rng: np.random.Generator,
    ) -> np.ndarray:
        return rng.permutation(len(scores))[:budget]
