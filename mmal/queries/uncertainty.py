"""What queries by the uncertainty of predictions share."""

import numpy as np

from mmal.structures import PoolScores

from .base import Query
from .picking import top_k


class UncertaintyQuery(Query):
    """Picks the samples with the largest value of an uncertainty.

    Args:
        aggregation: How the values of a sample's boxes, joints or labels become one: ``mean``,
            ``max`` or ``sum``. A sum also counts the boxes. A sample without boxes has the value 0.
            A classifier of one label an image has one value, and the three are equal.

    Raises:
        ValueError: If ``aggregation`` is none of these.
    """

    measure: str

    def __init__(self, aggregation: str = "mean") -> None:
        if aggregation not in ("mean", "max", "sum"):
            raise ValueError(
                f"The 'aggregation' parameter of {type(self).__name__} must be 'mean', 'max' or "
                f"'sum'. Got {aggregation!r} instead."
            )
        self.requires = (f"{self.measure}_{aggregation}",)

    def _pick(
        self,
        scores: PoolScores,
        labeled: PoolScores | None,
        budget: int,
        rng: np.random.Generator,
    ) -> np.ndarray:
        return top_k(scores.fields[self.requires[0]], budget, rng)
