from .pool import Pool, PoolError, PoolRound
from .pool_scores import PoolScores

__all__ = ["Pool", "PoolError", "PoolRound", "PoolScores"]
