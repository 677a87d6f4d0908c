"""What image files are, whatever their annotations say."""

import hashlib
import io
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
from mmengine.dist import all_gather_object, get_dist_info
from mmengine.fileio import get
from PIL import Image
from rich.progress import track

from .image_cache import ImageCache
from .image_facts import ImageFacts

_ORIENTATION = 0x0112  # the EXIF tag
_JPEG, _PNG = b"\xff\xd8", b"\x89PNG"


def inspect_images(
    paths: Sequence[str], backend_args: dict | None = None, cache: ImageCache | None = None
) -> dict[str, ImageFacts]:
    """Look at image files: are they there, whole, and how large.

    Every image is decoded, as small as the decoder can make it. Threads share the work (reading,
    decoding and hashing release Python's lock), and under several processes each does its share.

    Args:
        paths: The files, without duplicates.
        backend_args: Of mmengine's file backends; None for local files.
        cache: Remembers what was seen of files that have not changed since.

    Returns:
        The facts by path, in every process those of all.
    """
    rank, world_size = get_dist_info()
    share = list(paths)[rank::world_size]
    known = cache.lookup(share) if cache is not None and backend_args is None else {}
    new = [path for path in share if path not in known]
    with ThreadPoolExecutor() as pool:
        found = pool.map(lambda path: inspect_image(path, backend_args), new)
        found = track(
            found, "checking images", total=len(new), transient=True, disable=rank != 0 or not new
        )
        seen = dict(zip(new, found, strict=True))
    if cache is not None and backend_args is None:
        cache.store(seen)
    facts: dict[str, ImageFacts] = {}
    for part in all_gather_object({**known, **seen}):
        facts.update(part)
    return facts


def inspect_image(path: str, backend_args: dict | None = None) -> ImageFacts:
    """Look at one image file."""
    try:
        if backend_args is None:
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
            return image.size, image.getexif().get(_ORIENTATION, 1) >= 5
    except Exception:  # a format that OpenCV knows and Pillow does not, or broken EXIF
        height, width = cv2.imdecode(buffer, cv2.IMREAD_UNCHANGED).shape[:2]
        return (width, height), False


def _is_truncated(content: bytes) -> bool:
    """Whether a JPEG or PNG lacks its end; decoders fill what is missing with grey."""
    if content.startswith(_JPEG):
        # The last scan must be closed. In its data these bytes cannot occur; a thumbnail has its
        # own pair before.
        return content.rfind(b"\xff\xd9") < content.rfind(b"\xff\xda")
    if content.startswith(_PNG):
        return b"IEND" not in content[-4096:]
    return False
