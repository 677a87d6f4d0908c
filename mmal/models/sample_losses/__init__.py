from .base import SampleLosses
from .dense import DenseHeadSampleLosses
from .select import sample_losses_for
from .two_stage import TwoStageSampleLosses

__all__ = ["DenseHeadSampleLosses", "SampleLosses", "TwoStageSampleLosses", "sample_losses_for"]
