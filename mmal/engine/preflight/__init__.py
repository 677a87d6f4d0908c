from .data import (
    audit_data,
    audit_settings,
    check_variants,
    tell,
    unlabeled_sets,
    unscored_sets,
)
from .evaluator import check_evaluator_files
from .model import (
    check_batch_size,
    check_labels,
    check_scores,
    check_sync_batchnorm,
)
from .problems import PreflightError, Problems
from .rehearsal import (
    check_steps,
    rehearse_evaluation,
    rehearse_hooks,
    rehearse_losses,
    rehearse_precision,
    rehearse_training,
    saved_best,
)
from .settings import (
    check_checkpoints,
    check_detach_epoch,
    check_no_validation,
    check_optimizer,
    check_runner,
    check_seed,
    check_workers,
    max_epochs_of,
)
from .weights import check_pretrained

__all__ = [
    "PreflightError",
    "Problems",
    "audit_data",
    "audit_settings",
    "check_batch_size",
    "check_checkpoints",
    "check_detach_epoch",
    "check_evaluator_files",
    "check_labels",
    "check_no_validation",
    "check_optimizer",
    "check_pretrained",
    "check_runner",
    "check_scores",
    "check_seed",
    "check_steps",
    "check_sync_batchnorm",
    "check_variants",
    "check_workers",
    "max_epochs_of",
    "rehearse_evaluation",
    "rehearse_hooks",
    "rehearse_losses",
    "rehearse_precision",
    "rehearse_training",
    "saved_best",
    "tell",
    "unlabeled_sets",
    "unscored_sets",
]
