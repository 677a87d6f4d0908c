"""Loading checkpoints that cannot run code."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pickle import UnpicklingError

import numpy as np
import torch
from mmengine.logging.history_buffer import HistoryBuffer
from mmengine.runner import checkpoint

_FORCE = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"


class UnsafeCheckpointError(ValueError):
    """A checkpoint that holds more than tensors, numbers and texts."""


@contextmanager
def safe_loading() -> Iterator[None]:
    """Let ``torch.load``, whoever calls it, build nothing but weights and what mmengine saves.

    A pickle may name any function and have it called. mmengine 0.10.7 lets it, with a torch before
    2.6; its continuation does after it has found that weights alone do not load. Beside what torch
    allows, logs of mmengine (``HistoryBuffer``) and arrays and numbers of NumPy are; others can be,
    by ``torch.serialization.add_safe_globals`` in a module that ``custom_imports`` names.

    Raises:
        UnsafeCheckpointError: If a checkpoint holds something else.
    """
    before = os.environ.get(_FORCE)
    with ExitStack() as stack:
        if hasattr(torch.serialization, "safe_globals"):
            stack.enter_context(torch.serialization.safe_globals(_harmless()))
        if hasattr(checkpoint, "get_torch_safe_globals"):  # the continuation's list has getattr
            allowed = checkpoint.get_torch_safe_globals
            stack.callback(setattr, checkpoint, "get_torch_safe_globals", allowed)
            checkpoint.get_torch_safe_globals = _harmless
        os.environ[_FORCE] = "1"
        try:
            yield
        except UnpicklingError as error:
            raise UnsafeCheckpointError(unsafe_message("A checkpoint", error)) from error
        finally:
            if before is None:
                os.environ.pop(_FORCE, None)
            else:
                os.environ[_FORCE] = before


def unsafe_message(name: object, error: Exception) -> str:
    """What to say of a checkpoint that torch does not load as weights alone."""
    reason = next((line for line in str(error).splitlines() if "GLOBAL" in line), "")
    reason = reason or str(error).partition("\n")[0]
    return (
        f"{name} holds more than weights, which could run code when it is loaded: "
        f"{reason.strip()} If you trust it, allow what it names by "
        "torch.serialization.add_safe_globals in a module of custom_imports; see docs/security.md."
    )


def _harmless() -> list[Callable]:
    core = np._core if hasattr(np, "_core") else np.core
    dtypes = {type(np.dtype(kind)) for kind in "?bhilqBHILQefdSU"}
    return [
        HistoryBuffer,
        _named(_history_method, "builtins", "getattr"),
        # NumPy 1 and 2 name them differently.
        *(
            _named(getattr(core.multiarray, name), f"numpy.{module}.multiarray", name)
            for name in ("_reconstruct", "scalar")
            for module in ("core", "_core")
        ),
        np.ndarray,
        np.dtype,
        *sorted(dtypes, key=str),
    ]


def _named(function: Callable, module: str, name: str) -> Callable:
    """Return a function that torch knows by the name that a pickle has for it."""

    def call(*args: object) -> object:
        return function(*args)

    call.__module__, call.__name__, call.__qualname__ = module, name, name
    return call


def _history_method(owner: object, name: str) -> Callable:
    """Stand in for the ``getattr`` by which the methods of a HistoryBuffer are saved."""
    if owner is HistoryBuffer and name in ("current", "max", "mean", "min"):
        return getattr(owner, name)
    raise UnpicklingError(f"GLOBAL builtins.getattr is asked for {name!r} of {owner!r}.")
