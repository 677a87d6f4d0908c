"""Covering a pool greedily, by a kernel: pure functions of arrays."""

import heapq

import numpy as np
import torch
from torch import Tensor

from .picking import NearestDistances

#: The least bandwidth. Distances come from products in single precision, by which those of unit
#: vectors are uncertain by a few times 1e-4; features that were kept in half precision, by more.
LEAST_BANDWIDTH = 1e-3
#: Labelled samples whose neighbours the median is taken of, at the most.
_NEIGHBOURS = 1000
#: Kernel values that are computed, of which all may have to be kept, before these are looked at.
_BLOCK = 2**23
#: Candidates of a block, at the most, and reference samples whose kernels with them are computed at
#: a time: so many stay in a processor's cache.
_ROWS, _COLUMNS = 1024, 2048
#: Kernel values that are kept, at 8 bytes each.
_KEPT = 2**26
#: Candidates whose gains are computed anew at a time, at first.
_BATCH = 16


def unit_length(vectors: np.ndarray) -> np.ndarray:
    """Scale vectors of shape (N, D) to length 1; those of length 0 stay."""
    least = np.finfo(np.float32).tiny
    largest = np.maximum(vectors.max(axis=1, initial=0), -vectors.min(axis=1, initial=0))
    scaled = vectors / np.maximum(largest, least)[:, None]  # so that squares are in range
    scaled /= np.maximum(np.linalg.norm(scaled, axis=1, keepdims=True), least)
    return scaled


def median_nearest(vectors: np.ndarray, rng: np.random.Generator) -> float:
    """Return the median distance of a vector to the nearest other one.

    One pair of near-duplicates makes the smallest distance 0, but not the median.

    Args:
        vectors: Vectors of shape (M, D).
        rng: Draws the vectors of which the median is taken, where there are more than 1,000.

    Returns:
        The median; 0 for fewer than two vectors.
    """
    if len(vectors) < 2:
        return 0.0
    points = torch.from_numpy(vectors - vectors.mean(axis=0)).float()
    halves = points.square().sum(dim=1) / 2
    distances = []
    for rows in torch.from_numpy(rng.permutation(len(vectors))[:_NEIGHBOURS]).split(100):
        closeness = points[rows] @ points.T - halves
        closeness[torch.arange(len(rows)), rows] = -torch.inf
        # By the difference: that of squares makes the distance of equal vectors more than 0.
        difference = points[rows] - points[closeness.argmax(dim=1)]
        distances.append(torch.linalg.vector_norm(difference, dim=1).numpy())
    return float(np.median(np.concatenate(distances)))


