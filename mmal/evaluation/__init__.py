from .curve_statistics import (
    Interval,
    area_under_curve,
    labels_to_reach,
    paired_bootstrap,
    share_above,
)
from .forecast import CurveForecast, Needed, NoForecastError, fit_curve
from .forecast_sentences import forecast_sentences
from .functional import kendall_correlation, pair_ranking_accuracy, spearman_correlation
from .gain import Gain
from .paired_tests import holm, paired_test, signed_rank_test, smallest_visible_gain
from .ranking_accuracy import RankingAccuracy, ranking_measures

__all__ = [
    "CurveForecast",
    "Gain",
    "Interval",
    "Needed",
    "NoForecastError",
    "RankingAccuracy",
    "area_under_curve",
    "fit_curve",
    "forecast_sentences",
    "holm",
    "kendall_correlation",
    "labels_to_reach",
    "pair_ranking_accuracy",
    "paired_bootstrap",
    "paired_test",
    "ranking_measures",
    "share_above",
    "signed_rank_test",
    "smallest_visible_gain",
    "spearman_correlation",
]
