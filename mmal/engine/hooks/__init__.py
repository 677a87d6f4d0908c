from .active_learning_hook import ActiveLearningHook
from .epoch_seed_hook import EpochSeedHook
from .progress_hook import ProgressHook

__all__ = ["ActiveLearningHook", "EpochSeedHook", "ProgressHook"]
