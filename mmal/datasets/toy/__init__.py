"""Small generated data sets, so that every recipe can be tried without a download."""

from mmal.datasets.toy.toy_mpii import make_toy_mpii
from mmal.datasets.toy.toy_voc import CLASSES, make_toy_voc

__all__ = ["CLASSES", "make_toy_mpii", "make_toy_voc"]
