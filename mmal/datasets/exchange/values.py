"""Numbers out of files, and what is made of them."""

import math
from collections.abc import Sequence

from mmal.structures import ImageLabels

#: No coordinate is as far from the image as this; what is not between is no number of pixels.
LIMIT = 1e9

Box = tuple[float, float, float, float]


def is_number(value: object) -> bool:
    """Whether a value of JSON is a finite number of pixels (which true is not)."""
    return type(value) in (int, float) and -LIMIT < value < LIMIT


def to_number(text: str | None) -> float | None:
    """Return the finite number that a text is; None if it is none."""
    try:
        value = float(text)
    except (TypeError, ValueError):
        return None
    # Python takes the underscore of its own literals.
    return value if -LIMIT < value < LIMIT and "_" not in text else None


def to_text(value: float) -> str:
    """Return the shortest text that is read as the same number."""
    value = float(value)
    return str(int(value)) if value.is_integer() else repr(value)


def box_around(
    x: float, y: float, width: float, height: float, turned: float, pivot: tuple[float, float]
) -> Box:
    """Return the upright box around one that was turned.

    Args:
        x: Left edge before it was turned.
        y: Top edge.
        width: Its width.
        height: Its height.
        turned: Degrees, clockwise as seen on the screen.
        pivot: x and y of the point that it was turned around.
    """
    if not turned:
        return (x, y, x + width, y + height)
    sin, cos = math.sin(math.radians(turned)), math.cos(math.radians(turned))
    corners = [(px - pivot[0], py - pivot[1]) for px in (x, x + width) for py in (y, y + height)]
    xs = [pivot[0] + cx * cos - cy * sin for cx, cy in corners]
    ys = [pivot[1] + cx * sin + cy * cos for cx, cy in corners]
    return (min(xs), min(ys), max(xs), max(ys))


def by_priority(images: Sequence[ImageLabels]) -> list[ImageLabels]:
    """Return images, what to label first in front; those without a priority last, as they come."""
    return sorted(images, key=lambda image: _rank(image.priority))


def _rank(priority: float | None) -> float:
    return math.inf if priority is None else -priority