class KernelCoverage:
    """What candidates would add to the coverage of a reference set.

    A reference sample n is covered by c_n, the largest ``k(x, y) = exp(-(|x - y| / bandwidth)^2)``
    between it and a sample that is labelled or chosen. A candidate i gains
    ``sum_n w_n * max(0, k(n, i) - c_n)``. The more is covered, the less anything gains.

    Products of vectors are taken on a GPU, if there is one and it has the memory. Kernel values
    above c_n are kept, since others will never count: with M labelled samples they are about one in
    M + 1. Where they do not fit they are computed again.

    Args:
        candidates: Vectors of shape (N, D).
        labeled: Vectors of shape (M, D), or None for no labelled samples.
        reference: Positions of the reference samples among the candidates, shape (R,).
        weights: Their weights w, shape (R,), not negative.
        bandwidth: Of the kernel.

    Attributes:
        covered: c, shape (R,).
    """

    def __init__(
        self,
        candidates: np.ndarray,
        labeled: np.ndarray | None,
        reference: np.ndarray,
        weights: np.ndarray,
        bandwidth: float,
    ) -> None:
        squared = NearestDistances(candidates[reference], labeled).squared
        self.covered = (squared / -(bandwidth**2)).exp().cpu().numpy()
        self._weights = weights.astype(np.float64)
        self._places = np.full(len(candidates), -1)
        self._places[reference] = np.arange(len(reference))
        self._forget()
        vectors = _scaled(candidates, bandwidth)
        try:
            self._start("cuda" if torch.cuda.is_available() else "cpu", vectors, reference)
        except torch.cuda.OutOfMemoryError:
            self._start("cpu", vectors, reference)

    def __len__(self) -> int:
        return len(self._vectors)

    def gains(self, indices: np.ndarray) -> np.ndarray:
        """Return what the candidates at positions ``indices``, shape (n,), gain now, shape (n,)."""
        gains = np.array([self._gain(i) if i in self._rows else np.nan for i in indices.tolist()])
        missing, keep = np.flatnonzero(np.isnan(gains)), True
        size = min(max(_BLOCK // len(self.covered), 1), _ROWS)
        for begin in range(0, len(missing), size):
            block = missing[begin : begin + size]
            gains[block], entries = self._compute(indices[block], keep)
            if keep:
                self._keep(indices[block], *entries)
            if self._kept > _KEPT:  # of many all or none, or those of largest gain may be missing
                self._forget()
                keep = False
        return gains

    def choose(self, index: int) -> None:
        """Choose a candidate: it covers what is close to it."""
        if index in self._rows:
            columns, values = self._rows.pop(index)
            self._kept -= len(columns)
        else:
            _, (_, columns, values) = self._compute(np.array([index]), keep=True)
        self.covered[columns] = np.maximum(self.covered[columns], values)

    def _start(self, device: str, vectors: Tensor, reference: np.ndarray) -> None:
        self._vectors = vectors.to(device)
        self._reference = self._vectors[torch.from_numpy(reference).to(device)]
        # Of the products a.b = -|x - y|^2 / bandwidth^2 one factor has its last two the other way.
        self._reference[:, -2:] = self._reference[:, -2:].flip(1)

    def _gain(self, index: int) -> float:
        """Gain by the values that are kept, of which those that no longer count are dropped."""
        columns, values = self._rows[index]
        excess = values - self.covered[columns]
        above = excess > 0
        if not above.all():
            self._kept -= len(columns) - int(above.sum())
            columns, excess = columns[above], excess[above]
            self._rows[index] = columns, values[above]
        return float((self._weights[columns] * excess).sum())

    def _compute(
        self, indices: np.ndarray, keep: bool
    ) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
        """Gains of candidates; if asked for, rows, columns and values of kernels above c, too."""
        rows = self._vectors[torch.from_numpy(indices).to(self._vectors.device)]
        covered = torch.from_numpy(self.covered).to(rows.device)
        weights = torch.from_numpy(self._weights).to(rows)
        places = self._places[indices]
        gains, found = np.zeros(len(rows)), []
        for begin in range(0, len(covered), _COLUMNS):
            part = slice(begin, begin + _COLUMNS)
            exponents = rows @ self._reference[part].T
            # A sample covers itself, whatever rounding makes of the distance.
            own = np.flatnonzero((places >= begin) & (places < begin + _COLUMNS))
            exponents[own, places[own] - begin] = 0
            if not keep:
                excess = exponents.clamp_(max=0).exp_().sub_(covered[part]).clamp_(min=0)
                gains += (excess @ weights[part]).cpu().numpy()
                continue
            # The exponential function of a few is quicker than of all.
            at = np.flatnonzero((exponents > covered[part].log()).cpu().numpy())
            values = exponents.flatten()[torch.from_numpy(at).to(rows.device)]
            values = values.clamp_(max=0).exp_().cpu().numpy()
            row, column = np.divmod(at, exponents.shape[1])
            column += begin
            excess = (values - self.covered[column]).clip(0)
            gains += np.bincount(row, self._weights[column] * excess, minlength=len(rows))
            found.append((row, column.astype(np.int32), values))
        return gains, tuple(np.concatenate(arrays) for arrays in zip(*found, strict=True))

    def _keep(
        self, indices: np.ndarray, row: np.ndarray, columns: np.ndarray, values: np.ndarray
    ) -> None:
        order = np.argsort(row, kind="stable")
        ends = np.searchsorted(row[order], np.arange(1, len(indices)))
        entries = zip(np.split(columns[order], ends), np.split(values[order], ends), strict=True)
        self._rows.update(zip(indices.tolist(), entries, strict=True))
        self._kept += len(row)

    def _forget(self) -> None:
        self._rows: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        self._kept = 0


def greedy_coverage(coverage: KernelCoverage, k: int, rng: np.random.Generator) -> np.ndarray:
    """Choose, one after the other, the candidate that gains most.

    Lazily (Minoux, "Accelerated Greedy Algorithms for Maximizing Submodular Set Functions", 1978):
    as gains only fall, what a candidate gained earlier is a bound, and below the largest gain none
    needs to be computed anew.

    Args:
        coverage: Of N candidates; is changed.
        k: How many, in 1..N.
        rng: Decides among candidates that gain the same.

    Returns:
        Positions of the chosen candidates, shape (k,), in the order of choice.
    """
    order = rng.permutation(len(coverage))
    heap = list(zip((-coverage.gains(order)).tolist(), range(len(order)), strict=True))
    heapq.heapify(heap)
    computed = np.zeros(len(order), dtype=np.int64)  # before which choice
    chosen: list[int] = []
    for step in range(k):
        size = _BATCH
        while computed[heap[0][1]] < step:
            places = []
            while heap and len(places) < size and computed[heap[0][1]] < step:
                places.append(heapq.heappop(heap)[1])
            computed[places] = step
            for place, gain in zip(places, coverage.gains(order[places]).tolist(), strict=True):
                heapq.heappush(heap, (-gain, place))
            size *= 2  # where all gains fall alike, many have to be computed: better together
        chosen.append(int(order[heapq.heappop(heap)[1]]))
        coverage.choose(chosen[-1])
    return np.array(chosen)


def _scaled(vectors: np.ndarray, bandwidth: float) -> Tensor:
    """Vectors (x, -x.x / 2, 1) of x about the mean, in units of bandwidth / sqrt(2).

    Products with (y, 1, -y.y / 2) are -|x - y|^2 / bandwidth^2, without a pass over them.
    """
    size, dimensions = vectors.shape
    scaled = torch.ones((size, dimensions + 2), dtype=torch.float32)
    scaled[:, :-2] = torch.from_numpy(vectors)
    scaled[:, :-2] -= scaled[:, :-2].mean(dim=0, dtype=torch.float64).float()
    scaled[:, :-2] *= 2**0.5 / bandwidth
    scaled[:, -2] = torch.linalg.vector_norm(scaled[:, :-2], dim=1).square() / -2
    return scaled
