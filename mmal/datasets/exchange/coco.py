"""COCO: one JSON file, and what mmal itself keeps labels in."""

from collections.abc import Hashable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from mmal.structures import ImageLabels, LabelSchema, ObjectLabel

from .base import Exchange, Sizes
from .coco_keypoints import read_keypoints
from .json_file import parse_json, write_json
from .problems import Problems, class_problem, show
from .source import Source
from .values import is_number

_TABLES = ("images", "annotations", "categories")


class Coco(Exchange):
    """COCO JSON, which MMDetection and MMPose train on, and pycocotools reads.

    What COCO has no place for is kept in further keys: ``score`` of an annotation; ``priority``,
    ``model``, ``finished``, ``skipped`` and ``score`` of an image. The class of a whole image is an
    annotation without a box.
    """

    name = "coco"
    title = "COCO JSON"
    kinds = ("boxes", "keypoints", "classes")

    def _files(self, source: Source) -> Iterable[str]:
        for name in source.ending(".json"):
            text = source.read(name)
            if text.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{") and b'"images"' in text:
                yield name

    def _write(
        self, images: Sequence[ImageLabels], schema: LabelSchema, target: Path
    ) -> list[Path]:
        annotations: list[dict] = []
        for image_id, image in enumerate(images, 1):
            for entry in _annotations(image, schema):
                annotations.append({"id": len(annotations) + 1, "image_id": image_id, **entry})
        content = {
            "info": {"description": "labels of mmal"},
            "licenses": [],
            "images": [_image_entry(i, image) for i, image in enumerate(images, 1)],
            "annotations": annotations,
            "categories": [_category(i, name, schema) for i, name in enumerate(schema.classes, 1)],
        }
        return [write_json(target / "coco.json", content)]

    def _read(
        self,
        source: Source,
        names: Sequence[str],
        schema: LabelSchema,
        problems: Problems,
        sizes: Sizes | None,
    ) -> Iterator[ImageLabels]:
        for name in names:
            content = parse_json(problems, source, name)
            if content is not None:
                yield from _CocoReader(problems, schema).read(name, content)


def _image_entry(image_id: int, image: ImageLabels) -> dict:
    entry: dict[str, Any] = {"id": image_id, "file_name": image.name}
    if image.size is not None:
        entry["width"], entry["height"] = map(int, image.size)
    for key, kind in (("finished", bool), ("priority", float), ("model", str), ("score", float)):
        if (value := getattr(image, key)) is not None:
            entry[key] = kind(value)
    if image.skipped:
        entry["skipped"] = True
    return entry


def _annotations(image: ImageLabels, schema: LabelSchema) -> Iterator[dict]:
    if image.image_class is not None:
        entry = {"category_id": schema.classes.index(image.image_class) + 1}
        yield entry if image.score is None else {**entry, "score": float(image.score)}
    for item in image.objects:
        entry: dict[str, Any] = {"category_id": schema.classes.index(item.name) + 1}
        if item.box is not None:
            left, top, right, bottom = map(float, item.box)
            width, height = right - left, bottom - top
            entry |= {"bbox": [left, top, width, height], "area": width * height}
        else:
            entry["area"] = 0.0
        entry["iscrowd"] = int(item.ignored)
        if item.keypoints:
            flat = [v for x, y, visible in item.keypoints for v in (float(x), float(y), visible)]
            entry["keypoints"] = flat
            entry["num_keypoints"] = sum(visible > 0 for _, _, visible in item.keypoints)
        if item.score is not None:
            entry["score"] = float(item.score)
        yield entry


def _category(category_id: int, name: str, schema: LabelSchema) -> dict:
    entry: dict[str, Any] = {"id": category_id, "name": name, "supercategory": ""}
    if schema.keypoints:
        entry["keypoints"] = list(schema.keypoints)
        entry["skeleton"] = [[a + 1, b + 1] for a, b in schema.skeleton]
    return entry


class _CocoReader:
    """Reads one file.

    Args:
        problems: Where what is wrong goes.
        schema: What there is to be labelled.
    """

    def __init__(self, problems: Problems, schema: LabelSchema) -> None:
        self.problems = problems
        self.schema = schema

    def read(self, file: str, content: object) -> Iterator[ImageLabels]:
        tables = {key: self._table(file, content, key) for key in _TABLES}
        images = self._by_id("image", tables["images"])
        categories = self._by_id("category", tables["categories"])
        objects: dict[Hashable, list[ObjectLabel]] = {key: [] for key in images}
        classes: dict[Hashable, list[tuple[str, float | None]]] = {key: [] for key in images}
        for number, entry in enumerate(tables["annotations"]):
            self._annotation(number, entry, images, categories, objects, classes)
        for key, image in images.items():
            with self.problems.of(image.get("file_name")):
                labels = self._image(key, image, objects[key], classes[key])
            yield labels

    def _table(self, file: str, content: object, key: str) -> list:
        table = content.get(key) if isinstance(content, dict) else None
        if not isinstance(table, list):
            self.problems.add(file, f"{key!r} is {show(table)}; expected a list")
            return []
        return table

    def _by_id(self, kind: str, entries: list) -> dict[Hashable, dict]:
        found: dict[Hashable, dict] = {}
        for number, entry in enumerate(entries):
            key = entry.get("id") if isinstance(entry, dict) else None
            if type(key) not in (int, str):
                problem = f"the id is {show(key)}; expected a whole number or a string"
                self.problems.add(f"{kind} at place {number}", problem)
            elif key in found:
                self.problems.add(f"{kind} {show(key)}", "the id is there more than once")
            else:
                found[key] = entry
        return found

    def _annotation(
        self,
        number: int,
        entry: object,
        images: dict[Hashable, dict],
        categories: dict[Hashable, dict],
        objects: dict[Hashable, list[ObjectLabel]],
        classes: dict[Hashable, list[tuple[str, float | None]]],
    ) -> None:
        if not isinstance(entry, dict):
            self.problems.add(f"annotation at place {number}", "it is no object of JSON")
            return
        place = f"annotation {show(entry.get('id', f'at place {number}'))}"
        image_id = self._known(place, entry, "image_id", objects)
        if image_id is None:
            return
        with self.problems.of(images[image_id].get("file_name")):
            self._of_image(place, entry, image_id, categories, objects, classes)

    def _of_image(
        self,
        place: str,
        entry: dict,
        image_id: Hashable,
        categories: dict[Hashable, dict],
        objects: dict[Hashable, list[ObjectLabel]],
        classes: dict[Hashable, list[tuple[str, float | None]]],
    ) -> None:
        category_id = self._known(place, entry, "category_id", categories)
        if category_id is None:
            return
        category = categories[category_id]
        if problem := class_problem(category.get("name"), self.schema):
            self.problems.add(place, problem)
            return
        score = self._score(place, entry)
        if self.schema.kind == "classes":
            classes[image_id].append((category["name"], score))
        elif (item := self._object(place, entry, category, score)) is not None:
            objects[image_id].append(item)

    def _known(self, place: str, entry: dict, key: str, table: dict) -> Hashable:
        """Return an id if it is in a table; note it and return None otherwise."""
        value = entry.get(key)
        if type(value) in (int, str) and value in table:
            return value
        kind = "images" if key == "image_id" else "categories"
        self.problems.add(place, f"{key} is {show(value)}; expected an id of {kind!r}")
        return None

    def _object(
        self, place: str, entry: dict, category: dict, score: float | None
    ) -> ObjectLabel | None:
        keypoints: tuple[tuple[float, float, int], ...] | None = ()
        if self.schema.kind == "keypoints" and entry.get("keypoints"):
            names = category.get("keypoints")
            keypoints = read_keypoints(self.problems, place, entry["keypoints"], names, self.schema)
        box = self._box(place, entry, needed=not entry.get("keypoints"))
        crowd = entry.get("iscrowd", 0)
        if crowd not in (0, 1):
            self.problems.add(place, f"iscrowd is {show(crowd)}; expected 0 or 1")
        if keypoints is None or (box is None and not keypoints):
            return None
        return ObjectLabel(category["name"], box, keypoints, bool(crowd), score)

    def _box(
        self, place: str, entry: dict, needed: bool
    ) -> tuple[float, float, float, float] | None:
        box = entry.get("bbox")
        if box is None and not needed:
            return None
        if not (isinstance(box, list) and len(box) == 4 and all(map(is_number, box))):
            self.problems.add(place, f"bbox is {show(box)}; expected left, top, width, height")
            return None
        left, top, width, height = map(float, box)
        return (left, top, left + width, top + height)

    def _score(self, place: str, entry: dict, key: str = "score") -> float | None:
        value = entry.get(key)
        if value is not None and not is_number(value):
            self.problems.add(place, f"{key} is {show(value)}; expected a number")
            return None
        return value

    def _image(
        self,
        key: Hashable,
        entry: dict,
        objects: list[ObjectLabel],
        classes: list[tuple[str, float | None]],
    ) -> ImageLabels:
        place = f"image {show(entry.get('file_name', key))}"
        names = {name for name, _ in classes}
        if len(names) > 1:
            self.problems.add(place, f"it has the classes {show(sorted(names))}; expected one")
        name, score = classes[0] if classes else (None, None)
        for flag in ("finished", "skipped"):
            if entry.get(flag) not in (None, True, False):
                self.problems.add(place, f"{flag} is {show(entry[flag])}; expected true or false")
        if not isinstance(entry.get("model"), (str, type(None))):
            self.problems.add(place, f"model is {show(entry['model'])}; expected a name")
        stated = self._score(place, entry)
        return ImageLabels(
            name=entry.get("file_name"),
            size=self._size(place, entry),
            objects=tuple(objects),
            image_class=name,
            finished=entry.get("finished"),
            skipped=bool(entry.get("skipped")),
            priority=self._score(place, entry, "priority"),
            model=entry.get("model"),
            score=score if stated is None else stated,
        )

    def _size(self, place: str, entry: dict) -> tuple[int, int] | None:
        size = (entry.get("width"), entry.get("height"))
        if size == (None, None):
            return None
        if not all(type(edge) is int and edge > 0 for edge in size):
            self.problems.add(place, f"width and height are {show(size)}; expected whole numbers")
            return None
        return size
