from .acquisition import acquire, draw_candidates
from .data_config import DataConfig
from .hooks import ActiveLearningHook, EpochSeedHook
from .ranking import measure_losses
from .scoring import score_pool

__all__ = [
    "ActiveLearningHook",
    "DataConfig",
    "EpochSeedHook",
    "acquire",
    "draw_candidates",
    "measure_losses",
    "score_pool",
]
