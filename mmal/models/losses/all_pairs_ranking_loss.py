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
    def _pairs(size: int, device: torch.device) -> tuple[Tensor, Tensor]:
        first, second = torch.triu_indices(size, size, offset=1, device=device)
        return first, second
