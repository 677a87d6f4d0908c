"""Boxes, masks and joints, drawn over an image."""

import colorsys
from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke

Color = tuple[float, float, float]

#: Of what training ignores, and of what has no colour of its own.
GREY: Color = (0.6, 0.6, 0.6)
_FONT = 6.5
#: How many letters of that size a tile of a sheet is wide.
_LETTERS = 60


def palette(count: int) -> list[Color]:
    """Return ``count`` colours that are easy to tell apart, none of them grey, always the same."""
    few = [color for color in matplotlib.colormaps["tab10"].colors if np.ptp(color) > 0.1]
    if count <= len(few):
        return few[:count]
    # In steps of the golden ratio hues stay as far apart as so many can.
    return [colorsys.hsv_to_rgb(i * 0.618034 % 1, 0.85, 0.95 - 0.3 * (i % 2)) for i in range(count)]


def draw_image(axes: Axes, image: np.ndarray) -> None:
    """Draw an image so that a pixel covers one unit, the first of them 0 to 1, as boxes count.

    Args:
        axes: Get no ticks.
        image: Of shape (H, W, 3).
    """
    height, width = image.shape[:2]
    axes.imshow(image, extent=(0, width, height, 0), interpolation="nearest")
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)
    axes.set_xticks([])
    axes.set_yticks([])


def draw_masks(axes: Axes, masks: np.ndarray, colors: Sequence[Color]) -> None:
    """Draw masks of shape (N, H, W) as films over an image."""
    if not masks.size:
        return
    film = np.zeros((*masks.shape[1:], 4))
    for mask, color in zip(masks, colors, strict=True):
        film[mask > 0] = (*color, 0.45)
    height, width = masks.shape[1:]
    axes.imshow(film, extent=(0, width, height, 0), interpolation="nearest")


def draw_boxes(
    axes: Axes,
    boxes: np.ndarray,
    names: Sequence[str],
    colors: Sequence[Color],
    dashed: bool = False,
) -> None:
    """Draw boxes with their names.

    Args:
        axes: With an image.
        boxes: Left, top, right, bottom in pixels, of shape (N, 4).
        names: Of each box.
        colors: Of each box.
        dashed: Draw dashed lines.
    """
    line = dict(fill=False, linewidth=1.4, linestyle="--" if dashed else "-")
    # A pale rim, since a box may have the colour of what is around it.
    rim = [withStroke(linewidth=2.2, foreground="white", alpha=0.6)]
    # The largest first: names of small objects stay on top.
    order = np.argsort(-np.prod(boxes[:, 2:] - boxes[:, :2], axis=1), kind="stable")
    for i in order:
        left, top, right, bottom = boxes[i]
        size = right - left, bottom - top
        axes.add_patch(Rectangle((left, top), *size, edgecolor=colors[i], path_effects=rim, **line))
    for i in order:
        _write_name(axes, boxes[i], names[i], colors[i])


def _write_name(axes: Axes, box: np.ndarray, name: str, color: Color) -> None:
    """Write a name above a box, or where the image ends within it."""
    (_, width), (height, _) = axes.get_xlim(), axes.get_ylim()
    to_right = box[0] / width + len(name) / _LETTERS > 1  # else it would end beyond the image
    above = box[1] > 0.07 * height
    axes.text(
        np.clip(box[2] if to_right else box[0], 0, width),
        np.clip(box[1], 0, height),
        name,
        fontsize=_FONT,
        color=readable_on(color),
        ha="right" if to_right else "left",
        va="bottom" if above else "top",
        bbox=dict(facecolor=color, edgecolor="none", pad=0.8, alpha=0.85),
        clip_on=True,
    )


def write_classes(axes: Axes, names: Sequence[str], colors: Sequence[Color]) -> None:
    """Write the classes of a whole image into its upper left corner, one below the other.

    Args:
        axes: With an image.
        names: Of the classes.
        colors: Of each class.
    """
    for line, (name, color) in enumerate(zip(names, colors, strict=True)):
        axes.annotate(
            name,
            (0, 1),
            (2, -2 - 11 * line),
            xycoords="axes fraction",
            textcoords="offset points",
            fontsize=_FONT,
            color=readable_on(color),
            va="top",
            bbox=dict(facecolor=color, edgecolor="none", pad=1.2, alpha=0.85),
        )


def draw_person(
    axes: Axes,
    joints: np.ndarray,
    visible: np.ndarray,
    colors: Sequence[Color],
    links: Sequence[tuple[int, int]],
    link_colors: Sequence[Color],
    numbered: bool = True,
) -> None:
    """Draw the visible joints of a person with their numbers, and the links between such.

    Args:
        axes: With an image.
        joints: In pixels, counted from the middle of the first one, of shape (K, 2).
        visible: Of shape (K,), more than 0 where a joint is visible.
        colors: Of each joint.
        links: Pairs of joints.
        link_colors: Of each link.
        numbered: Whether to write the numbers.
    """
    joints = joints + 0.5  # a joint is the middle of a pixel, and the image begins at its edge
    seen = [(i, link) for i, link in enumerate(links) if all(visible[j] > 0 for j in link)]
    lines = [joints[list(link)] for _, link in seen]
    axes.add_collection(
        LineCollection(lines, colors=[link_colors[i] for i, _ in seen], linewidths=1.6),
        autolim=False,
    )
    for number in np.flatnonzero(visible > 0):
        x, y = joints[number]
        axes.plot(x, y, "o", color=colors[number], markersize=3.5, mec="black", mew=0.4)
        if not numbered:
            continue
        axes.annotate(
            str(number),
            (x, y),
            (3, 3),
            textcoords="offset points",
            fontsize=_FONT,
            color=readable_on(colors[number]),
            bbox=dict(facecolor=colors[number], edgecolor="none", pad=0.5, alpha=0.8),
            annotation_clip=True,
        )


def readable_on(color: Color) -> str:
    """Return black or white, whichever is read on a colour."""
    return "black" if np.dot(color, (0.299, 0.587, 0.114)) > 0.55 else "white"
