"""YOLO: a text file an image, and the names of the classes."""

import posixpath
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from mmal.structures import ImageLabels, LabelSchema, ObjectLabel
from mmal.utils import atomic_path

from .base import Exchange, Sizes
from .coco_keypoints import read_keypoints
from .problems import ExchangeError, Problems, class_problem, show
from .source import Source
from .values import to_number
from .yolo_classes import CLASS_FILES, YoloClasses
from .yolo_images import ImageFinder

#: Text files beside the labels that are none: names of classes, lists of images, notes.
_NO_LABELS = frozenset(("classes", "train", "val", "valid", "test", "readme", "notes"))


class Yolo(Exchange):
    """YOLO's text files, of boxes or poses, with the names of the classes in ``data.yaml``.

    They state shares of the image's size, so that it must be known; what is ignored or has no box
    has no place in them, nor have scores and priorities.
    """

    name = "yolo"
    title = "YOLO text files with data.yaml or classes.txt"
    kinds = ("boxes", "keypoints")

    def _files(self, source: Source) -> Iterable[str]:
        if source.is_file and source.path.name in CLASS_FILES:
            source = Source(source.path.parent)
        if _class_file(source) is not None:
            yield from source.names

    def read(
        self,
        path: str | Path,
        schema: LabelSchema,
        sizes: Sizes | None = None,
        refused: dict[str, str] | None = None,
    ) -> list[ImageLabels]:
        """Read a folder or archive, or the folder that a ``data.yaml`` is in; see the base class.

        Raises:
            ExchangeError: As of the base class, and if ``sizes`` is missing.
        """
        if Path(path).name in CLASS_FILES:
            path = Path(path).parent
        if sizes is None:
            raise ExchangeError(
                f"{path}: {self.title} state shares of an image's size; read them with the sizes "
                "of the data set's images (sizes=…)."
            )
        return super().read(path, schema, sizes, refused)

    def _problem_with(self, image: ImageLabels, schema: LabelSchema) -> Iterator[str]:
        if image.objects and image.size is None:
            yield "its size is not known, of which YOLO states shares"
        if "\n" in image.name or "\r" in image.name:
            yield "its name has a line break"
        for number, item in enumerate(image.objects, 1):
            if item.box is None:
                yield f"object {number} has no box"
            if item.ignored:
                yield f"object {number} is ignored, which YOLO cannot say; use the format coco"

    def _write(
        self, images: Sequence[ImageLabels], schema: LabelSchema, target: Path
    ) -> list[Path]:
        problems = Problems(f"Labels for {self.title}")
        files: dict[str, ImageLabels] = {}
        for image in images:
            file = f"{posixpath.splitext(image.name)[0]}.txt"
            if (other := files.setdefault(file, image)) is not image:
                problem = f"its labels would be in {file}, as those of {other.name!r}: rename one"
                problems.add(f"image {show(image.name)}", problem)
        problems.raise_any()
        # A file without a line would say that there is nothing to be seen on an image.
        written = [
            _write_text(target / "labels" / file, "".join(_lines(image, schema)))
            for file, image in files.items()
            if image.objects or (image.finished and not image.skipped)
        ]
        content: dict[str, Any] = {"path": ".", "train": "images", "val": "images"}
        content["names"] = dict(enumerate(schema.classes))
        if schema.keypoints:
            content["kpt_shape"] = [len(schema.keypoints), 3]
            content["kpt_names"] = {i: list(schema.keypoints) for i in range(len(schema.classes))}
        text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
        return [*written, _write_text(target / "data.yaml", text)]

    def _read(
        self,
        source: Source,
        names: Sequence[str],
        schema: LabelSchema,
        problems: Problems,
        sizes: Sizes | None,
    ) -> Iterator[ImageLabels]:
        file = _class_file(source)
        classes = YoloClasses.read(problems, source, file)
        finder = ImageFinder(sizes)
        for name in source.ending(".txt"):
            found = finder.find(name)
            stem = posixpath.splitext(posixpath.basename(name))[0]
            if name == file or (not found and stem.lower() in _NO_LABELS):
                continue
            if len(found) != 1:
                what = f"fits the images {show(found)}" if found else "fits no image"
                with problems.of(name):
                    problems.add(name, f"its name {what} of the data set; expected one")
                continue
            (image,) = found
            with problems.of(image):
                reader = _FileReader(problems, name, schema, classes, sizes[image])
                labels = reader.read(image, source.read(name))
            yield labels


