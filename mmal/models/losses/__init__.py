from .all_pairs_ranking_loss import AllPairsRankingLoss
from .pairwise_ranking_loss import PairwiseRankingLoss

__all__ = ["AllPairsRankingLoss", "PairwiseRankingLoss"]
