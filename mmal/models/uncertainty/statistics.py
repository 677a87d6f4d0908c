"""How uncertain a model is of a sample, in a few numbers."""

import math

import torch
from torch import Tensor

from .measures import MEASURES

#: How many numbers :func:`uncertainty_statistics` returns.
NUM_STATISTICS = 3 * len(MEASURES) + 1


def uncertainty_statistics(distributions: Tensor) -> Tensor:
    """Sum up the distributions of a sample's boxes, joints or labels.

    Args:
        distributions: Distributions of shape (n, C); n may be 0.

    Returns:
        Of entropy (as a share of log C), margin and least confidence the mean, the maximum and
        log(1 + sum), then log(1 + n); shape (:data:`NUM_STATISTICS`,). Of none, zeros.
    """
    count, classes = distributions.shape
    if not count:
        return distributions.new_zeros(NUM_STATISTICS)
    found = []
    for name, measure in MEASURES.items():
        values = measure(distributions)
        if name == "entropy":
            values = values / math.log(max(classes, 2))
        found += [values.mean(), values.amax(), values.sum().log1p()]
    return torch.stack([*found, values.new_tensor(count).log1p()])
