from .pairwise_ranking_loss import PairwiseRankingLoss, pairwise_ranking_loss

__all__ = ["PairwiseRankingLoss", "pairwise_ranking_loss"]
