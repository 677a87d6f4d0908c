"""The loss prediction module."""

import functools
import math
from collections.abc import Sequence

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn.functional import normalize

from mmal.registry import MODELS
from mmal.utils import preserved_random_state

from ..uncertainty import NUM_STATISTICS
from .levelwise_linear import LevelwiseLinear


@MODELS.register_module()
class LossPredictionNeck(BaseModule):
    """Predicts a sample's target loss from the target model's multi-level features.

    Each level: global average pooling, FC to ``channels``, ReLU; the levels are concatenated and
    an FC gives one scalar (Yoo & Kweon, CVPR 2019, section 3.2 and figure 2).

    Building and initialising it draws random numbers without moving the global random state, so a
    seeded target model gets the weights that it would get alone.

    Args:
        in_channels: Channels of each feature level, in the order of the features; may be empty
            with ``reads_predictions``. In a config of ``mmal.LearningLoss`` it may be left out:
            they are then found.
        channels: Width of each level's embedding. The paper uses 128.
        reads_predictions: Whether the module also reads how uncertain the model's own predictions
            are (:func:`mmal.models.uncertainty.uncertainty_statistics`), through an FC and ReLU
            like a level. The paper's does not. No gradient reaches the model through them.
        unit_levels: Whether each level is scaled to length 1 first. The paper's are not.
        dropout: The share of the levels' embedded channels, not of the predictions', that is set to
            0 in training: with few labels the features tell the training samples apart, and their
            losses are learnt by heart. The paper has none. Its random numbers are its own.
        init_cfg: Initialisation; torch's own for ``nn.Linear`` when not given.

    Raises:
        ValueError: If ``in_channels`` is empty or holds a non-positive number, or ``dropout`` is
            not in 0..1.

    Example:
        >>> neck = LossPredictionNeck(in_channels=[8, 16])
        >>> neck([torch.rand(2, 8, 4, 4), torch.rand(2, 16, 2, 2)]).shape
        torch.Size([2])
    """

    def __init__(
        self,
        in_channels: Sequence[int],
        channels: int = 128,
        init_cfg: dict | None = None,
        reads_predictions: bool = False,
        unit_levels: bool = False,
        dropout: float = 0.0,
    ) -> None:
        super().__init__(init_cfg)
        if not (in_channels or reads_predictions) or any(c < 1 for c in in_channels):
            raise ValueError(
                "The 'in_channels' parameter of LossPredictionNeck must be a non-empty list of "
                "positive integers, one a feature level; empty only with reads_predictions=True. "
                f"Got {list(in_channels)} instead."
            )
        if not 0 <= dropout < 1:
            raise ValueError(
                "The 'dropout' parameter of LossPredictionNeck must be at least 0 and below 1. "
                f"Got {dropout!r} instead."
            )
        self.in_channels = list(in_channels)
        self.unit_levels = unit_levels
        self.dropout = dropout
        if dropout:  # kept with the weights, so that a resumed training draws what it would have
            self.register_buffer("steps", torch.zeros((), dtype=torch.int64))
        self.reads_predictions = reads_predictions
        inputs = [*in_channels, *[NUM_STATISTICS] * reads_predictions]
        with preserved_random_state():
            self.embeddings = LevelwiseLinear(inputs, channels)
            self.regressor = nn.Linear(channels * len(inputs), 1)

    def init_weights(self) -> None:
        """Initialise from ``init_cfg`` without moving the global random state."""
        with preserved_random_state():
            super().init_weights()

    def forward(self, feats: Sequence[Tensor], statistics: Tensor | None = None) -> Tensor:
        """Predict the losses.

        Args:
            feats: One tensor a level, of shape (N, C_level, H_level, W_level); of a transformer's
                tokens, (N, L_level, C_level); or pooled already, (N, C_level). Not looked at
                without ``in_channels``.
            statistics: Of the predictions, shape (N, S), with ``reads_predictions``.

        Returns:
            Predicted losses of shape (N,). Their scale is arbitrary; only their order is trained.

        Raises:
            ValueError: If the features' channels are not ``in_channels``.
        """
        return self.regress(self.embed(feats, statistics))

    def regress(self, embedding: Tensor) -> Tensor:
        """Predict the losses, of shape (N,), from what :meth:`embed` returned."""
        with self._full_precision():
            return self.regressor(embedding).squeeze(1)

    def embed(self, feats: Sequence[Tensor], statistics: Tensor | None = None) -> Tensor:
        """Return the concatenated embeddings of levels and predictions, (N, channels * inputs).

        Raises:
            ValueError: If the features' channels are not ``in_channels``.
        """
        sums, counts = _sums(feats if self.in_channels else [])
        check_channels(self.in_channels, [total.shape[1] for total in sums])
        if self.unit_levels:
            levels = [normalize(total, dim=1) for total in sums]
        else:
            levels = [_averages(sums, counts)] if sums else []
        inputs = [*levels, statistics] if self.reads_predictions else levels
        with self._full_precision():
            embedding = torch.relu(self.embeddings(_joined(inputs)))
            return self._dropped(embedding) if self.dropout and self.training else embedding

    def _dropped(self, embedding: Tensor) -> Tensor:
        """Set a share of the levels' channels to 0, and scale the others up."""
        kept = 1 - self.dropout
        generator = torch.Generator(self.steps.device).manual_seed(int(self.steps))
        self.steps += 1
        factors = torch.ones_like(embedding)
        of_levels = factors[:, : len(self.in_channels) * self.embeddings.out_features]
        of_levels.bernoulli_(kept, generator=generator).div_(kept)
        return embedding * factors

    def _full_precision(self) -> torch.autocast:
        # In half precision predictions would tie that the ranking loss has to tell apart.
        return torch.autocast(self.regressor.weight.device.type, enabled=False)


