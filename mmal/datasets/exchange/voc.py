"""Pascal VOC: an XML file an image."""

import posixpath
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from mmal.structures import ImageLabels, LabelSchema, ObjectLabel

from .base import Exchange, Sizes
from .image_names import xml_problem
from .problems import Problems, class_problem, show
from .source import Source
from .values import to_number, to_text
from .xml_file import add, parse_xml, root_tag, write_xml

_CORNERS = ("xmin", "ymin", "xmax", "ymax")


class PascalVoc(Exchange):
    """Pascal VOC XML, an image's file where the image is, below another folder.

    Coordinates are written and read as annotation tools do: the left edge of the first pixel is 0.
    VOC's own files and MMDetection's ``XMLDataset`` begin with 1: for those, see ``first_pixel``.

    Args:
        first_pixel: What the left edge of the first pixel counts as; 0 of annotation tools, 1 of
            files for ``XMLDataset``, which subtracts 1 from whatever it reads.

    Raises:
        ValueError: If ``first_pixel`` is neither.
    """

    name = "voc"
    title = "Pascal VOC XML"
    kinds = ("boxes",)

    def __init__(self, first_pixel: int = 0) -> None:
        if first_pixel not in (0, 1):
            raise ValueError(f"first_pixel of PascalVoc must be 0 or 1. Got {first_pixel} instead.")
        self._first_pixel = first_pixel
        if first_pixel == 1:
            self.name, self.title = "voc1", "Pascal VOC XML that counts pixels from 1"

    def _files(self, source: Source) -> Iterable[str]:
        return (name for name in source.ending(".xml") if root_tag(source, name) == "annotation")

    def _problem_with(self, image: ImageLabels, schema: LabelSchema) -> Iterator[str]:
        if problem := xml_problem(image.name):
            yield f"its name {problem}"
        for number, item in enumerate(image.objects, 1):
            if item.box is None:
                yield f"object {number} has no box"

    def _write(
        self, images: Sequence[ImageLabels], schema: LabelSchema, target: Path
    ) -> list[Path]:
        problems = Problems(f"Labels for {self.title}")
        files: dict[str, str] = {}
        for image in images:
            file = f"{posixpath.splitext(image.name)[0]}.xml"
            if (other := files.setdefault(file, image.name)) != image.name:
                problem = f"its labels would be in {file}, as those of {other!r}: rename one"
                problems.add(f"image {show(image.name)}", problem)
        problems.raise_any()
        return [
            write_xml(target / file, self._element(image))
            for file, image in zip(files, images, strict=True)
        ]

    def _element(self, image: ImageLabels) -> ET.Element:
        folder, name = posixpath.split(image.name)
        root = ET.Element("annotation")
        add(root, "folder", folder)
        add(root, "filename", name)
        if image.size is not None:
            size = add(root, "size")
            for tag, value in zip(("width", "height", "depth"), (*image.size, 3), strict=True):
                add(size, tag, str(int(value)))
        add(root, "segmented", "0")
        # A tool that saves the file anew leaves these out: what still has them nobody has seen.
        for tag in ("model", "priority"):
            if (value := getattr(image, tag)) is not None:
                add(root, tag, str(value))
        for item in image.objects:
            self._add_object(root, item)
        return root

    def _add_object(self, root: ET.Element, item: ObjectLabel) -> None:
        element = add(root, "object")
        add(element, "name", item.name)
        add(element, "pose", "Unspecified")
        add(element, "truncated", "0")
        add(element, "difficult", str(int(item.ignored)))
        box = add(element, "bndbox")
        for tag, value in zip(_CORNERS, item.box, strict=True):
            add(box, tag, to_text(value + self._first_pixel))
        if item.score is not None:
            add(element, "score", to_text(item.score))

    def _read(
        self,
        source: Source,
        names: Sequence[str],
        schema: LabelSchema,
        problems: Problems,
        sizes: Sizes | None,
    ) -> Iterator[ImageLabels]:
        for name in names:
            with problems.of(name):
                root = parse_xml(problems, source, name)
                if root is None:
                    continue
                if not (stated := root.findtext("filename", "")):
                    problems.add(name, "it has no filename; expected that of the image")
                    continue
            image = _image_name(name, root.findtext("folder", ""), stated)
            with problems.of(image):
                labels = self._image(name, image, root, schema, problems)
            yield labels

    def _image(
        self, file: str, image: str, root: ET.Element, schema: LabelSchema, problems: Problems
    ) -> ImageLabels:
        objects = []
        for number, element in enumerate(root.findall("object"), 1):
            item = self._object(f"{file}, object {number}", element, schema, problems)
            if item is not None:
                objects.append(item)
        model = root.findtext("model")
        return ImageLabels(
            name=image,
            size=_size(file, root, problems),
            objects=tuple(objects),
            priority=to_number(root.findtext("priority")),
            model=model,
        )

    def _object(
        self, place: str, element: ET.Element, schema: LabelSchema, problems: Problems
    ) -> ObjectLabel | None:
        name = element.findtext("name")
        if problem := class_problem(name, schema):
            problems.add(place, problem)
            return None
        texts = [element.findtext(f"bndbox/{corner}") for corner in _CORNERS]
        box = tuple(map(to_number, texts))
        for corner, text, value in zip(_CORNERS, texts, box, strict=True):
            if value is None:
                problems.add(place, f"bndbox/{corner} is {show(text)}; expected a number")
                return None
        difficult = element.findtext("difficult", "0").strip()
        if difficult not in ("0", "1"):
            problems.add(place, f"difficult is {show(difficult)}; expected 0 or 1")
        return ObjectLabel(
            name=name,
            box=tuple(value - self._first_pixel for value in box),
            ignored=difficult == "1",
            score=to_number(element.findtext("score")),
        )


def _image_name(file: str, folder: str, stated: str) -> str:
    """Return the image's name; its folder is where the XML file is, whatever that states.

    Args:
        file: The XML file, relative to the folder that was given.
        folder: The folder that it states; of most tools a folder on the annotator's disk.
        stated: The file name that it states.
    """
    if "/" in stated:  # as CVAT does
        return stated
    parts = posixpath.dirname(file).split("/")
    if "Annotations" in parts and folder != posixpath.dirname(file):
        parts = parts[parts.index("Annotations") + 1 :]
    return "/".join([*filter(None, parts), stated])


def _size(file: str, root: ET.Element, problems: Problems) -> tuple[int, int] | None:
    element = root.find("size")
    if element is None:
        return None
    texts = [element.findtext(tag) for tag in ("width", "height")]
    width, height = map(to_number, texts)
    if not (width and height and width > 0 and height > 0):
        # LabelImg writes 0 where it could not tell.
        if texts not in (["0", "0"], [None, None]):
            problems.add(file, f"its size is {show(texts)}; expected width and height in pixels")
        return None
    return int(width), int(height)
