from . import compat
from .build import build_model
from .learning_loss import LearningLossMixin, learning_loss
from .losses import PairwiseRankingLoss
from .necks import LossPredictionNeck
from .sample_losses import DenseHeadSampleLosses, SampleLosses, TwoStageSampleLosses

__all__ = [
    "DenseHeadSampleLosses",
    "LearningLossMixin",
    "LossPredictionNeck",
    "PairwiseRankingLoss",
    "SampleLosses",
    "TwoStageSampleLosses",
    "build_model",
    "compat",
    "learning_loss",
]
