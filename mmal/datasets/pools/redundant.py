"""A pool of near-duplicates."""

from numbers import Real

import numpy as np
from mmengine.dataset import BaseDataset

from mmal.registry import DATASETS

from .pool_shaper import PoolShaper


@DATASETS.register_module()
class Redundant(PoolShaper):
    """A pool in which samples occur several times, as scenes do in the frames of a video.

    A copy has the annotations and the image file of its original, the key ``variant`` (1, 2, …) and
    the id ``<id>~<variant>``. :class:`mmal.VaryImage`, after loading the image in the pipelines of
    training and testing, makes a near-duplicate of it; without it, a copy is exact.

    1. The seed puts the samples in a random order.
    2. A ``share`` of them, evenly spread in this order, is followed by its copies.
    3. The first ``size`` of them all are the pool.

    Args:
        dataset: See :class:`PoolShaper`.
        copies: How many copies a sample gets.
        share: Of the samples that get copies.
        size: How many samples the pool has, copies included; None for all. With the size of the
            data set, the pool is as large as without copies, but shows fewer different samples.
        seed: See :class:`PoolShaper`.

    Raises:
        ValueError: If a number is not positive, or the share is above 1.
    """

    def __init__(
        self,
        dataset: dict,
        copies: int,
        share: float = 1.0,
        size: int | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(dataset, seed)
        self.copies = self._checked(
            "copies", copies, type(copies) is int and copies >= 1, "a positive integer"
        )
        holds = isinstance(share, Real) and 0 < share <= 1
        self.share = self._checked("share", share, holds, "above 0 and at most 1")
        holds = size is None or (type(size) is int and size >= 1)
        self.size = self._checked("size", size, holds, "a positive integer or None")

    def shape(self, infos: list[dict], dataset: BaseDataset) -> list[dict]:
        """Return the samples, each before its copies.

        Raises:
            ValueError: If there are not enough samples for ``size``.
        """
        ids = sorted({info["sample_id"] for info in infos})
        copied = np.diff(np.floor(np.arange(len(ids) + 1) * self.share + 0.5)).astype(int)
        ends = np.cumsum(1 + self.copies * copied)
        total = int(ends[-1]) if len(ends) else 0
        size = total if self.size is None else self.size
        self._checked("size", self.size, size <= total, f"at most {total}: there are no more")
        begins = np.concatenate([[0], ends[:-1]]).astype(int)
        order = np.random.default_rng(self.seed).permutation(ids).tolist()
        # How often each sample occurs, itself included.
        times = dict(zip(order, (np.minimum(ends, size) - begins).tolist(), strict=True))
        return [
            _copy(info, variant) for info in infos for variant in range(times[info["sample_id"]])
        ]


def _copy(info: dict, variant: int) -> dict:
    if variant == 0:
        return info
    return {**info, "sample_id": f"{info['sample_id']}~{variant}", "variant": variant}