def _class_file(source: Source) -> str | None:
    """Return the name of the file that names the classes; None if there is none."""
    by_base = {posixpath.basename(name): name for name in reversed(source.names)}
    return next((by_base[base] for base in CLASS_FILES if base in by_base), None)


def _write_text(path: Path, text: str) -> Path:
    with atomic_path(path) as tmp:
        tmp.write_text(text, encoding="utf-8")
    return path


def _lines(image: ImageLabels, schema: LabelSchema) -> Iterator[str]:
    for item in image.objects:
        width, height = image.size
        left, top, right, bottom = map(float, item.box)
        centre = ((left + right) / 2 / width, (top + bottom) / 2 / height)
        numbers = [*centre, (right - left) / width, (bottom - top) / height]
        if schema.keypoints:
            for x, y, visible in item.keypoints or ((0, 0, 0),) * len(schema.keypoints):
                numbers += [float(x) / width, float(y) / height, visible]
        words = (str(v) if isinstance(v, int) else f"{v:.10g}" for v in numbers)
        yield f"{schema.classes.index(item.name)} {' '.join(words)}\n"


class _FileReader:
    """Reads the file of one image.

    Args:
        problems: Where what is wrong goes.
        file: The file's name.
        schema: What there is to be labelled.
        classes: The names that the files' numbers stand for.
        size: Width and height of the image in pixels.
    """

    def __init__(
        self,
        problems: Problems,
        file: str,
        schema: LabelSchema,
        classes: YoloClasses,
        size: tuple[int, int],
    ) -> None:
        self.problems = problems
        self.file = file
        self.schema = schema
        self.classes = classes
        self.size = size

    def read(self, image: str, content: bytes) -> ImageLabels:
        try:
            lines = content.decode("ascii").splitlines()
        except UnicodeDecodeError:
            self.problems.add(self.file, "it is no text of numbers (not in ASCII)")
            lines = []
        objects = []
        for number, line in enumerate(lines, 1):
            if line.strip():
                item = self._object(f"{self.file}, line {number}", line.split())
                objects += [item] * (item is not None)
        return ImageLabels(name=image, size=self.size, objects=tuple(objects))

    def _object(self, place: str, words: list[str]) -> ObjectLabel | None:
        values = list(map(to_number, words))
        if None in values:
            word = words[values.index(None)]
            self.problems.add(place, f"{word!r} is no finite number")
            return None
        number, *shares = values
        name = self.classes.names.get(number)
        problem = f"the class {words[0]} is none of the {len(self.classes.names)} in "
        problem = problem + self.classes.file if name is None else class_problem(name, self.schema)
        if problem:
            self.problems.add(place, problem)
            return None
        dims = self._dims(place, len(shares))
        if dims is None:
            return None
        score = shares[4] if len(shares) == 5 else None  # of a detector's output
        width, height = self.size
        x, y, w, h = (v * edge for v, edge in zip(shares, (width, height) * 2, strict=False))
        box = (x - w / 2, y - h / 2, x + w / 2, y + h / 2)
        keypoints = self._keypoints(place, number, shares[4:], dims) if dims else ()
        if keypoints is None:
            return None
        return ObjectLabel(name, box, keypoints, score=score)

    def _dims(self, place: str, count: int) -> int | None:
        """Return how many numbers a joint has (0 without joints); note what has another length."""
        joints = len(self.schema.keypoints)
        expected = {4: 0, 5: 0} if not joints else {4: 0, 4 + 3 * joints: 3, 4 + 2 * joints: 2}
        if count in expected:
            return expected[count]
        lengths = " or ".join(str(length + 1) for length in expected if length != 5 or joints)
        problem = f"it has {count + 1} numbers; expected {lengths}"
        if not joints and count > 5:
            problem += " (the outline of a segment, or a pose, is no box)"
        self.problems.add(place, problem)
        return None

    def _keypoints(
        self, place: str, number: float, shares: list[float], dims: int
    ) -> tuple[tuple[float, float, int], ...] | None:
        width, height = self.size
        flat: list[float] = []
        for start in range(0, len(shares), dims):
            x, y = shares[start : start + 2]
            # Without a visibility, a joint that is not labelled is at the origin.
            visible = shares[start + 2] if dims == 3 else 2 * ((x, y) != (0, 0))
            flat += [x * width, y * height, visible] if visible else [0.0, 0.0, 0]
        names = self.classes.joints.get(number)
        return read_keypoints(self.problems, place, flat, names, self.schema)
