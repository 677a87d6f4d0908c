"""Uncertainty by margin."""

from mmal.registry import QUERIES

from .uncertainty import UncertaintyQuery


@QUERIES.register_module()
class Margin(UncertaintyQuery):
    """Picks the samples whose best and second best class are closest (Scheffer et al., 2001).

    See :class:`UncertaintyQuery` for the parameter, and :mod:`mmal.models.uncertainty` for what the
    distribution of a box, joint or label is.
    """

    measure = "margin"
