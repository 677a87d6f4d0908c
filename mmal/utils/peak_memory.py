"""Measuring the memory that a computation takes at its peak."""

from collections.abc import Callable
from itertools import accumulate

import torch
from torch.profiler import ProfilerActivity, profile


def peak_memory(function: Callable[[], object], device: str | torch.device = "cpu") -> int:
    """Bytes that torch held for ``function`` at most, beyond what it held before.

    Args:
        function: What to run.
        device: Where it computes: ``cpu`` or a CUDA device.
    """
    device = torch.device(device)
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        function()
        return torch.cuda.max_memory_allocated(device) - before
    # torch counts no peak on the CPU, but its profiler reports every allocation and release.
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiled:
        function()
    events = [
        event for event in profiled.profiler.kineto_results.events() if event.name() == "[memory]"
    ]
    events.sort(key=lambda event: event.start_ns())
    return max(accumulate((event.nbytes() for event in events), initial=0))
