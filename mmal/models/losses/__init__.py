from .all_pairs_ranking_loss import AllPairsRankingLoss
from .pairwise_ranking_loss import PairwiseRankingLoss, pairwise_ranking_loss

__all__ = ["AllPairsRankingLoss", "PairwiseRankingLoss", "pairwise_ranking_loss"]
