from .active_learning_hook import ActiveLearningHook
from .channels_last_hook import ChannelsLastHook
from .epoch_seed_hook import EpochSeedHook
from .exact_resume_hook import ExactResumeHook
from .finite_loss_hook import FiniteLossHook
from .progress_hook import ProgressHook

__all__ = [
    "ActiveLearningHook",
    "ChannelsLastHook",
    "EpochSeedHook",
    "ExactResumeHook",
    "FiniteLossHook",
    "ProgressHook",
]
