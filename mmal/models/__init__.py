from . import compat
from .build import build_model, trained_model
from .cached_backbone import CachedBackbone, CachedInputs
from .learning_loss import LearningLossMixin, learning_loss
from .losses import AllPairsRankingLoss, PairwiseRankingLoss
from .necks import LossPredictionNeck
from .sample_losses import SampleLosses

__all__ = [
    "AllPairsRankingLoss",
    "CachedBackbone",
    "CachedInputs",
    "LearningLossMixin",
    "LossPredictionNeck",
    "PairwiseRankingLoss",
    "SampleLosses",
    "build_model",
    "compat",
    "learning_loss",
    "trained_model",
]
