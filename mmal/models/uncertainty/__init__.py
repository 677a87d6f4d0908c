from .base import PredictedDistributions
from .measures import AGGREGATIONS, MEASURES, aggregate
from .select import distributions_of

__all__ = ["AGGREGATIONS", "MEASURES", "PredictedDistributions", "aggregate", "distributions_of"]
