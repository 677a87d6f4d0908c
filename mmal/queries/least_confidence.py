"""Uncertainty by least confidence."""

from mmal.registry import QUERIES

from .uncertainty import UncertaintyQuery


@QUERIES.register_module()
class LeastConfidence(UncertaintyQuery):
    """Picks the samples whose best class is least likely (Lewis & Gale, 1994).

    See :class:`UncertaintyQuery` for the parameter, and :mod:`mmal.models.uncertainty` for what the
    distribution of a box, joint or label is.
    """

    measure = "least_confidence"
