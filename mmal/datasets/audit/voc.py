"""Annotations in PASCAL VOC layout: an XML file an image, a list of names."""

import codecs
import os
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence

from mmengine.fileio import get, get_text

from mmal.utils import tracked

from ..image_folder import IMAGE_SUFFIXES
from .coco_file import LIMIT
from .stated import (
    SetAudit,
    StatedImage,
    StatedObject,
    box_problem,
    compare_objects,
    describe,
    is_share,
    unknown_class,
)

_CORNERS = ("xmin", "ymin", "xmax", "ymax")
#: The encoding that the first line of an XML file declares.
_DECLARED = re.compile(rb"""<\?xml[^>]*encoding=["']([\w.-]+)["']""")


def audit_voc(audit: SetAudit) -> tuple[list[dict], list[StatedImage]]:
    """Compare the XML files of a data set with what it hands out.

    Returns:
        What the data set hands out, unfiltered, and what its files state.
    """
    # A user's own class may read its list in another way.
    reads = type(audit.dataset).load_data_list.__module__
    if reads.startswith("mmdet.") and not _check_list(audit):
        return [], []
    infos, failed = audit.load()
    offset = _offset(audit, infos)
    images = []
    for info in tracked(infos, "checking annotations"):
        key = info["img_id"]
        path = info.get("xml_path") or _xml_path(audit, key)
        # Where the file has no size, the data set has looked at the image.
        size = (info["width"], info["height"]) if "width" in info else None
        image = _read(audit, key, path, size, offset)
        if image is None:
            continue
        images.append(image)
        if (error := failed.get(key)) is not None:
            audit.add("unreadable", path, "", f"{type(audit.dataset).__name__} says {error!r}")
        else:
            compare_objects(audit, image, info)
    return infos, images


def _xml_path(audit: SetAudit, key: str) -> str:
    dataset = audit.dataset
    return os.path.join(dataset.sub_data_root, dataset.ann_subdir, f"{key}.xml")


def _check_list(audit: SetAudit) -> bool:
    """Check the list of names; return whether the data set can read what it names."""
    path = audit.dataset.ann_file
    try:
        text = get_text(path, backend_args=audit.dataset.backend_args)
    except UnicodeDecodeError as error:
        audit.add("unreadable", path, "", f"it is not in UTF-8: {error}")
        return False
    except OSError as error:
        audit.add("unreadable", path, "", error)
        return False
    lines = text.removesuffix("\n").split("\n") if text else []
    if not lines:
        audit.add("nothing-stated", path, "", "the list is empty")
        return False
    seen: dict[str, int] = {}
    good = True
    for number, line in enumerate(lines, 1):
        name = line.rstrip("\r")
        if problem := _line_problem(audit, name):
            audit.add("list-line", path, f"line {number}", f"{name!r} {problem}")
            good = False
        elif name in seen:
            audit.add("listed-twice", path, f"line {number}", f"{name} is on line {seen[name]}")
        seen.setdefault(name, number)
    return good


def _line_problem(audit: SetAudit, name: str) -> str | None:
    if name.startswith("\ufeff"):
        return "begins with a byte order mark"
    if not name.strip():
        return "is blank"
    if "\0" in name:
        return "has a null character"
    if name != name.strip():
        return "begins or ends with a blank"
    if len(name.split()) > 1 and not os.path.isfile(_xml_path(audit, name)):
        return "has a second column"
    folder, _, base = name.replace("\\", "/").rpartition("/")
    stem, suffix = os.path.splitext(base)
    is_file_name = suffix.lower() in (*IMAGE_SUFFIXES, ".xml")
    # A plain name is looked for when its file is read.
    if not (folder or is_file_name) or os.path.isfile(_xml_path(audit, name)):
        return None
    if not os.path.isfile(_xml_path(audit, stem if is_file_name else base)):
        return None
    parts = [f"the folder {folder}"] * bool(folder) + [f"the suffix {suffix}"] * is_file_name
    return f"has {' and '.join(parts)}"


def _offset(audit: SetAudit, infos: Sequence[dict]) -> int:
    """What the data set subtracts from coordinates: VOC's count from 1, others' from 0."""
    if audit.is_stock:
        family = [cls.__name__ for cls in type(audit.dataset).__mro__]
        return 0 if "WIDERFaceDataset" in family else 1
    for info in infos:
        if not info.get("instances"):
            continue
        try:
            root = ET.fromstring(_content(audit, info["xml_path"]))
            stated = {tuple(int(float(text)) for text in _corners(o)) for o in root.iter("object")}
        except Exception:  # found and named when the file's turn comes
            continue
        return 0 if tuple(info["instances"][0]["bbox"]) in stated else 1
    return 1


