"""CVAT for images 1.1: one XML file."""

import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from mmal.structures import ImageLabels, LabelSchema, ObjectLabel

from .base import Exchange, Sizes
from .cvat_labels import add_labels, box_label, cvat_labels
from .image_names import xml_problem
from .json_file import write_json
from .problems import Problems, class_problem, joint_problem, show
from .source import Source
from .values import box_around, to_number, to_text
from .xml_file import add, parse_xml, root_tag, write_xml

_EDGES = ("xtl", "ytl", "xbr", "ybr")
#: What CVAT calls the source of shapes that no person has touched.
_UNTOUCHED = ("auto", "file")


class Cvat(Exchange):
    """CVAT for images 1.1, and the definitions of labels that a task in CVAT needs.

    A person's skeleton and box are two shapes of one group, the box with a label of its own
    (``person box``). Image classes are tags.
    """

    name = "cvat"
    title = "CVAT for images 1.1"
    kinds = ("boxes", "keypoints", "classes")

    def _files(self, source: Source) -> Iterable[str]:
        return (name for name in source.ending(".xml") if root_tag(source, name) == "annotations")

    def _problem_with(self, image: ImageLabels, schema: LabelSchema) -> Iterator[str]:
        if problem := xml_problem(image.name):
            yield f"its name {problem}"

    def _checked(self, images: Sequence[ImageLabels], schema: LabelSchema) -> list[ImageLabels]:
        problems = Problems(f"Labels for {self.title}")
        for name in (*schema.classes, *schema.keypoints):
            if problem := xml_problem(name):
                problems.add(f"the name {show(name)}", problem)
            if schema.keypoints and box_label(name) in schema.classes:
                problem = f"CVAT's label of its box is {box_label(name)!r}, a class, too: rename it"
                problems.add(f"class {name!r}", problem)
        problems.raise_any()
        return super()._checked(images, schema)

    def _write(
        self, images: Sequence[ImageLabels], schema: LabelSchema, target: Path
    ) -> list[Path]:
        root = ET.Element("annotations")
        add(root, "version", "1.1")
        task = add(add(root, "meta"), "task")
        add(task, "size", str(len(images)))
        add(task, "mode", "annotation")
        add_labels(task, schema)
        for number, image in enumerate(images):
            _add_image(root, number, image, schema)
        return [
            write_xml(target / "annotations.xml", root),
            write_json(target / "cvat_labels.json", cvat_labels(schema)),
        ]

    def _read(
        self,
        source: Source,
        names: Sequence[str],
        schema: LabelSchema,
        problems: Problems,
        sizes: Sizes | None,
    ) -> Iterator[ImageLabels]:
        for name in names:
            root = parse_xml(problems, source, name)
            if root is None:
                continue
            if root.find("track") is not None:
                problem = "it is CVAT for video; export the task as 'CVAT for images 1.1'"
                problems.add(name, problem)
                continue
            for element in root.findall("image"):
                with problems.of(element.get("name")):
                    labels = _ImageReader(problems, schema, element).read()
                yield labels


def _add_image(root: ET.Element, number: int, image: ImageLabels, schema: LabelSchema) -> None:
    element = add(root, "image", id=str(number), name=image.name)
    if image.size is not None:
        element.set("width", str(int(image.size[0])))
        element.set("height", str(int(image.size[1])))
    # CVAT passes over these: what still has them did not come from it.
    for key in ("model", "priority", "score"):
        if (value := getattr(image, key)) is not None:
            element.set(key, str(value))
    source = "manual" if image.model is None else "auto"
    for group, item in enumerate(image.objects, 1):
        _add_object(element, group, item, schema, source)
    if image.image_class is not None:
        add(element, "tag", label=image.image_class, source=source)


def _add_object(
    image: ET.Element, group: int, item: ObjectLabel, schema: LabelSchema, source: str
) -> None:
    grouped = {"z_order": "0"}
    if schema.keypoints:
        grouped["group_id"] = str(group)
    if item.box is not None:
        label = box_label(item.name) if schema.keypoints else item.name
        edges = {edge: to_text(v) for edge, v in zip(_EDGES, item.box, strict=True)}
        shape = add(image, "box", label=label, source=source, occluded="0", **edges, **grouped)
        _add_attributes(shape, item)
    if item.keypoints:
        shape = add(image, "skeleton", label=item.name, source=source, **grouped)
        for name, (x, y, visible) in zip(schema.keypoints, item.keypoints, strict=True):
            add(
                shape,
                "points",
                label=name,
                source=source,
                outside=str(int(visible == 0)),
                occluded=str(int(visible == 1)),
                points=f"{to_text(x)},{to_text(y)}",
            )
        _add_attributes(shape, item)


def _add_attributes(shape: ET.Element, item: ObjectLabel) -> None:
    if item.ignored:
        add(shape, "attribute", "true", name="ignored")
    if item.score is not None:
        add(shape, "attribute", to_text(item.score), name="score")


