"""Picking from scores, as arrays."""

import numpy as np
import torch
from scipy.stats import rankdata
from torch import Tensor

#: Distances that are in memory at a time.
_DISTANCES = 2**24


def top_k(scores: np.ndarray, k: int, rng: np.random.Generator) -> np.ndarray:
    """Find the ``k`` largest scores without sorting all.

    Args:
        scores: Scores of shape (N,), without NaN.
        k: How many, in 1..N.
        rng: Decides among equal scores.

    Returns:
        Their positions, shape (k,), the largest first.
    """
    threshold = np.partition(scores, len(scores) - k)[len(scores) - k]
    above = np.flatnonzero(scores > threshold)
    equal = rng.permutation(np.flatnonzero(scores == threshold))
    chosen = rng.permutation(np.concatenate([above, equal[: k - len(above)]]))
    return chosen[np.argsort(-scores[chosen], kind="stable")]


def rank(values: np.ndarray) -> np.ndarray:
    """Return the ranks of values of shape (N,), scaled to 1/N..1; equal values share the mean."""
    return (rankdata(values) / max(len(values), 1)).astype(np.float32)


class NearestDistances:
    """How far each candidate is from the nearest sample that is labelled or chosen.

    On a GPU, if there is one and it has the memory. A step costs one product of the candidates
    with a vector.

    Args:
        candidates: Vectors of shape (N, D).
        labeled: Vectors of shape (M, D), or None for no labelled samples.

    Attributes:
        vectors: The candidates about their mean, shape (N, D).
        squares: Their squared lengths, shape (N,).
        squared: Squared Euclidean distances of shape (N,); before anything is labelled or chosen
            infinite, of those chosen -1.
    """

    def __init__(self, candidates: np.ndarray, labeled: np.ndarray | None) -> None:
        # Distances are differences of squares: about the mean the least is lost by them.
        mean = candidates.mean(axis=0, dtype=np.float64).astype(np.float32)
        vectors = torch.from_numpy(candidates - mean).float()
        known = None if labeled is None else torch.from_numpy(labeled - mean).float()
        self._start_somewhere(vectors, known)

    def choose(self, index: int) -> None:
        """Choose a candidate: others are no further than from it, and it is never far again."""
        distances = self.squares - 2 * self._products_with(index) + self.squares[index]
        chosen = self.squared < 0
        torch.minimum(self.squared, distances.clamp_(min=0), out=self.squared)
        self.squared[chosen] = -1
        self.squared[index] = -1

    def _start_somewhere(self, *tensors: Tensor | None) -> None:
        try:
            self._start("cuda" if torch.cuda.is_available() else "cpu", *tensors)
        except torch.cuda.OutOfMemoryError:
            self._start("cpu", *tensors)

    def _products_with(self, index: int) -> Tensor:
        return self.vectors @ self.vectors[index]

    def _start(self, device: str, vectors: Tensor, known: Tensor | None) -> None:
        self.vectors = vectors.to(device)
        self.squares = torch.linalg.vector_norm(self.vectors, dim=1).square()
        self.squared = torch.full_like(self.squares, torch.inf)
        if known is None or not len(known):
            return
        known = known.to(device)
        squares = torch.linalg.vector_norm(known, dim=1).square()
        size = max(_DISTANCES // len(known), 1)
        for begin in range(0, len(self.vectors), size):
            rows = slice(begin, begin + size)
            products = self.vectors[rows] @ known.T
            nearest = (squares - 2 * products).amin(dim=1) + self.squares[rows]
            self.squared[rows] = nearest.clamp_(min=0)


def k_center_greedy(
    candidates: np.ndarray,
    labeled: np.ndarray | None,
    k: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """Choose, one after the other, the candidate farthest from all labelled and chosen samples.

    Sener & Savarese, "Active Learning for Convolutional Neural Networks: A Core-Set Approach",
    ICLR 2018, algorithm 1.

    Args:
        candidates: Vectors of shape (N, D).
        labeled: Vectors of the labelled samples, shape (M, D), if there are any.
        k: How many, in 1..N.
        rng: Decides among candidates equally far.

    Returns:
        Positions of the chosen candidates, shape (k,), in the order of choice.
    """
    nearest = NearestDistances(candidates, labeled)
    order = torch.from_numpy(rng.permutation(len(candidates))).to(nearest.squared.device)
    chosen = []
    for _ in range(k):
        # The first of equals in random order: at first all may be infinitely far.
        chosen.append(int(order[nearest.squared[order].argmax()]))
        nearest.choose(chosen[-1])
    return np.array(chosen)


def kmeans_plus_plus(nearest: NearestDistances, k: int, rng: np.random.Generator) -> np.ndarray:
    """Draw, one after the other, candidates with probability as their squared distance.

    Arthur & Vassilvitskii, "k-means++: The Advantages of Careful Seeding", SODA 2007, section 2.2;
    as a query in Ash et al., "Deep Batch Active Learning by Diverse, Uncertain Gradient Lower
    Bounds" (BADGE), ICLR 2020, algorithm 1.

    Args:
        nearest: Distances of the N candidates, which are changed by what is chosen.
        k: How many, in 1..N.
        rng: Draws.

    Returns:
        Positions of the chosen candidates, shape (k,), in the order of choice.
    """
    chosen: list[int] = []
    for _ in range(k):
        until = nearest.squared.clamp(min=0).double().cumsum(0)
        if not 0 < until[-1] < torch.inf:
            # Nothing is labelled or chosen yet, or all that is left are copies of what is.
            until = (nearest.squared >= 0).double().cumsum(0)
        # Quicker than rng.choice, which checks the probabilities each time.
        drawn = rng.random() * float(until[-1])
        chosen.append(int(torch.searchsorted(until, drawn, right=True)))
        nearest.choose(chosen[-1])
    return np.array(chosen)
