"""The ranking loss over all pairs."""

import torch
from torch import Tensor

from mmal.registry import MODELS

from .pairwise_ranking_loss import PairwiseRankingLoss


@MODELS.register_module()
class AllPairsRankingLoss(PairwiseRankingLoss):
    """Ranking loss over all B(B-1)/2 pairs of a mini-batch.

    Not the paper's: :class:`PairwiseRankingLoss` is. Everything but the choice of pairs is as
    there; the loss is again the mean over the pairs that count, so the same ``loss_weight`` suits.
    """

    @staticmethod
    def _pairs(values: Tensor) -> Tensor:
        return values[torch.triu_indices(len(values), len(values), 1, device=values.device).t()]