class _ImageReader:
    """Reads one image.

    Args:
        problems: Where what is wrong goes.
        schema: What there is to be labelled.
        element: The image's element.
    """

    def __init__(self, problems: Problems, schema: LabelSchema, element: ET.Element) -> None:
        self.problems = problems
        self.schema = schema
        self.element = element
        self.name = element.get("name")
        self.box_names = {box_label(name): name for name in schema.classes if schema.keypoints}

    def read(self) -> ImageLabels:
        objects: dict[object, ObjectLabel] = {}
        classes: list[str] = []
        touched = False
        for number, shape in enumerate(self.element, 1):
            if (item := self._shape(f"{shape.tag} {number}", shape)) is None:
                continue
            if isinstance(item, str):
                classes.append(item)
            else:
                self._add(objects, number, shape, item)
            touched |= shape.get("source", "manual") not in _UNTOUCHED
        if len(set(classes)) > 1:
            self._note("", f"it has the tags {show(classes)}; expected one")
        model = self.element.get("model")
        return ImageLabels(
            name=self.name,
            size=self._size(),
            objects=tuple(objects.values()),
            image_class=classes[0] if classes else None,
            finished=None if model is not None else touched or None,
            priority=to_number(self.element.get("priority")),
            model=model,
            score=to_number(self.element.get("score")),
        )

    def _note(self, place: str, problem: str) -> None:
        place = ", ".join(filter(None, (f"image {show(self.name)}", place)))
        self.problems.add(place, problem)

    def _size(self) -> tuple[int, int] | None:
        texts = [self.element.get(edge) for edge in ("width", "height")]
        if texts == [None, None]:
            return None
        width, height = map(to_number, texts)
        if not (width and height and width > 0 and height > 0):
            self._note("", f"width and height are {show(texts)}; expected numbers of pixels")
            return None
        return int(width), int(height)

    def _shape(self, place: str, shape: ET.Element) -> ObjectLabel | str | None:
        """Return what a shape states, or the class that a tag does; None if it is not read."""
        fitting = {"boxes": ("box",), "keypoints": ("box", "skeleton"), "classes": ("tag",)}
        if shape.tag not in fitting[self.schema.kind]:
            # A tag may well stand beside the boxes that are asked for.
            if self.schema.kind == "classes" or shape.tag == "tag":
                return None
            expected = " or ".join(fitting[self.schema.kind])
            self._note(place, f"a {shape.tag} is drawn; expected {expected}. Delete or redraw it")
            return None
        label = shape.get("label")
        name = self.box_names.get(label, label) if shape.tag == "box" else label
        if problem := class_problem(name, self.schema):
            self._note(place, problem)
            return None
        if shape.tag == "tag":
            return name
        drawn = self._box(place, shape) if shape.tag == "box" else self._skeleton(place, shape)
        if drawn is None:
            return None
        box, keypoints = (drawn, ()) if shape.tag == "box" else (None, drawn)
        attributes = {a.get("name"): (a.text or "").strip() for a in shape.findall("attribute")}
        ignored = attributes.get("ignored", "").lower() == "true"
        return ObjectLabel(name, box, keypoints, ignored, to_number(attributes.get("score")))

    def _box(self, place: str, shape: ET.Element) -> tuple[float, ...] | None:
        keys = (*_EDGES, "rotation")
        texts = [shape.get(key, "0" if key == "rotation" else None) for key in keys]
        values = list(map(to_number, texts))
        for key, text, value in zip(keys, texts, values, strict=True):
            if value is None:
                self._note(place, f"{key} is {show(text)}; expected a number")
                return None
        left, top, right, bottom, turned = values
        if not turned:
            return (left, top, right, bottom)
        centre = ((left + right) / 2, (top + bottom) / 2)
        return box_around(left, top, right - left, bottom - top, turned, centre)

    def _skeleton(self, place: str, shape: ET.Element) -> tuple | None:
        found: dict[str, tuple[float, float, int]] = {}
        for point in shape.findall("points"):
            joint = point.get("label")
            x, y = map(to_number, [*point.get("points", "").split(","), "", ""][:2])
            problem = joint_problem(joint, self.schema)
            if problem is None and joint in found:
                problem = f"the keypoint {joint!r} is there twice"
            if problem is None and (x is None or y is None):
                problem = f"points of {joint!r} is {show(point.get('points'))}; expected x,y"
            if problem is not None:
                self._note(place, problem)
                return None
            outside, occluded = (point.get(key) == "1" for key in ("outside", "occluded"))
            found[joint] = (0.0, 0.0, 0) if outside else (x, y, 1 if occluded else 2)
        return tuple(found.get(name, (0.0, 0.0, 0)) for name in self.schema.keypoints)

    def _add(self, objects: dict, number: int, shape: ET.Element, item: ObjectLabel) -> None:
        """Add what a shape states to that of its group, of which it is the box or the skeleton."""
        group = shape.get("group_id", "0")
        if not self.schema.keypoints or group == "0":
            objects[number] = item
            return
        key = (group, item.name)
        if (other := objects.get(key)) is None:
            objects[key] = item
        elif (item.box is None) == (other.box is None):
            problem = f"the group {group} has more than one {shape.tag} of {item.name!r}"
            self._note(f"{shape.tag} {number}", f"{problem}: group each person by itself")
        else:
            objects[key] = replace(
                other,
                box=other.box or item.box,
                keypoints=other.keypoints or item.keypoints,
                ignored=other.ignored or item.ignored,
                score=item.score if other.score is None else other.score,
            )
