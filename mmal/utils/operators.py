"""Counting what a computation gives the device to do."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import torch
from torch._ops import OpOverload
from torch.autograd import DeviceType
from torch.profiler import ProfilerActivity, profile
from torch.utils._python_dispatch import TorchDispatchMode


class OperatorCount(TorchDispatchMode):
    """Counts torch's operators that run inside a ``with`` block, those of backward included.

    Leaf operators are counted, as they reach the device's own code: each is a launch or more that a
    GPU waits for when its work is small. Views are not, for they compute nothing. Compiled
    operators that torch does not dispatch (MMCV's) are not seen.

    Attributes:
        by_name: How often each operator ran, by its name, such as ``aten.add.Tensor``.

    Example:
        >>> with OperatorCount() as count:
        ...     _ = (torch.ones(2, 3).t() + 1).sum()
        >>> count.by_name
        Counter({'aten.ones.default': 1, 'aten.add.Tensor': 1, 'aten.sum.default': 1})
    """

    def __init__(self) -> None:
        super().__init__()
        self.by_name: Counter[str] = Counter()

    @property
    def total(self) -> int:
        """How many operators ran."""
        return self.by_name.total()

    def __torch_dispatch__(
        self, func: OpOverload, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        """Count ``func`` and run it."""
        # The other one is a view of what was made for it, by reshape.
        if not (func.is_view or func is torch.ops.aten._unsafe_view.default):
            self.by_name[str(func)] += 1
        return func(*args, **(kwargs or {}))


def kernel_launches(function: Callable[[], object], device: str | torch.device) -> int:
    """Count the kernels, copies and fills that a GPU runs for ``function``, MMCV's included.

    Args:
        function: What to run.
        device: A CUDA device.
    """
    torch.cuda.synchronize(device)
    with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as profiled:
        function()
        torch.cuda.synchronize(device)
    return sum(
        event.device_type == DeviceType.CUDA and not event.is_user_annotation
        for event in profiled.events()
    )
