"""Reading JSON files whose content may be anything."""

import json
import os
from pathlib import Path
from typing import Any

#: What the types of JSON are called in messages.
_NAMES = {int: "an integer", float: "a number", str: "a string", list: "a list", dict: "an object"}


class JsonError(ValueError):
    """A JSON file that does not hold what it should; the message names the place in it."""


def read_json(path: str | os.PathLike) -> Any:
    """Read a JSON file.

    Raises:
        FileNotFoundError: If there is none.
        JsonError: If it is no JSON.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    # Not UTF-8, no JSON, or an integer of more digits than Python converts; nested too deep.
    except (ValueError, RecursionError) as error:
        raise JsonError(f"it is no JSON: {error}") from error


def member(parent: dict, key: str, kind: type, place: str = "", least: int | None = None) -> Any:
    """Return a member of an object, of a certain type.

    Args:
        parent: The object.
        key: The member's name.
        kind: ``int``, ``float`` (which integers are, too), ``str``, ``list`` or ``dict``.
        place: Where in the file the object is.
        least: The smallest number allowed.

    Raises:
        JsonError: If there is no such member, or it is something else.
    """
    if key not in parent:
        raise JsonError(f"{place or 'the top level'} has no {key!r}")
    return checked(parent[key], kind, f"{place}.{key}" if place else key, least)


def checked(value: Any, kind: type, place: str, least: int | None = None) -> Any:
    """Return a value, if it is of a certain type; see :func:`member`."""
    kinds = (int, float) if kind is float else kind
    if isinstance(value, bool) or not isinstance(value, kinds):
        raise JsonError(f"{place} must be {_NAMES[kind]}. Got {_shown(value)} instead")
    if least is not None and value < least:
        raise JsonError(f"{place} must be at least {least}. Got {_shown(value)} instead")
    return value


def _shown(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
