"""Per-sample target losses by record and replay."""

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from mmal.utils import preserved_random_state, single_process, without_trace
from mmal.utils.record import recorded, replayed

Recording = list[tuple[object, str, list]]


class SampleLosses(ABC):
    """How one family of target models yields the loss of every sample of a batch.

    MM heads return losses reduced over the batch. During the target's own loss on the batch the
    results of a few methods are recorded; then, without gradient, the target's loss is called once
    more for each sample with the recordings cut to that sample. No convolution runs twice, and the
    result is the loss that the target itself reports for a batch of this one sample: its own
    normalisation, not a share of the batch's.

    A subclass names the recorded methods. Their results must be nested tuples, lists or dicts of
    tensors with the batch in dimension 0.
    """

    @classmethod
    @abstractmethod
    def supports(cls, model: nn.Module) -> bool:
        """Whether this strategy is exact for ``model``."""

    @abstractmethod
    def heads(self, model: nn.Module) -> list[nn.Module]:
        """The modules that the replay runs, to be left without trace."""

    @abstractmethod
    def recorded_methods(self, model: nn.Module) -> list[tuple[nn.Module, str]]:
        """The (owner, method name) pairs whose results are recorded."""

    @contextmanager
    def record(self, model: nn.Module) -> Iterator[Recording]:
        """Record the target's loss on a batch that runs inside the ``with`` block."""
        with ExitStack() as stack:
            yield [
                (owner, method, stack.enter_context(recorded(owner, method)))
                for owner, method in self.recorded_methods(model)
            ]

    @torch.no_grad()
    def replay(
        self,
        model: nn.Module,
        recording: Recording,
        loss: Callable[[Tensor, list], dict],
        inputs: Tensor,
        data_samples: list,
    ) -> Tensor:
        """Return the target's loss on each sample.

        Random state, buffers, attributes of the heads and data samples are left as they were.

        Args:
            model: The target model.
            recording: What :meth:`record` yielded.
            loss: The target's own ``loss(inputs, data_samples) -> dict``.
            inputs: The batch, of shape (N, C, H, W).
            data_samples: The batch's N data samples.

        Returns:
            Losses of shape (N,), float32.
        """
        size = len(data_samples)
        totals = []
        with ExitStack() as stack:
            stack.enter_context(single_process())
            for head in self.heads(model):
                stack.enter_context(without_trace(head))
            for i in range(size):
                sample_loss = self._replay_one(recording, loss, inputs, data_samples, i)
                totals.append(model.parse_losses(sample_loss)[0])
        return torch.stack(totals).float()

    @staticmethod
    def _replay_one(
        recording: Recording, loss: Callable, inputs: Tensor, data_samples: list, index: int
    ) -> dict:
        size = len(data_samples)
        with ExitStack() as stack:
            # Samplers draw numbers; every sample draws the same, so that none is favoured.
            stack.enter_context(preserved_random_state())
            for owner, method, results in recording:
                name = f"{type(owner).__name__}.{method}"
                cut = [cut_to_sample(result, index, size, name) for result in results]
                stack.enter_context(replayed(owner, method, cut))
            return loss(inputs[index : index + 1], [copy.deepcopy(data_samples[index])])


def cut_to_sample(result: Any, index: int, size: int, name: str) -> Any:
    """Cut every tensor in ``result`` to sample ``index``, keeping a batch dimension of one.

    Raises:
        ValueError: If a tensor's first dimension is not ``size``.
    """
    if isinstance(result, Tensor):
        if result.dim() == 0 or result.shape[0] != size:
            raise ValueError(
                f"{name} returned a tensor of shape {tuple(result.shape)} for a batch of {size}; "
                "record and replay needs the batch in dimension 0. This target model needs a "
                "sample_losses strategy of its own."
            )
        return result[index : index + 1].detach()
    if isinstance(result, list | tuple):
        return type(result)(cut_to_sample(item, index, size, name) for item in result)
    if isinstance(result, dict):
        return {key: cut_to_sample(item, index, size, name) for key, item in result.items()}
    return result
