"""A contact sheet of the pictures that a round picked."""

import os
import textwrap
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mmal.structures import ImageLabels
from mmal.utils import atomic_path

from .annotations import draw_boxes, draw_image, draw_person, palette, write_classes
from .report.overlay import part_of, shown_objects
from .report.structures import MOST_PICKS, PickedImage
from .text import plain
from .thumbnails import NoPictureError, Thumbnail, thumbnail

_COLUMNS = 6
#: Inches that a tile is wide and high, its title included, and dots an inch.
_WIDTH, _HEIGHT, _DPI = 2.3, 2.3, 90


def plot_picks(picks: Sequence[PickedImage], path: str | os.PathLike, title: str = "") -> None:
    """Draw the pictures that were picked, best first, with what the model predicts in them.

    Above each are its rank, its id and its first fact, which is the score. A picture that cannot be
    read is a tile that says why.

    Args:
        picks: Best first; of more than :data:`MOST_PICKS` the first.
        path: The image file; its ending says which format.
        title: Of the sheet.
    """
    shown = list(picks)[:MOST_PICKS]
    columns = min(max(len(shown), 2), _COLUMNS)
    rows = max(-(-len(shown) // columns), 1)
    width, height = columns * _WIDTH, rows * _HEIGHT + 0.4
    figure = Figure(figsize=(width, height), dpi=_DPI)
    head = 0.4 / height
    figure.subplots_adjust(0.01, 0.01, 0.99, 1 - head - 0.36 / height, 0.06, 0.3)
    tiles = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in tiles:
        axes.axis("off")
    colors = _colors(shown)
    for axes, pick in zip(tiles, shown, strict=False):
        _draw(axes, pick, colors)
    figure.suptitle(plain(title), fontsize=9, x=0.01, ha="left", y=1 - 0.35 * head)
    with atomic_path(path) as tmp:
        figure.savefig(tmp)


def _colors(picks: Sequence[PickedImage]) -> dict[str, tuple]:
    names = {thing.name for pick in picks for labels in pick.labels for thing in labels.objects}
    names |= {labels.image_class for p in picks for labels in p.labels if labels.image_class}
    return dict(zip(sorted(names), palette(len(names)), strict=True))


def _draw(axes: Axes, pick: PickedImage, colors: dict[str, tuple]) -> None:
    facts = "".join(f"\n{name} {value}" for name, value in pick.facts[:1])
    name = plain(os.path.basename(pick.id) or pick.id)
    axes.set_title(f"{pick.rank}. {name[-34:]}{facts}", fontsize=6.5, pad=3, loc="left")
    try:
        small = thumbnail(pick.path, 240, part_of(pick))
    except NoPictureError as error:
        text = "\n".join(textwrap.wrap(plain(f"no picture: {error}"), 34)[:6])
        axes.text(0.02, 0.95, text, va="top", fontsize=6.5, color="tab:red")
        return
    draw_image(axes, np.asarray(small.image))
    for labels in pick.labels:
        _draw_labels(axes, labels, small, colors, pick.skeleton)


def _draw_labels(
    axes: Axes,
    labels: ImageLabels,
    small: Thumbnail,
    colors: dict[str, tuple],
    skeleton: Sequence[tuple[int, int]],
) -> None:
    if labels.image_class:
        score = "" if labels.score is None else f" {labels.score:.2f}"
        write_classes(axes, [labels.image_class + score], [colors[labels.image_class]])
    things, _ = shown_objects(labels)
    people = [thing for thing in things if thing.keypoints]
    for person in people:
        joints = small.place([joint[:2] for joint in person.keypoints]) - 0.5
        seen = np.array([joint[2] > 1 for joint in person.keypoints], dtype=int)
        of_joints, of_links = palette(len(joints)), [(0.2, 0.9, 0.3)] * len(skeleton)
        draw_person(axes, joints, seen, of_joints, skeleton, of_links, numbered=False)
    boxes = [thing for thing in things if thing.box is not None and not thing.keypoints]
    if boxes:
        corners = small.place([thing.box for thing in boxes]).reshape(-1, 4)
        names = [f"{b.name} {b.score:.2f}" if b.score is not None else b.name for b in boxes]
        draw_boxes(axes, corners, names, [colors[b.name] for b in boxes])
