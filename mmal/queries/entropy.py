"""Uncertainty by entropy."""

from mmal.registry import QUERIES

from .uncertainty import UncertaintyQuery


@QUERIES.register_module()
class Entropy(UncertaintyQuery):
    """Picks the samples whose boxes, joints or labels have the largest entropy (Shannon, 1948).

    See :class:`UncertaintyQuery` for the parameter, and :mod:`mmal.models.uncertainty` for what the
    distribution of a box, joint or label is.
    """

    measure = "entropy"
