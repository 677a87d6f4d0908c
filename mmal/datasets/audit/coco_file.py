"""Files in COCO layout, read and checked before a data set's own code reads them."""

import json
from collections import defaultdict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

from mmengine.fileio import get

from .file_problems import FileProblems, show

#: No coordinate is as far from the image as this; what is not between is no number of pixels.
LIMIT = 1e9
TABLES = ("images", "annotations", "categories")


@dataclass
class CocoFile:
    """A file in COCO layout, of which every id is known to be usable.

    Attributes:
        images: Its images by id.
        annotations: The annotations of each image that has any, by the image's id.
        categories: Names by id; of pose data possibly none.
    """

    images: dict[Hashable, dict]
    annotations: dict[Hashable, list[dict]]
    categories: dict[Hashable, str]


def is_number(value: object) -> bool:
    """Whether a value is a finite number of pixels (which True is not)."""
    return type(value) in (int, float) and -LIMIT < value < LIMIT


def is_id(value: object) -> bool:
    """Whether a value can be an id: a whole number or a string."""
    return type(value) in (int, str) or (type(value) is float and value.is_integer())


def is_whole(value: object) -> bool:
    """Whether a value is an integer, as MMPose's ids of images must be."""
    return type(value) is int


def is_flag(value: object) -> bool:
    """Whether a value is true or false to everybody; the string "0" is true to Python."""
    return value is None or (type(value) in (int, bool, float) and value in (0, 1))


def is_file_name(value: object) -> bool:
    """Whether a value can be the name of a file."""
    if not isinstance(value, str) or not value or "\0" in value:
        return False
    return value.isascii() or value.encode(errors="replace").decode() == value


def read_json(problems: FileProblems, backend_args: dict | None = None) -> Any:
    """Read a file as data sets do; note why it cannot be read, and return None."""
    try:
        # Not from bytes, since that takes byte order marks and UTF-16, which others refuse.
        return json.loads(get(problems.file, backend_args=backend_args).decode())
    except (OSError, ValueError, RecursionError) as error:
        problems.add("unreadable", "", f"it is no JSON in UTF-8: {error}")
        return None


def read_coco(
    problems: FileProblems,
    backend_args: dict | None = None,
    image_id: Callable[[object], bool] = is_id,
    needs: tuple[str, ...] = TABLES,
) -> CocoFile | None:
    """Read a file in COCO layout and check its tables and their ids.

    Args:
        problems: Where what is wrong goes.
        backend_args: Of mmengine's file backends.
        image_id: Whether something can be an image's id.
        needs: The tables that must be there.

    Returns:
        The file, or None if its tables cannot be used.
    """
    content = read_json(problems, backend_args)
    if problems:
        return None
    if not isinstance(content, dict):
        kind = type(content).__name__
        problems.add("value-wrong", "", f"is a {kind}; expected an object with lists {needs}")
        return None
    tables = {key: _table(problems, content, key, needs) for key in TABLES}
    if None in tables.values():
        return None
    images = _by_id(problems, "images", tables["images"], image_id)
    categories = _by_id(problems, "categories", tables["categories"], is_id)
    annotations = _by_id(problems, "annotations", tables["annotations"], is_id)
    if not images and not problems:
        problems.add("nothing-stated", "images", "the list is empty")
    for key, image in images.items():
        if not is_file_name(image.get("file_name")):
            problems.lacks(f"image {key!r}", image, "file_name", "the name of a file")
    if "categories" in needs:
        for key, category in categories.items():
            if not isinstance(category.get("name"), str):
                problems.lacks(f"category {key!r}", category, "name", "a string")
    return CocoFile(
        images=images,
        annotations=_by_image(
            problems, images, annotations, categories if "categories" in needs else {}
        ),
        categories={key: category.get("name") for key, category in categories.items()},
    )


def _table(problems: FileProblems, content: dict, key: str, needs: tuple[str, ...]) -> list | None:
    if key not in content and key not in needs:
        return []
    table = content.get(key)
    if isinstance(table, list):
        return table
    problems.lacks("", content, key, "a list")
    return None


def _by_id(
    problems: FileProblems, table: str, entries: list, is_good: Callable[[object], bool]
) -> dict[Hashable, dict]:
    """Return entries by their ids; note those that have none, or that of another entry."""
    found: dict[Hashable, dict] = {}
    for number, entry in enumerate(entries):
        if not isinstance(entry, dict):
            problems.wrong(f"{table}[{number}]", "", entry, "an object")
        elif not is_good(key := entry.get("id")):
            expected = "a whole number" if is_good is is_whole else "a whole number or a string"
            problems.lacks(f"{table}[{number}]", entry, "id", expected)
        elif key in found:
            both = " and ".join(_name(e, table) for e in (found[key], entry))
            problems.add("id-twice", f"{table}[{number}], id {key!r}", f"stands for {both}")
        else:
            found[key] = entry
    return found


def _name(entry: dict, table: str) -> str:
    key = {"images": "file_name", "categories": "name", "annotations": "bbox"}[table]
    return f"{key} {show(entry.get(key))}"


def _by_image(
    problems: FileProblems,
    images: dict[Hashable, dict],
    annotations: dict[Hashable, dict],
    categories: dict[Hashable, dict],
) -> dict[Hashable, list[dict]]:
    """Return annotations by their images' ids; note those of images that are not listed."""
    found: dict[Hashable, list[dict]] = defaultdict(list)
    orphans = 0
    for key, annotation in annotations.items():
        owner = annotation.get("image_id")
        if not is_id(owner):
            place = f"annotation {key!r}"
            problems.lacks(place, annotation, "image_id", "the id of an image")
        elif not is_id(annotation.get("category_id")):
            place = f"annotation {key!r}"
            problems.lacks(place, annotation, "category_id", "the id of a category")
        elif (kind := annotation["category_id"]) not in categories and _twin(kind) in categories:
            expected = f"the category's id as it is listed, {_twin(kind)!r}"
            problems.wrong(f"annotation {key!r}", "category_id", kind, expected)
        elif owner in images:
            found[owner].append(annotation)
        else:
            orphans += _note_orphan(problems, images, key, owner)
    if annotations and orphans == len(annotations):
        problems.add(
            "nothing-stated",
            "annotations",
            f"all {orphans} belong to images that the file does not list",
        )
    return found


def _twin(key: int | str | float) -> int | str:
    """Return an id as another type: the number that a string is, or the string of a number."""
    return int(key) if isinstance(key, str) and key.isdecimal() else str(key)


def _note_orphan(problems: FileProblems, images: dict, key: Hashable, owner: Hashable) -> bool:
    """Note that an annotation's image is not listed; return False if it is as another type."""
    place = f"annotation {key!r}"
    if (twin := _twin(owner)) in images:
        problems.wrong(place, "image_id", owner, f"the image's id as it is listed, {twin!r}")
        return False
    problems.audit.add("orphan", problems.file, place, f"image_id {show(owner)}")
    return True
