from .audit_table import audit_summary, findings_table, sets_table
from .histogram import plot_histogram
from .learning_curve import (
    COSTS,
    aligned,
    metric_column,
    metric_names,
    plot_curves,
    read_curve,
)
from .losses import plot_losses
from .picks import plot_picks
from .plan_table import plan_table
from .rounds_table import rounds_table
from .sample_sheet import check_sheet_path, plot_samples

__all__ = [
    "COSTS",
    "aligned",
    "audit_summary",
    "check_sheet_path",
    "findings_table",
    "metric_column",
    "metric_names",
    "plan_table",
    "plot_curves",
    "plot_histogram",
    "plot_losses",
    "plot_picks",
    "plot_samples",
    "read_curve",
    "rounds_table",
    "sets_table",
]
