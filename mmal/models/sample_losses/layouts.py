"""How the results of a recorded method are cut to one sample.

Every class here is a method to be recorded together with the layout of its results.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from itertools import repeat
from typing import Any

import torch
from mmengine.structures import BaseDataElement
from torch import Tensor

from mmal.utils.record import Call


class Recorded(ABC):
    """A method that is recorded on the batch and replayed for each sample.

    Args:
        owner: The object whose method it is.
        method: The method's name.
    """

    #: Whether cutting needs the arguments of the calls, too.
    with_arguments = False

    def __init__(self, owner: object, method: str) -> None:
        self.owner = owner
        self.method = method

    @property
    def name(self) -> str:
        """The method's name, with its class."""
        return f"{type(self.owner).__name__}.{self.method}"

    @abstractmethod
    def cut(self, calls: list[Call], index: int, size: int) -> Iterable:
        """Return what the method answers, call by call, for sample ``index`` of ``size``."""


class BatchDim(Recorded):
    """Results are nested containers of tensors with the batch in dimension ``dim``."""

    def __init__(self, owner: object, method: str, dim: int = 0) -> None:
        super().__init__(owner, method)
        self.dim = dim

    def cut(self, calls: list[Call], index: int, size: int) -> list:
        """Cut every tensor, keeping a batch dimension of one.

        Raises:
            ValueError: If a tensor's dimension ``dim`` is not ``size``.
        """
        return [self._cut(call.result, index, size) for call in calls]

    def _cut(self, result: Any, index: int, size: int) -> Any:
        return mapped(self._whole(result, size), lambda t: t.narrow(self.dim, index, 1))

    def _whole(self, result: Any, size: int) -> Any:
        def checked(tensor: Tensor) -> Tensor:
            if tensor.dim() <= self.dim or tensor.shape[self.dim] != size:
                raise ValueError(
                    f"{self.name} returned a tensor of shape {tuple(tensor.shape)} for a batch of "
                    f"{size}; its recording expects the batch in dimension {self.dim}. This target "
                    "model needs a sample_losses strategy of its own."
                )
            return tensor.detach()

        return mapped(result, checked)


class Arguments(BatchDim):
    """What matters is what the method is called with: arguments with the batch in dimension 0."""

    with_arguments = True

    def cut(self, calls: list[Call], index: int, size: int) -> list[dict[str, Any]]:
        """Cut the arguments of every call, by name.

        Raises:
            ValueError: If a tensor's dimension 0 is not ``size``.
        """
        return [self._cut(call.arguments, index, size) for call in calls]

    def whole(self, calls: list[Call], size: int) -> list[dict[str, Any]]:
        """Return the arguments of every call, by name.

        Raises:
            ValueError: If a tensor's dimension 0 is not ``size``.
        """
        return [self._whole(call.arguments, size) for call in calls]


class CallPerSample(Recorded):
    """The method is called for one sample after the other, perhaps in several such rows."""

    def cut(self, calls: list[Call], index: int, size: int) -> list:
        """Pick the sample's own calls.

        Raises:
            ValueError: If the calls do not divide by ``size``.
        """
        if len(calls) % size:
            raise ValueError(
                f"{self.name} was called {len(calls)} times for a batch of {size}; its recording "
                "expects every sample's turn equally often. This target model needs a "
                "sample_losses strategy of its own."
            )
        return [_detached(call.result) for call in calls[index::size]]


class EntryPerSample(Recorded):
    """Results are lists, or tuples of lists, with one entry a sample; or tensors of a batch."""

    def cut(self, calls: list[Call], index: int, size: int) -> list:
        """Cut every list to the sample's entry.

        Raises:
            ValueError: If a list's length, or that of a tensor, is not ``size``.
        """
        return [self._cut(call.result, index, size) for call in calls]

    def _cut(self, result: Any, index: int, size: int) -> Any:
        if isinstance(result, tuple):
            return tuple(self._cut(item, index, size) for item in result)
        if result is None:
            return None
        if len(result) != size:
            raise ValueError(
                f"{self.name} returned {len(result)} entries for a batch of {size}; its recording "
                "expects one a sample. This target model needs a sample_losses strategy of its own."
            )
        if isinstance(result, Tensor):
            return result.detach()[index : index + 1]
        return [_detached(result[index])]


class RowsOfRois(Recorded):
    """Results are nested containers of tensors with a row for each RoI of the argument ``rois``.

    RoIs are of shape (K, 5), image index first, sorted by image, as ``bbox2roi`` makes them.
    """

    with_arguments = True

    def cut(self, calls: list[Call], index: int, size: int) -> list:
        """Cut every tensor to the rows of the sample's RoIs.

        Raises:
            ValueError: If a tensor does not have a row for each RoI.
        """
        found = []
        for call in calls:
            images = call.arguments["rois"][:, 0].contiguous()
            bounds = torch.searchsorted(images, images.new_tensor([index, index + 1])).tolist()
            found.append(self._cut(call.result, slice(*bounds), len(images)))
        return found

    def _cut(self, result: Any, rows: slice, size: int) -> Any:
        def cut(tensor: Tensor) -> Tensor:
            if len(tensor) != size:
                raise ValueError(
                    f"{self.name} returned a tensor of shape {tuple(tensor.shape)} for {size} "
                    "RoIs; its recording expects a row for each. This target model needs a "
                    "sample_losses strategy of its own."
                )
            return tensor.detach()[rows]

        return mapped(result, cut)


class Silenced(Recorded):
    """The method runs for the batch alone; for a sample it answers ``result``, whatever it is."""

    def __init__(self, owner: object, method: str, result: Any = None) -> None:
        super().__init__(owner, method)
        self.result = result

    def cut(self, calls: list[Call], index: int, size: int) -> Iterable:
        """Return the one result as often as it is asked for."""
        return repeat(self.result)


def mapped(value: Any, function: Callable[[Tensor], Any]) -> Any:
    """Put ``function`` of it in the place of each tensor in nested containers."""
    if isinstance(value, Tensor):
        return function(value)
    if isinstance(value, list | tuple):
        return type(value)(mapped(item, function) for item in value)
    if isinstance(value, dict):
        return {key: mapped(item, function) for key, item in value.items()}
    return value


def _detached(value: Any) -> Any:
    """Cut off the graph, in new containers: a replay may change them like any caller."""
    if isinstance(value, Tensor):
        return value.detach()
    if isinstance(value, BaseDataElement):
        return value.new(**{key: _detached(item) for key, item in value.items()})
    if type(value) in (list, tuple):
        return type(value)(_detached(item) for item in value)
    return value
