from .learning_curve import COSTS, aligned, metric_names, plot_curves, read_curve
from .rounds_table import rounds_table

__all__ = ["COSTS", "aligned", "metric_names", "plot_curves", "read_curve", "rounds_table"]
