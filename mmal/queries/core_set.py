"""Diversity alone."""

import numpy as np

from mmal.registry import QUERIES
from mmal.structures import PoolScores

from .feature_query import FeatureQuery
from .picking import k_center_greedy


@QUERIES.register_module()
class CoreSet(FeatureQuery):
    """Picks samples far from each other and from what is labelled, by the target's features.

    K-centre greedy (Sener & Savarese, ICLR 2018, algorithm 1), the core-set baseline of Yoo &
    Kweon, on the average-pooled features of the target model, or others: see
    :class:`FeatureQuery` for the parameter.
    """

    reads_labeled = True

    def _pick(
        self,
        scores: PoolScores,
        labeled: PoolScores | None,
        budget: int,
        rng: np.random.Generator,
    ) -> np.ndarray:
        known = None if labeled is None else labeled.fields[self.column]
        return k_center_greedy(scores.fields[self.column], known, budget, rng)
