"""Uncertainty by entropy."""

from mmal.registry import QUERIES

from .uncertainty import UncertaintyQuery


@QUERIES.register_module()
class Entropy(UncertaintyQuery):
    """Picks the samples whose boxes or joints have the largest entropy (Shannon, 1948).

    See :class:`UncertaintyQuery` for the parameter, and :mod:`mmal.models.uncertainty` for what a
    box's or joint's distribution is.
    """

    measure = "entropy"
