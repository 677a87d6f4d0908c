"""Addresses of images in Label Studio, and the names that are in them."""

import posixpath
import re
from urllib.parse import parse_qs, quote, unquote, urlsplit

_LOCAL = "/data/local-files/"
#: An uploaded file: Label Studio puts eight digits in front of its name.
_UPLOADED = re.compile(r"^(?:.*/)?(?:data/)?upload/\d+/(?:[0-9a-f]{8}-)?(?P<name>[^/]+)$")
_PREFIXED = re.compile(r"^[0-9a-f]{8}-")


def local_files_url(name: str, prefix: str = "") -> str:
    """Return the address of an image in a folder that Label Studio serves itself.

    Args:
        name: The image's name.
        prefix: The folder of the images, relative to Label Studio's
            ``LOCAL_FILES_DOCUMENT_ROOT``.

    Example:
        >>> local_files_url("a b.jpg", prefix="images")
        '/data/local-files/?d=images/a%20b.jpg'
    """
    return f"{_LOCAL}?d={quote(posixpath.join(prefix, name))}"


def name_of_url(url: str) -> str:
    """Return the name of the image at an address, or that a plain name already is.

    Example:
        >>> name_of_url("/data/upload/3/0a1b2c3d-cat.jpg")
        'cat.jpg'
        >>> name_of_url("s3://bucket/pets/cat%201.jpg")
        'pets/cat%201.jpg'
    """
    if uploaded := _UPLOADED.match(unquote(urlsplit(url).path) if "://" in url else unquote(url)):
        return uploaded["name"]
    scheme = url.partition("://")[0] if "://" in url else ""
    if scheme and not scheme.startswith("http"):
        # Of a bucket's key nothing is quoted, and # and ? are part of it.
        return url.partition("://")[2].partition("/")[2]
    if not scheme and not url.startswith("/data/") and not url.startswith("/storage-data/"):
        return url
    parts = urlsplit(url)
    query = parse_qs(parts.query, keep_blank_values=True)
    if parts.path.rstrip("/").endswith(_LOCAL.rstrip("/")) and "d" in query:
        # Not from the parsed query, to which a plus is a blank.
        return unquote(re.search(r"(?:^|&)d=([^&]*)", parts.query)[1])
    if "filepath" in query:
        return name_of_url(query["filepath"][0])
    return unquote(parts.path).lstrip("/")


def name_of_upload(name: str) -> str:
    """Return the name that an uploaded file had.

    Example:
        >>> name_of_upload("0a1b2c3d-cat.jpg")
        'cat.jpg'
    """
    return _PREFIXED.sub("", name)
