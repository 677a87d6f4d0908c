"""Reading and writing XML of labels."""

import codecs
import re
import xml.etree.ElementTree as ET
from contextlib import suppress
from pathlib import Path
from xml.parsers import expat

from mmal.utils import atomic_path

from .problems import ExchangeError, Problems
from .source import Source

_FIRST_TAG = re.compile(r"<([A-Za-z_][\w.:-]*)")
_NO_TAG = re.compile(r"<!--.*?-->|<\?.*?\?>|<!DOCTYPE[^>\[]*(\[.*?\])?[^>]*>", re.DOTALL)


class _Begun(Exception):  # noqa: N818 (no error: it ends the look at what is before the root)
    """The first element has come."""


def root_tag(source: Source, name: str) -> str | None:
    """Return the name of a file's outermost element, from its beginning; None if there is none."""
    content = source.read(name, 1 << 14)
    utf_16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    text = content.decode("utf-16" if utf_16 else "utf-8", errors="replace")
    found = _FIRST_TAG.search(_NO_TAG.sub("", text))
    return found and found[1]


def parse_xml(problems: Problems, source: Source, name: str) -> ET.Element | None:
    """Return a file's outermost element; note why it cannot be read, and return None.

    Entities are refused: one that is made of others can fill all memory, and one that names a file
    would bring it in.
    """
    content = source.read(name)
    try:
        _refuse_entities(content)
        return ET.fromstring(content)
    except ExchangeError as error:
        problems.add(name, str(error))
    except (ET.ParseError, expat.ExpatError) as error:
        problems.add(name, f"it is no XML: {error}{_encoding_hint(content)}")
    except (LookupError, ValueError) as error:  # an encoding that Python or expat does not know
        problems.add(name, f"its encoding cannot be read ({error}): save it in UTF-8")
    return None


def _refuse_entities(content: bytes) -> None:
    def refuse(entity: str, *_: object) -> None:
        raise ExchangeError(f"it declares the entity {entity!r}, which no tool does: not read")

    def begin(*_: object) -> None:
        raise _Begun

    parser = expat.ParserCreate()
    parser.EntityDeclHandler = refuse
    parser.StartElementHandler = begin
    with suppress(_Begun):
        parser.Parse(content, True)


def _encoding_hint(content: bytes) -> str:
    try:
        content.decode()
    except UnicodeDecodeError:
        return "; it is not in UTF-8: save it so, or name its encoding in the first line"
    return ""


def write_xml(path: Path, root: ET.Element) -> Path:
    """Write a file, atomically; return its path."""
    ET.indent(root)
    with atomic_path(path) as tmp:
        tmp.write_bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n")
    return path


def add(parent: ET.Element, tag: str, text: str = "", **attributes: str) -> ET.Element:
    """Append an element with a text, and return it."""
    element = ET.SubElement(parent, tag, attributes)
    element.text = text
    return element
