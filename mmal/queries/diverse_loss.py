"""Predicted loss and diversity in one pick."""

from collections.abc import Mapping

import numpy as np

from mmal.registry import QUERIES
from mmal.structures import PoolScores

from .feature_query import FeatureQuery
from .picking import k_means_members, rank

#: Share of the labelled samples where they are not known.
_UNKNOWN_SHARE = 0.5
#: The largest emphasis: of larger ones most weights are 0 in single precision.
_MOST = 100


@QUERIES.register_module()
class DiverseLoss(FeatureQuery):
    """Picks samples that stand for others, the more so for those of large predicted loss.

    1. The candidates are clustered into as many clusters as there are picks, by weighted k-means
       on the average-pooled features of the target model. Labelled samples are clusters of their
       own: what is close to one needs no further label. See :func:`k_means_members`.
    2. A candidate's weight is ``rank ** (emphasis * share)``, with the rank of its predicted loss
       in 1/N..1 and the share of labelled samples among these and the candidates: regions of large
       loss are divided into more clusters.
    3. The candidate next to each centre is picked.

    Unlike those of largest loss, or farthest from all others, these are ordinary samples of their
    region, and copies of one sample are one pick. With few labels typical samples are the better
    picks, with many the difficult ones (Hacohen, Dekel & Weinshall, "Active Learning on a Budget:
    Opposite Strategies Suit High and Low Budgets", ICML 2022): the share lets the predicted loss
    come in as labels are acquired.

    Args:
        emphasis: In 0..100. 0 leaves the predicted loss out; the larger, the more it decides.
        features: Of which features the clusters are; see :class:`FeatureQuery`.

    Raises:
        ValueError: If a parameter is none of these.
    """

    requires = ("features", "pred_loss")
    reads_labeled = True

    def __init__(self, emphasis: float = 1.0, features: Mapping | None = None) -> None:
        super().__init__(features)
        self.requires = (self.column, "pred_loss")
        if not isinstance(emphasis, int | float) or not 0 <= emphasis <= _MOST:
            raise ValueError(
                f"The 'emphasis' parameter of DiverseLoss must be a number in 0..{_MOST}. "
                f"Got {emphasis!r} instead."
            )
        self.emphasis = emphasis

    def _pick(
        self,
        scores: PoolScores,
        labeled: PoolScores | None,
        budget: int,
        rng: np.random.Generator,
    ) -> np.ndarray:
        known = None if labeled is None else labeled.fields[self.column]
        share = _UNKNOWN_SHARE if known is None else len(known) / (len(known) + len(scores))
        weights = rank(scores.fields["pred_loss"]) ** np.float32(self.emphasis * share)
        weights = weights.clip(np.finfo(np.float32).tiny)  # large exponents leave 0
        return k_means_members(scores.fields[self.column], known, budget, rng, weights)
