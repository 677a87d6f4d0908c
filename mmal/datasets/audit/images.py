"""What image files are, whatever their annotations say."""

import hashlib
import io
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
from mmengine.dist import all_gather_object, get_dist_info
from mmengine.fileio import get
from PIL import Image

from mmal.utils import tracked, wait_for_all

from .image_cache import ImageCache
from .image_facts import ImageFacts

_ORIENTATION = 0x0112  # the EXIF tag
_PART = 500  # images
_JPEG, _PNG = b"\xff\xd8", b"\x89PNG"


def inspect_images(
    paths: Mapping[str, dict | None], cache: ImageCache | None = None
) -> dict[str, ImageFacts]:
    """Look at image files: are they there, whole, and how large.

    Every image is decoded, as small as the decoder can make it. Threads share the work (reading,
    decoding and hashing release Python's lock), and under several processes each does its share.

    Args:
        paths: The files, each with the arguments of its mmengine file backend; None for local
            files.
        cache: Remembers what was seen of files that have not changed since.

    Returns:
        The facts by path, in every process those of all.
    """
    rank, world_size = get_dist_info()
    share = list(paths)[rank::world_size]
    local = [path for path in share if is_local(path, paths[path])]
    mine = cache.lookup(local) if cache is not None else {}
    new = [path for path in share if path not in mine]
    with ThreadPoolExecutor() as pool:
        # In parts, so that what was seen is remembered if the rest is interrupted.
        for begin in tracked(range(0, len(new), _PART), "checking images"):
            part = new[begin : begin + _PART]
            seen = dict(zip(part, pool.map(inspect_image, part, map(paths.get, part)), strict=True))
            if cache is not None:
                known = set(local)
                cache.store({path: fact for path, fact in seen.items() if path in known})
            mine |= seen
    facts: dict[str, ImageFacts] = {}
    wait_for_all()  # one may have looked at slow files for long
    for part in all_gather_object(mine):
        facts.update(part)
    return facts


def is_local(path: str, backend_args: dict | None) -> bool:
    """Whether an image is a file here, not one of another backend of mmengine."""
    return backend_args is None and "://" not in path


def inspect_image(path: str, backend_args: dict | None = None) -> ImageFacts:
    """Look at one image file."""
    try:
        if is_local(path, backend_args):
            with open(path, "rb") as file:
                content = file.read()
        else:
            content = get(path, backend_args=backend_args)
    except FileNotFoundError:
        return ImageFacts("image-missing")
    except (OSError, ValueError) as error:
        return ImageFacts("image-unreadable", f"cannot be read: {error}")
    buffer = np.frombuffer(content, dtype=np.uint8)
    if not _decodes(content, buffer):
        detail = "is empty" if not content else "is no image that OpenCV decodes"
        return ImageFacts("image-unreadable", detail)
    size, turned = _header(content, buffer)
    digest = hashlib.blake2b(content, digest_size=16).hexdigest()
    if _is_truncated(content):
        return ImageFacts("image-truncated", f"{len(content)} bytes", size, turned, digest)
    return ImageFacts(None, "", size, turned, digest)


def _decodes(content: bytes, buffer: np.ndarray) -> bool:
    # Only JPEG is quicker to decode small; others would be resized afterwards.
    is_jpeg = content.startswith(_JPEG)
    flags = cv2.IMREAD_REDUCED_GRAYSCALE_8 if is_jpeg else cv2.IMREAD_GRAYSCALE
    try:
        return bool(content) and cv2.imdecode(buffer, flags) is not None
    except cv2.error:  # of sizes that it refuses
        return False


def _header(content: bytes, buffer: np.ndarray) -> tuple[tuple[int, int], bool]:
    """Width and height as stored, and whether EXIF lays the image on its side."""
    try:
        with Image.open(io.BytesIO(content)) as image:
            size, orientation = image.size, image.getexif().get(_ORIENTATION, 1)
        if orientation < 5 or size[0] == size[1]:
            return size, False
        # Pillow also takes what OpenCV, which loads the images, does not read (XMP, AVIF).
        height, width = cv2.imdecode(buffer, cv2.IMREAD_COLOR).shape[:2]
        return size, (width, height) != size
    except Exception:  # a format that OpenCV knows and Pillow does not, or broken EXIF
        height, width = cv2.imdecode(buffer, cv2.IMREAD_UNCHANGED).shape[:2]
        return (width, height), False


def _is_truncated(content: bytes) -> bool:
    """Whether a JPEG or PNG lacks its end; decoders fill what is missing with grey."""
    if content.startswith(_JPEG):
        # What follows the end, such as the film of a motion photo, is no harm.
        return content.find(b"\xff\xd9", _first_scan(content)) < 0
    return content.startswith(_PNG) and b"IEND" not in content


def _first_scan(content: bytes) -> int:
    """Where the first scan of a JPEG begins, after all segments (a thumbnail is in one of them)."""
    place = 2
    while place + 4 <= len(content) and content[place] == 0xFF:
        marker = content[place + 1]
        if marker == 0xDA:
            break
        # Fill bytes have no length.
        place += 1 if marker == 0xFF else 2 + int.from_bytes(content[place + 2 : place + 4], "big")
    return place
