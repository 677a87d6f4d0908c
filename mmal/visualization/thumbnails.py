"""Small pictures of images."""

import base64
import io
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from mmengine import fileio
from PIL import Image, ImageOps

#: Left, top, right, bottom in pixels of the image as it is shown.
Box = tuple[float, float, float, float]


class NoPictureError(ValueError):
    """There is no picture of an image; the message says why."""


@dataclass(frozen=True)
class Thumbnail:
    """A small picture of an image, or of a part of it.

    Attributes:
        image: The picture, RGB.
        scale: Its pixels a pixel of the image.
        origin: Where its upper left corner is in the image.
    """

    image: Image.Image
    scale: float
    origin: tuple[float, float]

    def place(self, points: Sequence[Sequence[float]]) -> np.ndarray:
        """Return where points of the image, shape (N, 2), are in the picture."""
        return (np.asarray(points, dtype=float).reshape(-1, 2) - self.origin) * self.scale

    def data_uri(self, quality: int = 72) -> str:
        """Return the picture as a JPEG inside an address."""
        stream = io.BytesIO()
        self.image.save(stream, "JPEG", quality=quality, optimize=True)
        return "data:image/jpeg;base64," + base64.b64encode(stream.getvalue()).decode()


def thumbnail(path: str | None, side: int = 240, part: Box | None = None) -> Thumbnail:
    """Make a small picture of an image, turned as its EXIF says.

    Args:
        path: The image, in a file or wherever mmengine reads.
        side: Length of the picture's longer side; smaller images stay as they are.
        part: What of it to show; by default all.

    Raises:
        NoPictureError: If there is no such file, or it is no image.
    """
    if not path:
        raise NoPictureError("the image has no file")
    try:
        with warnings.catch_warnings():
            # Of strange EXIF data and of large images: both are shown none the less.
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(fileio.get(path))) as image:
                longest = max(image.size)
                if part is None:
                    image.draft("RGB", (side, side))  # a JPEG decodes at a fraction of its size
                factor = max(image.size) / longest
                shown = _rgb(ImageOps.exif_transpose(image))
    except Exception as error:  # whatever a file server or a decoder stumbles over
        raise NoPictureError(f"{type(error).__name__}: {error}") from error
    origin = (0.0, 0.0)
    if part is not None and (box := _within(part, shown.size)) is not None:
        shown, origin = shown.crop(box), box[:2]
    longest = max(shown.size)
    if longest > side:
        size = [max(1, round(length * side / longest)) for length in shown.size]
        factor *= side / longest
        shown = shown.resize(size, Image.Resampling.LANCZOS)
    return Thumbnail(shown, factor, origin)


def _within(part: Box, size: tuple[int, int]) -> tuple[int, int, int, int] | None:
    left, top = max(0, int(part[0])), max(0, int(part[1]))
    right, bottom = min(size[0], int(part[2]) + 1), min(size[1], int(part[3]) + 1)
    return (left, top, right, bottom) if right - left > 1 and bottom - top > 1 else None


def _rgb(image: Image.Image) -> Image.Image:
    """Turn any kind of image into RGB; more than 8 bits are stretched over their range."""
    if image.mode.startswith(("I", "F")):
        values = np.asarray(image, dtype=np.float64)
        low, high = values.min(), values.max()
        image = Image.fromarray(((values - low) / (high - low or 1) * 255).astype(np.uint8))
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
        ground = Image.new("RGBA", image.size, "white")
        ground.alpha_composite(image)
        image = ground
    return image.convert("RGB")
