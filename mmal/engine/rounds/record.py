"""What is known of a round: ``metrics.json``."""

from pathlib import Path
from typing import Any

from mmal.utils import JsonError, checked, member, read_json

#: Members that are objects whose values are numbers, by whether each record has them.
_TABLES = {"seconds": True, "metrics": False, "annotations": False, "yardsticks": False}
_MEASURES = ("ranking_accuracy", "spearman", "kendall")
_DOUBTS = ("ranking_doubt", "picks_doubt")


class RecordError(ValueError):
    """A ``metrics.json`` that is none."""


def read_record(path: Path, index: int) -> dict[str, Any]:
    """Read the record of round ``index``.

    Returns:
        The record; empty if there is none.

    Raises:
        RecordError: If the file is no record; the message names the place in it.
    """
    if not path.exists():
        return {}
    try:
        record = checked(read_json(path), dict, "the top level")
        if (found := member(record, "round", int)) != index:
            raise JsonError(f"round is {found}, but the folder is that of round {index}")
        member(record, "labeled", int, least=1)
        for name, required in _TABLES.items():
            if required or name in record:
                for key, value in member(record, name, dict).items():
                    checked(value, float, f"{name}.{key}")
        for name in _MEASURES:
            if name in record:
                member(record, name, float)
        for name in _DOUBTS:
            if record.get(name) is not None:
                member(record, name, str)
        if "skipped" in record:
            member(record, "skipped", int, least=0)
        if "cached_features" in record:
            member(record, "cached_features", dict)
    except JsonError as error:
        raise RecordError(
            f"{path} is not the record of a round: {error}. It is written by mmal's tools and is "
            "not meant to be edited; restore it."
        ) from error
    return record
