from .base import PredictedDistributions
from .measures import AGGREGATIONS, MEASURES, aggregate
from .select import distributions_of
from .statistics import NUM_STATISTICS, uncertainty_statistics

__all__ = [
    "AGGREGATIONS",
    "MEASURES",
    "NUM_STATISTICS",
    "PredictedDistributions",
    "aggregate",
    "distributions_of",
    "uncertainty_statistics",
]
