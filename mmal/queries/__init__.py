from .badge import BADGE
from .base import Query, build_query
from .core_set import CoreSet
from .entropy import Entropy
from .herding import Herding
from .kmeans_plus_plus import KMeansPlusPlus
from .learned_loss import LearnedLoss
from .least_confidence import LeastConfidence
from .margin import Margin
from .random import Random

__all__ = [
    "BADGE",
    "CoreSet",
    "Entropy",
    "Herding",
    "KMeansPlusPlus",
    "LearnedLoss",
    "LeastConfidence",
    "Margin",
    "Query",
    "Random",
    "build_query",
]
