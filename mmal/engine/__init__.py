from .acquisition import acquire, draw_candidates
from .hooks import ActiveLearningHook, EpochSeedHook
from .pipelines import labeled_test_dataset, test_pipeline
from .ranking import measure_losses
from .scoring import score_pool

__all__ = [
    "ActiveLearningHook",
    "EpochSeedHook",
    "acquire",
    "draw_candidates",
    "labeled_test_dataset",
    "measure_losses",
    "score_pool",
    "test_pipeline",
]
