"""What every format of annotation tools can do."""

import math
import os
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from mmal.structures import ImageLabels, LabelSchema, ObjectLabel

from .image_names import name_problem
from .problems import ExchangeError, Problems, class_problem, show
from .source import Source
from .values import by_priority, is_number

#: A drive and a backslash or slash, and what else is in front of names.
_WINDOWS = re.compile(r"[A-Za-z]:[\\/]")
_IN_FRONT = re.compile(r"^(\./|/)+")

Sizes = Mapping[str, tuple[int, int]]


class Exchange(ABC):
    """A format in which labels go to an annotation tool and come back.

    A format's object has no state. What a file says of images is not compared with the images: a
    box outside its image is read as it is.

    Attributes:
        name: What a user calls it by.
        title: What messages call it.
        kinds: The kinds of labels that it can carry.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    kinds: ClassVar[tuple[str, ...]]

    def write(
        self, images: Sequence[ImageLabels], schema: LabelSchema, target: str | os.PathLike
    ) -> list[Path]:
        """Write labels, or proposals to begin with, for a tool.

        Args:
            images: The labels; what has the largest priority is written first.
            schema: What there is to be labelled.
            target: The folder; made if it is not there. Files of other images stay.

        Returns:
            The files; each is written in one step (complete or not at all).

        Raises:
            ExchangeError: If the format cannot carry them: all that is wrong in one message.
        """
        return self._write(self._checked(images, schema), schema, Path(target))

    def read(
        self,
        path: str | os.PathLike,
        schema: LabelSchema,
        sizes: Sizes | None = None,
        refused: dict[str, str] | None = None,
    ) -> list[ImageLabels]:
        """Read what a tool exported.

        Args:
            path: A file, a folder, or a ZIP archive.
            schema: What there is to be labelled.
            sizes: Width and height of each image of the data set in pixels, by its name; formats
                that state them do not ask.
            refused: Gets what is wrong with the labels of single images, by their names (or those
                of their files), instead of an error.

        Returns:
            The labels of each image that it names, in its order, but for refused ones.

        Raises:
            ExchangeError: If it cannot be read: all that is wrong with it in one message.
        """
        self._check_kind(schema)
        source = Source(path)
        names = list(self._files(source))
        if not names:
            raise ExchangeError(f"{path} is no {self.title}.")
        problems = Problems(path)
        images = list(self._read(source, names, schema, problems, sizes))
        if refused is not None and images:
            found = problems.refused()
            images = [image for image in images if image.name not in found]
            refused |= {_tidy_name(name): problem for name, problem in found.items()}
        images = self._unique(problems, map(_tidy, images))
        problems.raise_any()
        return images

    def recognises(self, path: str | os.PathLike) -> bool:
        """Whether a file, folder or ZIP archive is of this format, as its content begins.

        Raises:
            ExchangeError: If there is no such file, or it is an archive that cannot be read.
        """
        return next(iter(self._files(Source(path))), None) is not None

    @abstractmethod
    def _files(self, source: Source) -> Iterable[str]:
        """Find the files of this format."""

    @abstractmethod
    def _read(
        self,
        source: Source,
        names: Sequence[str],
        schema: LabelSchema,
        problems: Problems,
        sizes: Sizes | None,
    ) -> Iterator[ImageLabels]:
        """Read files of this format, and note what is wrong with them."""

    @abstractmethod
    def _write(
        self, images: Sequence[ImageLabels], schema: LabelSchema, target: Path
    ) -> list[Path]:
        """Write what has been checked."""

    def _problem_with(self, image: ImageLabels, schema: LabelSchema) -> Iterator[str]:
        """Yield why this format cannot carry an image's labels."""
        return iter(())

    def _check_kind(self, schema: LabelSchema) -> None:
        if schema.kind not in self.kinds:
            raise ExchangeError(
                f"{self.title} carries {' and '.join(self.kinds)}, not {schema.kind}. Use another "
                "format, such as coco."
            )

    def _checked(self, images: Sequence[ImageLabels], schema: LabelSchema) -> list[ImageLabels]:
        """Return images, what to label first in front, if they can be written."""
        self._check_kind(schema)
        problems = Problems(f"Labels for {self.title}")
        for image in self._unique(problems, images):
            for problem in (*_misfits(image, schema), *self._problem_with(image, schema)):
                problems.add(f"image {show(image.name)}", problem)
        problems.raise_any()
        return by_priority(images)

    @staticmethod
    def _unique(problems: Problems, images: Iterable[ImageLabels]) -> list[ImageLabels]:
        """Return images whose names are good, and each there once; note the others."""
        found: dict[str, ImageLabels] = {}
        for image in images:
            if problem := name_problem(image.name):
                problems.add(f"image {show(image.name)}", problem)
            elif image.name in found:
                problems.add(f"image {show(image.name)}", "it is there more than once")
            else:
                found[image.name] = image
        return list(found.values())


def _tidy(image: ImageLabels) -> ImageLabels:
    """Return an image without what some tools put in front of its name: ``./``, ``/``, a drive.

    Those that work on files of their own write whole paths, of Windows with backslashes. The name
    is looked up among the images of the data set, never on the disk.
    """
    return replace(image, name=_tidy_name(image.name)) if isinstance(image.name, str) else image


def _tidy_name(name: str) -> str:
    if _WINDOWS.match(name):
        name = name.replace("\\", "/")[2:]
    return _IN_FRONT.sub("", name)


def _misfits(image: ImageLabels, schema: LabelSchema) -> Iterator[str]:
    """Yield what of an image's labels the schema does not have."""
    if image.objects and schema.kind == "classes":
        yield "it has objects, but the schema is of classes"
    if image.image_class is not None:
        if schema.kind != "classes":
            yield f"it has a class of the whole image, but the schema is of {schema.kind}"
        elif problem := class_problem(image.image_class, schema):
            yield problem
    for value in (image.priority, image.score):
        if value is not None and not math.isfinite(value):
            yield f"its priority or score is {value}; expected a finite number"
    for number, item in enumerate(image.objects, 1):
        for problem in _object_misfits(item, schema):
            yield f"object {number}: {problem}"


def _object_misfits(item: ObjectLabel, schema: LabelSchema) -> Iterator[str]:
    if problem := class_problem(item.name, schema):
        yield problem
    if item.box is None and not item.keypoints:
        yield "it has neither box nor keypoints"
    if item.keypoints and len(item.keypoints) != len(schema.keypoints):
        yield f"it has {len(item.keypoints)} keypoints; expected {len(schema.keypoints)}"
    numbers = [*(item.box or ()), *(v for x, y, _ in item.keypoints for v in (x, y))]
    if not all(is_number(float(value)) for value in numbers):
        yield f"a coordinate of {show(item.box or item.keypoints)} is no finite number"
    if any(visible not in (0, 1, 2) for _, _, visible in item.keypoints):
        yield "the visibility of a keypoint is none of 0, 1 and 2"
