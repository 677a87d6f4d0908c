from .learning_curve import COSTS, aligned, metric_names, plot_curves, read_curve
from .losses import plot_losses
from .picks import plot_picks
from .rounds_table import rounds_table

__all__ = [
    "COSTS",
    "aligned",
    "metric_names",
    "plot_curves",
    "plot_losses",
    "plot_picks",
    "read_curve",
    "rounds_table",
]
