"""What CVAT has to know of the classes and joints before labels can be drawn or uploaded."""

import math
import xml.etree.ElementTree as ET
from xml.sax.saxutils import quoteattr

from mmal.structures import LabelSchema

from .xml_file import add

#: Attributes that a label's shapes have: name, how it is edited, value to begin with.
_ATTRIBUTES = (("ignored", "checkbox", "false"), ("score", "text", ""))
_TYPES = {"boxes": "rectangle", "keypoints": "skeleton", "classes": "tag"}


def box_label(name: str) -> str:
    """Return the label of the box around a skeleton: CVAT's skeletons have no box of their own."""
    return f"{name} box"


def cvat_labels(schema: LabelSchema) -> list[dict]:
    """Return what is pasted into the ``Raw`` tab of CVAT's constructor of labels."""
    attributes = [] if schema.kind == "classes" else [_raw(*entry) for entry in _ATTRIBUTES]
    labels = []
    for name in schema.classes:
        label = {"name": name, "type": _TYPES[schema.kind], "attributes": attributes}
        if schema.kind == "keypoints":
            label["svg"] = skeleton_svg(schema)
            label["sublabels"] = [
                {"name": joint, "type": "points", "attributes": []} for joint in schema.keypoints
            ]
        labels.append(label)
    if schema.kind == "keypoints":
        labels += [
            {"name": box_label(name), "type": "rectangle", "attributes": attributes}
            for name in schema.classes
        ]
    return labels


def _raw(name: str, input_type: str, value: str) -> dict:
    return {
        "name": name,
        "input_type": input_type,
        "mutable": False,
        "values": [value],
        "default_value": value,
    }


def skeleton_svg(schema: LabelSchema) -> str:
    """Return CVAT's template of a skeleton: the joints on a circle, joined as the schema says."""
    count = len(schema.keypoints)
    places = [
        (
            round(50 + 40 * math.sin(2 * math.pi * i / count), 2),
            round(50 - 40 * math.cos(2 * math.pi * i / count), 2),
        )
        for i in range(count)
    ]
    lines = [
        f'<line x1="{places[a][0]}" y1="{places[a][1]}" x2="{places[b][0]}" y2="{places[b][1]}" '
        f'data-type="edge" data-node-from="{a + 1}" data-node-to="{b + 1}"></line>'
        for a, b in schema.skeleton
    ]
    circles = [
        f'<circle r="0.75" cx="{x}" cy="{y}" data-type="element node" data-element-id="{i}" '
        f'data-node-id="{i}" data-label-name={quoteattr(name)}></circle>'
        for i, (name, (x, y)) in enumerate(zip(schema.keypoints, places, strict=True), 1)
    ]
    return "".join(lines + circles)


def add_labels(parent: ET.Element, schema: LabelSchema) -> None:
    """Append the definitions of labels as CVAT's exports have them."""
    labels = add(parent, "labels")
    for label in cvat_labels(schema):
        _add_label(labels, label)
        for joint in label.get("sublabels", ()):
            add(_add_label(labels, joint), "parent", label["name"])


def _add_label(labels: ET.Element, label: dict) -> ET.Element:
    element = add(labels, "label")
    add(element, "name", label["name"])
    add(element, "type", label["type"])
    attributes = add(element, "attributes")
    for attribute in label["attributes"]:
        entry = add(attributes, "attribute")
        for tag in ("name", "mutable", "input_type", "default_value"):
            add(entry, tag, str(attribute[tag]))
        add(entry, "values", "\n".join(attribute["values"]))
    if "svg" in label:
        add(element, "svg", label["svg"])
    return element
