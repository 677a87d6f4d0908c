"""Recording what a method of one object returns, and playing recordings back."""

import copy
import inspect
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from mmengine.structures import BaseDataElement


class Call(NamedTuple):
    """One call of a recorded method.

    Attributes:
        arguments: The arguments by name, without defaults that were not given; empty unless asked
            for.
        result: What the method returned; its containers are copied, for callers like to change
            them, its tensors are not.
    """

    arguments: dict[str, Any]
    result: Any


class Nesting:
    """How many recorded methods are under way."""

    depth = 0


@contextmanager
def recorded(
    owner: object, method: str, with_arguments: bool = False, nesting: Nesting | None = None
) -> Iterator[list[Call]]:
    """Yield a list that receives the calls of ``owner.method``.

    The method is shadowed on this one object and bare again on leaving; its class is untouched.
    Arguments are kept on demand only, since they keep alive what could be freed.

    Args:
        owner: The object whose method it is.
        method: The method's name.
        with_arguments: Whether to keep the arguments.
        nesting: Shared by what is replayed together. A call that another recorded method makes is
            left out: when that one is replayed, it calls nothing.
    """
    calls: list[Call] = []
    original = getattr(owner, method)
    signature = inspect.signature(original)
    nesting = nesting or Nesting()

    def record(*args: Any, **kwargs: Any) -> Any:
        nesting.depth += 1
        try:
            result = original(*args, **kwargs)
        finally:
            nesting.depth -= 1
        if nesting.depth:
            return result
        arguments = signature.bind(*args, **kwargs).arguments if with_arguments else {}
        calls.append(Call(arguments, with_own_containers(result)))
        return result

    with shadowed(owner, method, record):
        yield calls


@contextmanager
def replayed(owner: object, method: str, results: Iterable) -> Iterator[None]:
    """Make ``owner.method`` return ``results`` in order, whatever it is called with.

    Raises:
        RuntimeError: From the call that finds no result left.
    """
    remaining = iter(results)

    def replay(*args: Any, **kwargs: Any) -> Any:
        for result in remaining:
            return result
        raise RuntimeError(
            f"{type(owner).__name__}.{method} was called more often for a single sample than for "
            "the batch, so record and replay cannot give its loss."
        )

    with shadowed(owner, method, replay):
        yield


def with_own_containers(value: Any) -> Any:
    """Copy nested tuples, lists, dicts and data elements, but not the tensors they hold."""
    if isinstance(value, BaseDataElement):
        # Its own `new` copies the metainfo to the bottom, arrays included, and takes a third of a
        # training step's time on cached features.
        own = copy.copy(value)
        vars(own).update({name: with_own_containers(item) for name, item in vars(value).items()})
        return own
    if type(value) is set:
        return set(value)
    if type(value) in (list, tuple):
        return type(value)(with_own_containers(item) for item in value)
    if type(value) is dict:
        return {key: with_own_containers(item) for key, item in value.items()}
    return value


@contextmanager
def shadowed(owner: object, name: str, function: Callable) -> Iterator[None]:
    """Put ``function`` in the place of a method of one object; its class is untouched."""
    missing = object()
    before = vars(owner).get(name, missing)
    setattr(owner, name, function)
    try:
        yield
    finally:
        if before is missing:
            delattr(owner, name)
        else:
            setattr(owner, name, before)
