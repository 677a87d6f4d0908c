from .learning_curve import plot_curves, read_curve
from .rounds_table import rounds_table

__all__ = ["plot_curves", "read_curve", "rounds_table"]
