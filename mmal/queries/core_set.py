"""Diversity alone."""

import numpy as np

from mmal.registry import QUERIES
from mmal.structures import PoolScores

from .base import Query
from .picking import k_center_greedy


@QUERIES.register_module()
class CoreSet(Query):
    """Picks samples far from each other and from what is labelled, by the target's features.

    K-centre greedy (Sener & Savarese, ICLR 2018, algorithm 1), the core-set baseline of Yoo &
    Kweon, on the average-pooled features of the target model.
    """

    requires = ("features",)
    reads_labeled = True

    def _pick(
        self,
        scores: PoolScores,
        labeled: PoolScores | None,
        budget: int,
        rng: np.random.Generator,
    ) -> np.ndarray:
        known = None if labeled is None else labeled.fields["features"]
        return k_center_greedy(scores.fields["features"], known, budget, rng)