def _read(
    audit: SetAudit, key: str, path: str, size: tuple[int, int] | None, offset: int
) -> StatedImage | None:
    """Read an XML file; where loading would stumble over it, note that and return None.

    Args:
        audit: Where findings go.
        key: The image's name.
        path: The file.
        size: Width and height where the file has none.
        offset: What the data set subtracts from coordinates.
    """
    content = b""
    try:
        content = _content(audit, path)
        root = ET.fromstring(content)
    except FileNotFoundError:
        audit.add("path-missing", path, "", f"{key} is listed in {audit.dataset.ann_file}")
        return None
    except (ET.ParseError, OSError, ValueError, LookupError) as error:
        audit.add("unreadable", path, "", f"it does not parse: {error}{_encoding_hint(content)}")
        return None
    problems = list(_value_problems(root, audit.classes))
    for kind, place, value in problems:
        audit.add(kind, path, place, value)
    if problems:
        return None
    if (stated := root.find("size")) is not None:
        size = (int(stated.findtext("width")), int(stated.findtext("height")))
    hidden = sum(_is_object(item) for item in root.iter()) - len(root.findall("object"))
    if hidden > 0:
        value = f"{hidden} elements are objects by name, but are not read: of an XML namespace, "
        audit.add("object-lost", path, "", f"{value}in upper case or nested")
    image = StatedImage(key, path, key, size)
    for number, item in enumerate(root.findall("object"), 1):
        _add_object(audit, image, f"object {number}", item, offset)
    return image


def _encoding_hint(content: bytes) -> str:
    """Say of a file that does not parse that its encoding is why, if it is."""
    declared = _DECLARED.search(content[:200].replace(b"\0", b""))
    declared = declared[1].decode() if declared else "utf-8"
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\0" in content[:4]:
        found = "UTF-16"
    elif not _is_utf8(content):
        found = "another encoding than UTF-8"
    elif declared.lower() not in ("utf-8", "utf8", "us-ascii"):
        found = "UTF-8"
    else:
        return ""
    advice = 'save it in UTF-8, with encoding="utf-8" in its first line'
    return f"; it is in {found}, and read as {declared}: {advice}"


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True


def _content(audit: SetAudit, path: str) -> bytes:
    if audit.dataset.backend_args is None:
        with open(path, "rb") as file:  # mmengine's backend costs more than the reading
            return file.read()
    return get(path, backend_args=audit.dataset.backend_args)


def _value_problems(root: ET.Element, classes: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    """Yield kind, place and value of what MMDetection's ``int(…)`` would stumble over."""
    size = root.find("size")
    if size is not None:
        for key in ("width", "height"):
            if not _is_integer(text := size.findtext(key)):
                yield "value-wrong", f"size/{key}", _found(text, "a whole number")
    for number, item in enumerate(root.findall("object"), 1):
        place = f"object {number}"
        if item.find("name") is None:
            yield "key-missing", place, "has no name"
        elif item.findtext("name") in classes:  # others are left out before the rest is read
            difficult = item.find("difficult")
            if difficult is not None and not _is_integer(difficult.text):
                yield "value-wrong", f"{place}, difficult", _found(difficult.text, "0 or 1")
            for corner, text in zip(_CORNERS, _corners(item), strict=True):
                if not _is_finite(text):
                    yield "value-wrong", f"{place}, bndbox/{corner}", _found(text, "a number")


def _is_object(item: ET.Element) -> bool:
    return isinstance(item.tag, str) and item.tag.rpartition("}")[2].lower() == "object"


def _corners(item: ET.Element) -> list[str | None]:
    """The texts of an object's corners; None for each that is missing."""
    box = item.find("bndbox")
    return [None if box is None else box.findtext(corner) for corner in _CORNERS]


def _found(text: str | None, expected: str) -> str:
    return f"is {'missing' if text is None else repr(text)}; expected {expected}"


def _is_integer(text: str | None) -> bool:
    try:
        return text is not None and int(text) is not None
    except ValueError:
        return False


def _is_finite(text: str | None) -> bool:
    try:
        # Of what is larger loading or a transform makes no integer.
        return text is not None and abs(float(text)) < LIMIT
    except ValueError:
        return False


def _add_object(
    audit: SetAudit, image: StatedImage, place: str, item: ET.Element, offset: int
) -> None:
    """Add what an ``object`` element states to the image, and note what is odd about it."""
    label = item.findtext("name")
    if label not in audit.classes:
        image.objects.append(StatedObject(place, label, None, unknown_class(audit, label)))
        return
    written = tuple(map(float, _corners(item)))
    left, top, right, bottom = box = tuple(int(v) - offset for v in written)
    difficult = int(item.findtext("difficult", "0")) != 0
    smallest = audit.dataset.bbox_min_size
    small = smallest is not None and min(right - left, bottom - top) < smallest
    stated = StatedObject(place, label, box, ignored=difficult or small)
    image.objects.append(stated)
    if difficult:
        audit.add("flag-ignored", image.file, place, "difficult")
    elif small:
        audit.add("box-min-size", image.file, place, describe(stated, image))
    if is_share(written):
        audit.add("box-shares", image.file, place, f"{label!r} {list(written)}")
    elif left > right or top > bottom:
        audit.add("box-inverted", image.file, place, f"{label!r} {[int(v) for v in written]}")
    elif left == right or top == bottom:
        if not stated.ignored and (kind := _kind_without_size(audit)):
            audit.add(kind, image.file, place, f"{label!r} {[int(v) for v in written]}")
    elif kind := box_problem(box, image.size):
        audit.add(kind, image.file, place, describe(stated, image))


def _kind_without_size(audit: SetAudit) -> str | None:
    """What a box without size means in the data set's pipeline."""
    names = [type(transform).__name__ for transform in audit.dataset.pipeline.transforms]
    if audit.dataset.test_mode or not names:
        return None
    if "FilterAnnotations" in names:
        return "box-filtered"
    # The pipeline of a wrapper, such as Mosaic's, goes on elsewhere.
    return "box-no-size" if names[-1].startswith("Pack") else None
