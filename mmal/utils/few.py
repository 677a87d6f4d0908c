"""Naming a few of many."""

from collections.abc import Sequence


def few(names: Sequence[object], most: int = 3) -> str:
    """Name the first of many things, and say how many more there are.

    Example:
        >>> few(["a", "b", "c", "d"], 2)
        "'a', 'b' and 2 more"
    """
    shown = ", ".join(repr(name) for name in names[:most])
    return shown + (f" and {len(names) - most} more" if len(names) > most else "")
