from .base import Query, build_query
from .learned_loss import LearnedLoss
from .random import Random

__all__ = ["LearnedLoss", "Query", "Random", "build_query"]
