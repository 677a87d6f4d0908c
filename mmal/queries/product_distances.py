"""Distances between outer products of vectors."""

import numpy as np
import torch
from torch import Tensor

from .picking import NearestDistances


class NearestProducts(NearestDistances):
    """How far each candidate is from the nearest chosen one, where candidates are outer products.

    The vector of a candidate is the outer product of two, of C * D numbers, such as a gradient
    embedding. Of outer products <a b', c d'> = <a, c> <b, d>, so lengths and distances follow from
    the factors, which take N * (C + D) numbers instead of N * C * D.

    Args:
        left: One factor of each candidate, shape (N, C).
        right: The other, shape (N, D).

    Attributes:
        squares: The products' squared lengths, shape (N,).
        squared: Squared Euclidean distances of shape (N,); infinite before anything is chosen, of
            those chosen -1.
    """

    def __init__(self, left: np.ndarray, right: np.ndarray) -> None:
        # Not about the mean, as other vectors: what then is left is no outer product.
        self._start_somewhere(torch.from_numpy(left).float(), torch.from_numpy(right).float())

    def _start(self, device: str, left: Tensor, right: Tensor) -> None:
        self.left, self.right = left.to(device), right.to(device)
        lengths = (torch.linalg.vector_norm(factor, dim=1) for factor in (self.left, self.right))
        self.squares = torch.mul(*lengths).square()
        self.squared = torch.full_like(self.squares, torch.inf)

    def _products_with(self, index: int) -> Tensor:
        return (self.left @ self.left[index]) * (self.right @ self.right[index])
