from .functional import pair_ranking_accuracy

__all__ = ["pair_ranking_accuracy"]
