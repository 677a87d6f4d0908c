"""What a model needs in order to begin at the features of its backbone."""

import math
from collections.abc import Sequence

import torch
from mmengine.model import BaseDataPreprocessor, BaseModule
from torch import Tensor

from mmal.registry import MODELS


@MODELS.register_module()
class CachedBackbone(BaseModule):
    """Hands on features that a frozen backbone computed before.

    Args:
        shapes: Of an image's features, (C, H, W) a level.
        init_cfg: Not used: there are no weights.
    """

    def __init__(self, shapes: Sequence[Sequence[int]], init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        self.shapes = [tuple(shape) for shape in shapes]
        #: Of one sample of ``inputs``.
        self.input_shape = (sum(math.prod(shape) for shape in self.shapes),)

    def forward(self, inputs: Tensor) -> tuple[Tensor, ...]:
        """Cut vectors into levels.

        Args:
            inputs: Features of N images, all levels in one vector, shape (N, D).

        Returns:
            One tensor a level, of shape (N, C, H, W).
        """
        sizes = [math.prod(shape) for shape in self.shapes]
        parts = inputs.float().split(sizes, dim=1)
        return tuple(p.unflatten(1, shape) for p, shape in zip(parts, self.shapes, strict=True))


@MODELS.register_module()
class CachedInputs(BaseDataPreprocessor):
    """Stacks the vectors of :class:`mmal.datasets.CachedViews`; the rest was done before.

    Args:
        batch_augments: None; MMPretrain's classifiers hand on theirs.
        non_blocking: Whether to copy to the device while computing goes on.
    """

    def __init__(self, batch_augments: None = None, non_blocking: bool = False) -> None:
        super().__init__(non_blocking)

    def forward(self, data: dict, training: bool = False) -> dict:
        """Return the batch on the model's device, ``inputs`` of shape (N, D)."""
        inputs = torch.stack(list(data["inputs"]))
        if self.device.type == "cpu":
            # Views are read anew for each batch; casting them would copy every sample's metainfo.
            return {**data, "inputs": inputs}
        return self.cast_data({**data, "inputs": inputs})
