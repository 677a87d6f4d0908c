"""Names of images that can be trusted with a place below a folder."""

import posixpath
import re

#: What XML 1.0 cannot hold, or does not keep as it is.
_NOT_XML = re.compile("[^\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def name_problem(name: object) -> str | None:
    """Say why something cannot be the name of an image; None if it can.

    A name is relative, stays below its folder, and has forward slashes.
    """
    if not isinstance(name, str) or not name.strip():
        return "has no file name"
    if "\0" in name:
        return "its name has a null character"
    if "\\" in name:
        return "its name has a backslash; expected forward slashes between folders"
    if name.startswith("/"):
        return "its name is absolute; expected one relative to the folder of the images"
    if ".." in name.split("/"):
        return "its name leads out of the folder of the images (..)"
    if name != posixpath.normpath(name):
        return f"its name has parts that mean nothing; expected {posixpath.normpath(name)!r}"
    return None


def xml_problem(text: str) -> str | None:
    """Say why a text cannot be kept in an XML file; None if it can."""
    if (found := _NOT_XML.search(text)) is None:
        return None
    if "\udc80" <= found[0] <= "\udcff":
        return "is not UTF-8, which XML cannot hold: rename it, or use the format coco"
    return f"has the character {found[0]!r}, which XML cannot hold: rename it"


def is_utf8(text: str) -> bool:
    """Whether a name is one in UTF-8; others have bytes that Python escapes as surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
