"""How uncertain distributions are; higher always means less certain."""

from collections.abc import Callable

import torch
from torch import Tensor


def entropy(distributions: Tensor) -> Tensor:
    """Shannon entropy, in nats: -sum p log p.

    Args:
        distributions: Distributions of shape (n, C), each row of sum 1.

    Returns:
        Entropies of shape (n,), in 0..log C.
    """
    return torch.special.entr(distributions).sum(dim=-1)


def margin(distributions: Tensor) -> Tensor:
    """One minus the difference of the two largest probabilities (best versus second best).

    Scheffer et al., "Active Hidden Markov Models for Information Extraction", 2001.

    Args:
        distributions: Distributions of shape (n, C).

    Returns:
        Values of shape (n,), in 0..1; of a single class 0.
    """
    if distributions.shape[-1] < 2:
        return torch.zeros_like(distributions[..., 0])
    best, second = distributions.topk(2, dim=-1).values.unbind(-1)
    return 1 - (best - second)


def least_confidence(distributions: Tensor) -> Tensor:
    """One minus the largest probability (Lewis & Gale, 1994).

    Args:
        distributions: Distributions of shape (n, C).

    Returns:
        Values of shape (n,), in 0..1.
    """
    return 1 - distributions.amax(dim=-1)


#: What one distribution is measured by, and how those of a sample become one number.
MEASURES: dict[str, Callable[[Tensor], Tensor]] = dict(
    entropy=entropy, margin=margin, least_confidence=least_confidence
)
AGGREGATIONS: dict[str, Callable[[Tensor], Tensor]] = dict(
    mean=torch.mean, max=torch.amax, sum=torch.sum
)


def aggregate(values: Tensor, aggregation: str) -> Tensor:
    """Reduce the values of a sample's boxes, joints or labels to a scalar; of none, to 0."""
    return AGGREGATIONS[aggregation](values) if len(values) else values.new_zeros(())
