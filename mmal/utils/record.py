"""Recording what a method of one object returns, and playing recordings back."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def recorded(owner: object, method: str) -> Iterator[list]:
    """Yield a list that receives what ``owner.method`` returns, call by call.

    The method is shadowed on this one object and bare again on leaving; its class is untouched.
    """
    results: list = []
    original = getattr(owner, method)

    def record(*args: Any, **kwargs: Any) -> Any:
        result = original(*args, **kwargs)
        results.append(result)
        return result

    with _shadowed(owner, method, record):
        yield results


@contextmanager
def replayed(owner: object, method: str, results: list) -> Iterator[None]:
    """Make ``owner.method`` return ``results`` in order, whatever it is called with.

    Raises:
        RuntimeError: From the call that finds no result left.
    """
    remaining = iter(results)

    def replay(*args: Any, **kwargs: Any) -> Any:
        for result in remaining:
            return result
        raise RuntimeError(
            f"{type(owner).__name__}.{method} was called {len(results)} times for the batch but "
            "more often for a single sample, so record and replay cannot give its loss."
        )

    with _shadowed(owner, method, replay):
        yield


@contextmanager
def _shadowed(owner: object, name: str, function: Callable) -> Iterator[None]:
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