def check_channels(given: Sequence[int], found: Sequence[int]) -> None:
    """Check that a loss prediction module fits the features.

    Args:
        given: Its ``in_channels``.
        found: The channels of each level of the features.

    Raises:
        ValueError: If they differ; the message has both.
    """
    if list(given) != list(found):
        raise ValueError(
            f"The 'in_channels' parameter of LossPredictionNeck is {list(given)}, but the target "
            f"model's features have {list(found)} channels. Leave loss_predictor.in_channels out "
            "(they are found by themselves), or choose other features with feat_modules."
        )


def pooled(feat: Tensor) -> Tensor:
    """Average over the positions or tokens, in float32; shape (N, C)."""
    return _averages(*_sums([feat]))


def _sums(feats: Sequence[Tensor]) -> tuple[list[Tensor], list[int]]:
    """Sum each level up over its positions or tokens, and count these."""
    # The gradient of a sum is one number a channel, that of torch's mean a whole feature map, which
    # would be held until the heads' gradients join it.
    sums, counts = [], []
    for feat in feats:
        over = (1,) if feat.dim() == 3 else tuple(range(2, feat.dim()))
        sums.append(feat.sum(dim=over, dtype=torch.float32) if over else feat.float())
        counts.append(math.prod(feat.shape[dim] for dim in over))
    return sums, counts


def _averages(sums: list[Tensor], counts: list[int]) -> Tensor:
    """Divide the sums of levels by the positions of each, and join them; shape (N, sum of C)."""
    if len(set(counts)) == 1:
        return _joined(sums) / counts[0]
    # One division of all: on a GPU one a level would be as many launches, and again backwards.
    channels = tuple(total.shape[1] for total in sums)
    return _joined(sums) / _divisors(tuple(counts), channels, sums[0].device)


@functools.lru_cache(maxsize=64)
def _divisors(counts: tuple[int, ...], channels: tuple[int, ...], device: torch.device) -> Tensor:
    """How many positions each channel was summed over; kept, as a GPU would wait for each copy."""
    divisors = [n for n, c in zip(counts, channels, strict=True) for _ in range(c)]
    with torch.inference_mode(False):  # what is scored by them may be trained by them later
        return torch.tensor(divisors, dtype=torch.float32, device=device)


def _joined(parts: Sequence[Tensor]) -> Tensor:
    """Concatenate channels, of shape (N, C) each; of one part nothing is copied."""
    return torch.cat(parts, dim=1) if len(parts) > 1 else parts[0]
