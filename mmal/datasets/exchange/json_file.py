"""Reading and writing JSON of labels."""

import json
from pathlib import Path
from typing import Any

from mmal.utils import atomic_path

from .problems import Problems
from .source import Source


def parse_json(problems: Problems, source: Source, name: str) -> Any:
    """Return what a file holds; note why it cannot be read, and return None."""
    try:
        # A byte order mark is what Windows puts in front.
        return json.loads(source.read(name).decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        problems.add(name, f"it is not in UTF-8 ({error.reason} at byte {error.start}): save it so")
    except json.JSONDecodeError as error:
        problems.add(name, f"it is no JSON: {error.msg} in line {error.lineno}: export it again")
    except RecursionError:
        problems.add(name, "it is no JSON of labels: it is nested too deeply")
    return None


def write_json(path: Path, content: object) -> Path:
    """Write a file, atomically; return its path."""
    with atomic_path(path) as tmp:
        # In ASCII, names that are not UTF-8 survive, too.
        tmp.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", encoding="ascii")
    return path
