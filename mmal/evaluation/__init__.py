from .curve_statistics import Interval, area_under_curve, labels_to_reach, paired_bootstrap
from .functional import pair_ranking_accuracy

__all__ = [
    "Interval",
    "area_under_curve",
    "labels_to_reach",
    "pair_ranking_accuracy",
    "paired_bootstrap",
]
