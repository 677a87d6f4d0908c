"""Label Studio's labelling interface for a schema."""

import xml.etree.ElementTree as ET

from mmal.structures import LabelSchema

from .image_names import xml_problem
from .problems import ExchangeError, show

#: Names of the interface's controls, which results refer to.
IMAGE = "image"
BOX, JOINT, CLASS = "box", "joint", "class"
BOX_STATE, JOINT_STATE = "box_state", "joint_state"
#: Choices of a region.
IGNORED, HIDDEN = "ignored", "hidden"

# Far apart in hue, and readable on a photograph.
_COLOURS = (
    *("#e6194b", "#3cb44b", "#4363d8", "#f58231", "#911eb4", "#008080"),
    *("#f032e6", "#808000", "#9a6324", "#000075", "#e6a100", "#800000"),
)


def labeling_config(schema: LabelSchema) -> str:
    """Return the XML of a project's settings, ``Labeling Interface``, ``Code``.

    Raises:
        ExchangeError: If a name cannot be written in XML.
    """
    for name in (*schema.classes, *schema.keypoints):
        if problem := xml_problem(name):
            raise ExchangeError(f"Labels for Label Studio: the name {show(name)} {problem}.")
    root = ET.Element("View")
    ET.SubElement(root, "Image", name=IMAGE, value="$image", zoom="true", zoomControl="true")
    if schema.kind == "classes":
        control = _control(root, "Choices", CLASS, choice="single", showInline="true")
        for name in schema.classes:
            ET.SubElement(control, "Choice", value=name)
    else:
        control = _control(root, "RectangleLabels", BOX)
        _add_labels(control, schema.classes)
        _add_state(root, BOX_STATE, BOX, IGNORED)
    if schema.keypoints:
        control = _control(root, "KeyPointLabels", JOINT, strokeWidth="2")
        _add_labels(control, schema.keypoints, numbered=True)
        _add_state(root, JOINT_STATE, JOINT, HIDDEN)
    ET.indent(root)
    return ET.tostring(root, encoding="unicode") + "\n"


def _control(root: ET.Element, tag: str, name: str, **attributes: str) -> ET.Element:
    return ET.SubElement(root, tag, name=name, toName=IMAGE, **attributes)


def _add_labels(control: ET.Element, names: tuple[str, ...], numbered: bool = False) -> None:
    for i, name in enumerate(names):
        label = ET.SubElement(control, "Label", value=name, background=_COLOURS[i % len(_COLOURS)])
        if numbered:  # the order of the joints in Label Studio's own exports to COCO and YOLO
            label.set("model_index", str(i))


def _add_state(root: ET.Element, name: str, of: str, choice: str) -> None:
    """Append a checkbox that is shown while a region is selected."""
    control = _control(
        *(root, "Choices", name),
        choice="multiple",
        perRegion="true",
        visibleWhen="region-selected",
        whenTagName=of,
    )
    ET.SubElement(control, "Choice", value=choice)
