"""A pool of unequal classes."""

from collections.abc import Sequence
from numbers import Real

import numpy as np
from mmengine.dataset import BaseDataset

from mmal.registry import DATASETS
from mmal.tasks import task_of

from .pool_shaper import PoolShaper


@DATASETS.register_module()
class LongTailed(PoolShaper):
    """A pool in which a few classes are frequent and most are rare.

    1. Each class gets a rank, from 0: its place in ``order``, or one drawn by the seed.
    2. A sample counts for the class with the highest rank that it shows: an image with boxes of
       several classes for the one that is to be the rarest.
    3. Of each class, as many are kept as :func:`tail_sizes` says, drawn by the seed. With the same
       seed, what a larger exponent keeps a smaller one keeps, too.

    Samples without a class stay, such as images without boxes.

    Args:
        dataset: See :class:`PoolShaper`.
        exponent: How steep the tail is: 0 cuts nothing, with 1 the tenth class has a tenth of the
            first one's samples.
        order: The names of all classes, the most frequent first.
        seed: See :class:`PoolShaper`.

    Raises:
        ValueError: If the exponent is negative.
    """

    def __init__(
        self,
        dataset: dict,
        exponent: float,
        order: Sequence[str] | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(dataset, seed)
        holds = isinstance(exponent, Real) and 0 <= exponent < np.inf
        self.exponent = self._checked("exponent", exponent, holds, "a number >= 0")
        self.order = order

    def shape(self, infos: list[dict], dataset: BaseDataset) -> list[dict]:
        """Return the samples that are kept.

        Raises:
            ValueError: If the samples are of a task without classes, or ``order`` is not of the
                data set's classes.
        """
        shown = [task_of(dataset).classes_of(info) for info in infos]
        names = list(dataset.metainfo.get("classes") or ())
        number = max([len(names), *(label + 1 for labels in shown for label in labels)])
        rng = np.random.default_rng(self.seed)
        rank = self._ranks(names, number, rng)
        members: list[list[str]] = [[] for _ in range(number)]
        for info, labels in zip(infos, shown, strict=True):
            if labels:
                members[max(rank[label] for label in labels)].append(info["sample_id"])
        dropped: set[str] = set()
        sizes = tail_sizes([len(ids) for ids in members], self.exponent)
        for ids, size in zip(members, sizes, strict=True):
            dropped.update(rng.permutation(sorted(ids))[size:].tolist())
        return [info for info in infos if info["sample_id"] not in dropped]

    def _ranks(self, names: list[str], number: int, rng: np.random.Generator) -> list[int]:
        """Return the rank of each class, by its label."""
        if self.order is None:
            return rng.permutation(number).tolist()
        self._checked(
            "order",
            list(self.order),
            sorted(self.order) == sorted(names),
            f"the data set's classes {sorted(names)}, in any order",
        )
        return [list(self.order).index(name) for name in names]


def tail_sizes(counts: Sequence[int], exponent: float) -> list[int]:
    r"""Return how many samples of each class a long-tailed pool keeps.

    A power law of the rank, Zipf's:

    .. math:: n_r = \min(a_r, \max(1, \mathrm{round}(N (r + 1)^{-s}))), \quad N = \max_r a_r

    ImageNet-LT has a power law, too, a Pareto distribution (Liu et al., Large-Scale Long-Tailed
    Recognition in an Open World, CVPR 2019); CIFAR-LT has an exponential in its place (Cui et al.,
    Class-Balanced Loss Based on Effective Number of Samples, CVPR 2019).

    Args:
        counts: :math:`a_r`, how many samples there are, by rank.
        exponent: :math:`s`, from 0.

    Returns:
        :math:`n_r`, by rank. Every class that there is keeps a sample.

    Example:
        >>> tail_sizes([60, 60, 60, 5, 0], exponent=1)
        [60, 30, 20, 5, 0]
    """
    most = max(counts, default=0)
    return [
        min(count, max(1, round(most * (rank + 1) ** -exponent)))
        for rank, count in enumerate(counts)
    ]
