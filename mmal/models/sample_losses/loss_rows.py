"""What a loss module computes for each row of its input, before it sums them up."""

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from mmal.utils.record import shadowed


class LossRows(NamedTuple):
    """One call of a loss module with R rows: anchors, points or RoIs.

    Attributes:
        target: What it was called with as the target.
        weight: The weights, if it was given some.
        rows: The weighted loss of each row, summed over its elements, of shape (R,), float32,
            without graph: before the division by ``avg_factor`` and the factor ``loss_weight``.
            None if the module did not sum up one tensor with R rows.
    """

    target: Any
    weight: Tensor | None
    rows: Tensor | None


@contextmanager
def recorded_rows(module: nn.Module) -> Iterator[list[LossRows]]:
    """Yield a list that receives the calls of a loss module of MMDetection.

    Its elements are those that it computes anyway: what it hands to its one ``sum()`` is looked at,
    nothing is computed again, and what it returns is its own.
    """
    calls: list[LossRows] = []
    original = module.forward
    signature = inspect.signature(original)
    pred, target = list(signature.parameters)[:2]

    def record(*args: Any, **kwargs: Any) -> Any:
        with _Summed() as summed:
            result = original(*args, **kwargs)
        given = signature.bind(*args, **kwargs).arguments
        rows = _row_sums(summed.tensors, len(given[pred]))
        calls.append(LossRows(given[target], given.get("weight"), rows))
        return result

    with shadowed(module, "forward", record):
        yield calls


class _Summed(TorchFunctionMode):
    """Notes the tensors that are summed to a scalar."""

    def __init__(self) -> None:
        super().__init__()
        self.tensors: list[Tensor] = []

    def __torch_function__(
        self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        if func in (torch.Tensor.sum, torch.sum) and len(args) == 1 and not kwargs:
            self.tensors.append(args[0])
        return func(*args, **(kwargs or {}))


def _row_sums(summed: list[Tensor], size: int) -> Tensor | None:
    if len(summed) != 1 or not summed[0].dim() or len(summed[0]) != size:
        return None
    rows = summed[0].detach()
    if rows.numel() == size:
        return rows.reshape(size).float()
    return rows.flatten(1).sum(dim=1, dtype=torch.float32)
