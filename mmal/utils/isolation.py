"""Running code beside a training without leaving a trace in it."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import nn


@contextmanager
def preserved_random_state() -> Iterator[None]:
    """Put the random states of Python, NumPy and torch (CPU and GPU) back on leaving."""
    state = random_state()
    try:
        yield
    finally:
        set_random_state(state)


def random_state() -> dict[str, Any]:
    """Return the states of Python's, NumPy's and torch's generators.

    They are numbers and tensors, which a checkpoint may hold without being code.
    """
    name, keys, *rest = np.random.get_state()
    state = dict(
        python=random.getstate(),
        numpy=(str(name), torch.from_numpy(keys.astype(np.int64)), *rest),
        torch=torch.get_rng_state(),
    )
    if torch.cuda.is_initialized():
        state["cuda"] = torch.cuda.get_rng_state()
    return state


def set_random_state(state: dict[str, Any]) -> None:
    """Put the generators where :func:`random_state` found them."""
    random.setstate(state["python"])
    name, keys, *rest = state["numpy"]
    np.random.set_state((name, keys.cpu().numpy().astype(np.uint32), *rest))
    # A checkpoint may have been loaded onto a GPU.
    torch.set_rng_state(state["torch"].cpu())
    if "cuda" in state and torch.cuda.is_available():
        torch.cuda.set_rng_state(state["cuda"].cpu())


@contextmanager
def single_process() -> Iterator[None]:
    """Make ``torch.distributed`` look uninitialised, so that reductions over ranks do nothing.

    MM heads average their normalisers over the ranks (``reduce_mean``). A loss of one sample must
    not depend on what other ranks hold, and ranks with batches of different sizes would wait for
    each other for ever.
    """
    is_initialized = torch.distributed.is_initialized
    torch.distributed.is_initialized = lambda: False
    try:
        yield
    finally:
        torch.distributed.is_initialized = is_initialized


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Let a module and its children be in evaluation; each gets its training flag back."""
    flags = [(child, child.training) for child in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for child, training in flags:
            child.training = training


@contextmanager
def without_trace(module: nn.Module) -> Iterator[None]:
    """Put buffers, plain attributes and training flags of ``module`` and its children back.

    Parameters are not saved: the body must run without gradient and without an optimizer.
    """
    saved = [(child, _plain_attributes(child)) for child in module.modules()]
    # The body works on copies: writing the buffers back would count, for autograd, as changing
    # them under a backward pass that is still to come.
    buffers = [
        (child, name, buffer)
        for child in module.modules()
        for name, buffer in child.named_buffers(recurse=False)
    ]
    for child, name, buffer in buffers:
        setattr(child, name, buffer.clone())
    try:
        yield
    finally:
        for child, attributes in saved:
            for key in _plain_attributes(child).keys() - attributes.keys():
                del child.__dict__[key]
            for key, (value, content) in attributes.items():
                child.__dict__[key] = value
                _refill(value, content)
        for child, name, buffer in buffers:
            setattr(child, name, buffer)


def _plain_attributes(module: nn.Module) -> dict[str, tuple[Any, Any]]:
    """The attributes that torch does not manage itself, each with a copy if it is a container."""
    managed = {"_parameters", "_buffers", "_modules"}
    return {
        key: (value, value.copy() if type(value) in (list, dict, set) else None)
        for key, value in module.__dict__.items()
        if key not in managed and not key.endswith("_hooks")
    }


def _refill(container: Any, content: Any) -> None:
    """Restore a container in place: others may hold a reference to it."""
    if isinstance(content, list):
        container[:] = content
    elif content is not None:
        container.clear()
        container.update(content)
