from .curve_statistics import Interval, area_under_curve, labels_to_reach, paired_bootstrap
from .functional import kendall_correlation, pair_ranking_accuracy, spearman_correlation
from .ranking_accuracy import RankingAccuracy, ranking_measures

__all__ = [
    "Interval",
    "RankingAccuracy",
    "area_under_curve",
    "kendall_correlation",
    "labels_to_reach",
    "pair_ranking_accuracy",
    "paired_bootstrap",
    "ranking_measures",
    "spearman_correlation",
]
