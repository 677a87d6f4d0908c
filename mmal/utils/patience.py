"""Several processes of which one works alone for long."""

import datetime
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch.distributed as dist
from mmengine.dist import is_distributed, is_main_process

#: A collective operation of the usual group gives up after 10 minutes (NCCL) or 30 (gloo).
PATIENCE = datetime.timedelta(days=7)

_groups: list[tuple[Any, Any]] = []


@contextmanager
def main_works_alone() -> Iterator[None]:
    """Let the other processes wait at the end of the body for the main one, for days if need be.

    All processes run the body; what it does, in all but the main one nothing, must wait for no
    other process. An error in it reaches the others at the next operation that they share.
    """
    group = _patient_group()
    try:
        yield
    finally:
        if group is not None:
            dist.barrier(group)


def wait_for_all() -> None:
    """Wait for processes whose shares of some work take different times."""
    if (group := _patient_group()) is not None:
        dist.barrier(group)


def gather_on_main(part: Any) -> list[Any]:
    """Return the parts of all processes in the main one, and in the others only their own."""
    group = _patient_group()
    if group is None:
        return [part]
    parts = [None] * dist.get_world_size() if is_main_process() else None
    dist.gather_object(part, parts, dst=0, group=group)
    return [part] if parts is None else parts


def _patient_group() -> Any:
    """A gloo group of all processes, made once, since all have to make it together."""
    if not is_distributed():
        return None
    world = dist.group.WORLD
    for known, group in _groups:
        if known is world:
            return group
    _groups[:] = [(world, dist.new_group(backend="gloo", timeout=PATIENCE))]
    return _groups[0][1]
