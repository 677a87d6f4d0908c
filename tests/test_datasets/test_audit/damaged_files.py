"""Small annotation files of every layout, with random damage, for property tests."""

import copy
import json
import math
import xml.etree.ElementTree as ET
from collections.abc import Callable

from hypothesis import strategies as st

CLASSES = ("cat", "dog")
WIDTH, HEIGHT = 48, 40
#: What people, exporters and disks put in place of a value.
RUBBISH = [
    *(None, True, math.nan, math.inf, "", "7", "x", "cat", " ", "1.5", "nan", "a\0b", "\ud800"),
    *(-1, 0, 1, 2, 3, 0.5, 39.5, -7.25, 48, 1e300, 10**400, [], {}, [[]], [1], [1, 2, 3, 4]),
    *([0.1, 0.2, 0.3, 0.4], [[1, 2, 3, 4, 5, 6]], {"size": [40, 48], "counts": [1920]}, "2.jpg"),
]


#: The same as texts, of those that XML can hold.
TEXTS = [str(value) for value in RUBBISH if value not in ("a\0b", "\ud800", 10**400)]
#: Lines that image lists have, or should not have.
LINES = ["1", "2", "2", "", " ", "2 1", "1.jpg", "3", "../1", "\t2", "2\0", "é"]


def spots(node: object) -> list[tuple[object, object]]:
    """List every value inside as (container, key)."""
    if isinstance(node, (dict, list)):
        keys = list(node) if isinstance(node, dict) else range(len(node))
        return [spot for key in keys for spot in [(node, key), *spots(node[key])]]
    return []


def hurt(draw: Callable, content: object) -> object:
    """Damage one to three values of what a JSON file holds."""
    content = copy.deepcopy(content)
    for _ in range(draw(st.integers(0, 3))):
        found = spots(content)
        if not found:
            return content
        node, key = draw(st.sampled_from(found))
        how = draw(st.sampled_from(["replace", "replace", "drop", "twice", "swap"]))
        if how == "replace":
            node[key] = copy.deepcopy(draw(st.sampled_from(RUBBISH)))
        elif how == "drop":
            del node[key]
        elif how == "twice" and isinstance(node, list):
            node.append(copy.deepcopy(node[key]))
        elif how == "swap":
            other, place = draw(st.sampled_from(found))
            if not spots(node[key]) and not spots(other[place]):
                node[key], other[place] = other[place], node[key]
    return content


def spoil(draw: Callable, content: bytes) -> bytes:
    """Cut a file off, put a byte order mark before it, or change a byte; mostly do nothing."""
    how = draw(st.sampled_from(["keep"] * 9 + ["cut", "mark", "byte"]))
    place = draw(st.integers(0, len(content)))
    if how == "cut":
        return content[:place]
    if how == "mark":
        return b"\xef\xbb\xbf" + content
    if how == "byte":
        return content[:place] + bytes([draw(st.integers(0, 255))]) + content[place + 1 :]
    return content


@st.composite
def coco_files(draw: Callable) -> bytes:
    number = st.integers(0, 36)
    size = st.one_of(st.integers(1, 20), st.sampled_from([0, 0.5, 2.25, 60]))
    images = [
        dict(id=i, file_name=f"{i}.jpg", width=WIDTH, height=HEIGHT)
        for i in range(1, draw(st.integers(1, 3)) + 1)
    ]
    annotations = []
    for i in range(draw(st.integers(0, 5))):
        box = [draw(number), draw(number), draw(size), draw(size)]
        annotation = dict(id=i, image_id=draw(st.integers(1, len(images))), bbox=box)
        annotation.update(category_id=draw(st.integers(0, 1)), area=box[2] * box[3], iscrowd=0)
        annotations.append(annotation)
    categories = [dict(id=i, name=name) for i, name in enumerate(CLASSES)]
    content = dict(images=images, annotations=annotations, categories=categories)
    return spoil(draw, json.dumps(hurt(draw, content)).encode())


def people(draw: Callable, joints: int) -> list[list[list[float]]]:
    """Draw a few people: a list of [x, y, visibility] each."""
    place = st.one_of(st.integers(0, 47), st.sampled_from([0.5, -3]))
    joint = st.tuples(place, place, st.integers(0, 1))
    return [
        list(map(list, draw(st.lists(joint, min_size=joints, max_size=joints))))
        for _ in range(draw(st.integers(1, 4)))
    ]


@st.composite
def keypoint_files(draw: Callable) -> bytes:
    annotations = []
    for i, joints in enumerate(people(draw, 3)):
        box = [draw(st.integers(0, 40)), 2, draw(st.integers(0, 20)), 9.5]
        count = sum(level > 0 for *_, level in joints)
        annotation = dict(id=i, image_id=draw(st.integers(1, 2)), category_id=1, bbox=box, area=9)
        flat = [value for joint in joints for value in joint]
        annotation.update(iscrowd=0, num_keypoints=count, keypoints=flat, segmentation=[])
        annotations.append(annotation)
    images = [dict(id=i, file_name=f"{i}.jpg", width=WIDTH, height=HEIGHT) for i in (1, 2)]
    content = dict(images=images, annotations=annotations, categories=[dict(id=1, name="person")])
    return spoil(draw, json.dumps(hurt(draw, content)).encode())


@st.composite
def mpii_files(draw: Callable) -> bytes:
    content = [
        dict(
            image=f"{draw(st.integers(1, 3))}.jpg",
            center=[draw(st.integers(0, 40)), 20.5],
            scale=draw(st.sampled_from([0.2, 0.1, 1])),
            joints=[joint[:2] for joint in joints],
            joints_vis=[joint[2] for joint in joints],
        )
        for joints in people(draw, 3)
    ]
    return spoil(draw, json.dumps(hurt(draw, content)).encode())


@st.composite
def voc_files(draw: Callable) -> dict[str, bytes]:
    """Return the content of 1.xml, 2.xml and of the list."""
    files = {}
    for name in ("1", "2"):
        root = ET.Element("annotation")
        size = ET.SubElement(root, "size")
        ET.SubElement(size, "width").text, ET.SubElement(size, "height").text = "48", "40"
        for _ in range(draw(st.integers(0, 3))):
            item = ET.SubElement(root, "object")
            ET.SubElement(item, "name").text = draw(st.sampled_from(CLASSES))
            ET.SubElement(item, "difficult").text = draw(st.sampled_from("001"))
            box = ET.SubElement(item, "bndbox")
            left, top = draw(st.integers(1, 30)), draw(st.integers(1, 25))
            corners = zip(
                ("xmin", "ymin", "xmax", "ymax"), (left, top, left + 9, top + 8), strict=True
            )
            for corner, value in corners:
                ET.SubElement(box, corner).text = str(value)
        for _ in range(draw(st.integers(0, 2))):
            parents = [node for node in root.iter() if len(node)]
            if not parents:
                break
            parent = draw(st.sampled_from(parents))
            child = draw(st.sampled_from(list(parent)))
            how = draw(st.sampled_from(["text", "text", "drop", "twice"]))
            if how == "text":
                child.text = draw(st.sampled_from(TEXTS))
            elif how == "drop":
                parent.remove(child)
            else:
                parent.append(copy.deepcopy(child))
        files[f"{name}.xml"] = spoil(draw, ET.tostring(root))
    lines = [*draw(st.lists(st.sampled_from(LINES), max_size=1)), "1", "2"]
    text = draw(st.sampled_from(["\n", "\r\n"])).join(draw(st.permutations(lines)))
    files["train.txt"] = spoil(draw, text.encode())
    return files
