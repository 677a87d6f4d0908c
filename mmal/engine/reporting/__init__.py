from .collect import changed_at, picked_images, read_round, read_run
from .explanation import EXPLANATION_FILE, explain_picks, leave_explanation
from .keep import REPORT_FILE, ReportKeeper, warned, write_run_report
from .predictions import (
    leave_pool_predictions,
    leave_test_predictions,
    predict_samples,
    read_predictions,
    write_predictions,
)

__all__ = [
    "EXPLANATION_FILE",
    "REPORT_FILE",
    "ReportKeeper",
    "changed_at",
    "explain_picks",
    "leave_explanation",
    "leave_pool_predictions",
    "leave_test_predictions",
    "picked_images",
    "predict_samples",
    "read_predictions",
    "read_round",
    "read_run",
    "warned",
    "write_predictions",
    "write_run_report",
]
