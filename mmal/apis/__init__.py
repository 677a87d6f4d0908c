from mmal.engine.reporting import write_run_report
from mmal.engine.rounds import prepare_rounds, run_rounds

from .check_dataset import audit_config, plot_training_samples
from .score_pool import score_images

__all__ = [
    "audit_config",
    "plot_training_samples",
    "prepare_rounds",
    "run_rounds",
    "score_images",
    "write_run_report",
]
