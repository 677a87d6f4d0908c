"""Coverage of the pool, of its uncertain regions in particular."""

import math
from collections.abc import Mapping

import numpy as np

from mmal.registry import QUERIES
from mmal.structures import PoolScores

from .coverage import (
    LEAST_BANDWIDTH,
    KernelCoverage,
    greedy_coverage,
    median_nearest,
    unit_length,
)
from .feature_query import FeatureQuery
from .picking import rank

#: Candidates by whose neighbours the bandwidth is found where labelled samples do not tell it.
_SAMPLE = 1000
#: The score column that a weight is.
_COLUMNS = dict(
    pred_loss="pred_loss",
    entropy="entropy_mean",
    margin="margin_mean",
    least_confidence="least_confidence_mean",
)


@QUERIES.register_module()
class Herding(FeatureQuery):
    """Picks samples that others are close to, which nothing labelled or picked is close to yet.

    The recommended query; docs/queries.md has the parameters for each task. One after the other it
    picks the sample that brings most of the pool close, in the model's features, to a sample that
    is labelled or picked. With ``weight``, what the model is unsure of counts more, so that picks
    come from the regions where it hesitates.

    Each pick maximises the sum of
    ``w_n * max(0, k(n, i) - c_n)`` over samples n, with the kernel
    ``k(x, y) = exp(-(|x - y| / bandwidth)^2)`` of the target's average-pooled features, scaled to
    unit length, and c_n the largest kernel between n and what is labelled or picked. Without
    weights it is MaxHerding (Bae, Noh & Sutherland, "Generalized Coverage for More Robust
    Low-Budget Active Learning", ECCV 2024, arXiv 2407.12212); weighted by the uncertainty of n it
    is Uncertainty Herding (Bae, Oliveira & Sutherland, "Uncertainty Herding: One Active Learning
    Method for All Label Budgets", ICLR 2025). A region is picked from for its weight, not a sample
    for its own: an odd one that is uncertain covers only itself.

    The picks are those of the greedy algorithm, found lazily. Samples n are drawn from the
    candidates; gains that are equal, not but for rounding, are put in random order. Levels of
    features are not told apart: together they have unit length, and the largest decides, unless
    ``features=dict(unit_levels=True)`` gives each the same.

    Args:
        weight: What a sample n counts: None for all the same, or ``pred_loss`` for the rank of its
            predicted loss, or the mean ``entropy``, ``margin`` (one minus the difference of the
            two best classes) or ``least_confidence`` of its boxes, joints or labels. None is the
            default as it asks nothing of the model, and every kind of model has features.
        bandwidth: At what distance of unit vectors, in 0..2, the kernel is 1/e. By default the
            median distance of a labelled sample to the nearest other one; with fewer than two, or
            where that is 0, the median within a random draw of as many candidates as are picked,
            in 2..1000.
        reference: How many samples n are drawn for each pick; all if there are fewer.
        features: Of which features the kernel is; see :class:`FeatureQuery`.

    Raises:
        ValueError: If a parameter is none of these.
    """

    reads_labeled = True

    def __init__(
        self,
        weight: str | None = None,
        bandwidth: float | None = None,
        reference: int = 20,
        features: Mapping | None = None,
    ) -> None:
        super().__init__(features)
        if weight is not None and weight not in list(_COLUMNS):
            raise ValueError(
                f"The 'weight' parameter of Herding must be None or one of {list(_COLUMNS)}. "
                f"Got {weight!r} instead."
            )
        if bandwidth is not None and not (
            isinstance(bandwidth, int | float) and LEAST_BANDWIDTH <= bandwidth < math.inf
        ):
            raise ValueError(
                "The 'bandwidth' parameter of Herding must be None or a number of at least "
                f"{LEAST_BANDWIDTH}. Got {bandwidth!r} instead."
            )
        if not isinstance(reference, int) or reference < 1:
            raise ValueError(
                "The 'reference' parameter of Herding must be an integer of at least 1. "
                f"Got {reference!r} instead."
            )
        self.weight = weight
        self.bandwidth = bandwidth
        self.reference = reference
        if weight is not None:
            self.requires = (self.column, _COLUMNS[weight])

    def _pick(
        self,
        scores: PoolScores,
        labeled: PoolScores | None,
        budget: int,
        rng: np.random.Generator,
    ) -> np.ndarray:
        features = unit_length(scores.fields[self.column])
        known = None if labeled is None else unit_length(labeled.fields[self.column])
        drawn = rng.permutation(len(features))[: self.reference * budget]
        bandwidth = self.bandwidth or _bandwidth(known, features, budget, rng)
        weights = self._weights(scores)[drawn]
        if not weights.any():  # as of images without boxes: none counts more than another
            weights = np.ones(len(drawn), np.float32)
        coverage = KernelCoverage(features, known, drawn, weights, bandwidth)
        return greedy_coverage(coverage, budget, rng)

    def _weights(self, scores: PoolScores) -> np.ndarray:
        if self.weight is None:
            return np.ones(len(scores), np.float32)
        values = scores.fields[self.requires[1]]
        # A predicted loss has no scale of its own. Rounding makes a certain sample's less than 0.
        return rank(values) if self.weight == "pred_loss" else values.clip(0)


def _bandwidth(
    known: np.ndarray | None, features: np.ndarray, budget: int, rng: np.random.Generator
) -> float:
    if known is not None and (median := median_nearest(known, rng)) >= LEAST_BANDWIDTH:
        return median
    drawn = rng.permutation(len(features))[: min(max(budget, 2), _SAMPLE)]
    median = median_nearest(features[drawn], rng)
    return median if median >= LEAST_BANDWIDTH else 1.0  # all the same, whatever the kernel
