"""Fully connected layers of several levels, as one layer."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class LevelwiseLinear(nn.Linear):
    """A fully connected layer for each level, with the parameters of all in one weight and bias.

    It computes what as many ``nn.Linear`` would, and begins with their weights. On a GPU a training
    step of these is mostly launches, of the update of each weight and each bias and of each bias's
    gradient; here there is one of each, and one product where all levels have as many channels, as
    those of a pyramid. A ``nn.Linear``, so that initialisers by layer find it.

    Args:
        in_channels: The channels of each level, at least one.
        channels: The output channels of each.

    Example:
        >>> layer = LevelwiseLinear([3, 5], channels=4)
        >>> layer(torch.rand(2, 3 + 5)).shape
        torch.Size([2, 8])
    """

    def __init__(self, in_channels: Sequence[int], channels: int) -> None:
        layers = [nn.Linear(c, channels) for c in in_channels]
        super().__init__(sum(in_channels), channels, device="meta")
        self.in_channels = list(in_channels)
        self.weight = nn.Parameter(torch.cat([layer.weight.data for layer in layers], dim=1))
        self.bias = nn.Parameter(torch.cat([layer.bias.data for layer in layers]))

    def forward(self, inputs: Tensor) -> Tensor:
        """Transform each level.

        Args:
            inputs: The channels of one level after the other, shape (N, sum of in_channels).

        Returns:
            What becomes of them, one level after the other, shape (N, levels * channels).
        """
        count = len(self.in_channels)
        if count == 1:
            return super().forward(inputs)
        if len(set(self.in_channels)) == 1:
            levels = inputs.unflatten(1, (count, -1)).transpose(0, 1)
            weights = self.weight.unflatten(1, (count, -1)).permute(1, 2, 0)
            biases = self.bias.unflatten(0, (count, 1, -1))
            return torch.baddbmm(biases, levels, weights).transpose(0, 1).flatten(1)
        levels = inputs.split(self.in_channels, dim=1)
        weights = self.weight.split(self.in_channels, dim=1)
        products = [level @ weight.t() for level, weight in zip(levels, weights, strict=True)]
        return torch.cat(products, dim=1) + self.bias

    def _load_from_state_dict(self, state_dict: dict, prefix: str, *args) -> None:
        # Earlier checkpoints hold a layer a level.
        names = [f"{prefix}{i}." for i in range(len(self.in_channels))]
        if all(f"{name}weight" in state_dict and f"{name}bias" in state_dict for name in names):
            for kind, dim in dict(weight=1, bias=0).items():
                parts = [state_dict.pop(f"{name}{kind}") for name in names]
                state_dict[f"{prefix}{kind}"] = torch.cat(parts, dim=dim)
        super()._load_from_state_dict(state_dict, prefix, *args)
