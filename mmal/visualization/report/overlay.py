"""What a model predicts, over a thumbnail."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.colors import to_rgb

from mmal.structures import ImageLabels, ObjectLabel

from ..annotations import readable_on
from ..text import printable
from ..thumbnails import Box, Thumbnail
from .structures import ReportImage

#: Boxes of at least this score are shown; of an image without such the best few, dashed.
SURE = 0.3
_UNSURE = 3
#: Boxes of an image that are shown at the most.
_MOST = 12
#: Of these so many are named.
_NAMED = 5
#: Units that the longer side of a picture has, however many pixels: letters have the same size.
_UNITS = 240
#: How much of its size is shown around a person.
_MARGIN = 0.35


@dataclass(frozen=True)
class Mark:
    """A box in units of an overlay; its name, which may be empty, stands at (x, text_y) in ink."""

    x: float
    y: float
    width: float
    height: float
    color: str
    ink: str
    text: str
    text_y: float
    sure: bool


@dataclass(frozen=True)
class Overlay:
    """Marks over a picture.

    Attributes:
        width: Of the picture, in units of the marks.
        height: The same.
        marks: Boxes.
        links: x1, y1, x2, y2 of lines between joints.
        joints: x, y and whether the joint is seen.
    """

    width: float = 0
    height: float = 0
    marks: tuple[Mark, ...] = ()
    links: tuple[tuple[float, ...], ...] = ()
    joints: tuple[tuple[float, float, bool], ...] = ()


def shown_objects(labels: ImageLabels) -> tuple[list[ObjectLabel], bool]:
    """Return the objects that are worth showing, and whether the model is sure of them."""
    things = list(labels.objects)
    sure = [t for t in things if t.keypoints or t.score is None or t.score >= SURE]
    return (sure[:_MOST], True) if sure else (things[:_UNSURE], False)


def part_of(image: ReportImage) -> Box | None:
    """Return the part of an image to show: of a person its box, or its joints, and some margin."""
    things = [thing for labels in image.labels for thing in labels.objects]
    if not image.zoom or not things:
        return None
    corners = [point for t in things if t.box for point in (t.box[:2], t.box[2:])]
    corners += [joint[:2] for t in things for joint in t.keypoints if not t.box]
    if not corners:
        return None
    low, high = np.min(corners, axis=0), np.max(corners, axis=0)
    margin = _MARGIN * (high - low).max()
    return (*(low - margin).tolist(), *(high + margin).tolist())


def overlay(
    labels: Iterable[ImageLabels],
    skeleton: Sequence[tuple[int, int]],
    small: Thumbnail,
    colors: Mapping[str, str],
) -> Overlay:
    """Return what is to be drawn over a thumbnail.

    Args:
        labels: What is predicted.
        skeleton: Pairs of joints that a line is drawn between.
        small: The thumbnail.
        colors: Of each class.
    """
    units = _UNITS / max(small.image.size)
    marks: list[Mark] = []
    links: list[tuple[float, ...]] = []
    joints: list[tuple[float, float, bool]] = []
    for found in labels:
        things, sure = shown_objects(found)
        for thing in things:
            if thing.keypoints:
                places = small.place([joint[:2] for joint in thing.keypoints]) * units
                places = places.round(1).tolist()
                seen = [joint[2] > 1 for joint in thing.keypoints]
                joints += [(x, y, s) for (x, y), s in zip(places, seen, strict=True)]
                links += [(*places[a], *places[b]) for a, b in skeleton if max(a, b) < len(places)]
            elif thing.box is not None:
                marks.append(_mark(thing, sure, small, units, colors, len(marks) < _NAMED))
    width, height = (round(length * units, 1) for length in small.image.size)
    return Overlay(width, height, tuple(marks), tuple(links), tuple(joints))


def described(labels: Iterable[ImageLabels]) -> str:
    """Say in words what is predicted."""
    parts = []
    for found in labels:
        if found.image_class is not None:
            parts.append(_named(found.image_class, found.score))
        things, sure = shown_objects(found)
        words = [_in_words(thing) for thing in things[:_NAMED]]
        more = len([t for t in found.objects if (t.score or 1) >= SURE]) - len(words)
        words += [f"{more} more"] if sure and more > 0 else []
        if words and not sure:
            words[0] = f"nothing of {SURE} or more; at best {words[0]}"
        parts += words
    return printable(", ".join(parts)) if parts else "nothing"


def _in_words(thing: ObjectLabel) -> str:
    if not thing.keypoints:
        return _named(thing.name, thing.score)
    sure = sum(joint[2] > 1 for joint in thing.keypoints)
    return f"{sure} of {len(thing.keypoints)} joints with confidence"


def _named(name: str, score: float | None) -> str:
    return name if score is None else f"{name} {score:.2f}"


def _mark(
    thing: ObjectLabel,
    sure: bool,
    small: Thumbnail,
    units: float,
    colors: Mapping[str, str],
    named: bool,
) -> Mark:
    corners = small.place([thing.box[:2], thing.box[2:]]).clip(0, small.image.size) * units
    (left, top), (right, bottom) = corners.round(1).tolist()
    color = colors.get(thing.name, "#999999")
    return Mark(
        left,
        top,
        round(right - left, 1),
        round(bottom - top, 1),
        color,
        readable_on(to_rgb(color)),
        printable(_named(thing.name, thing.score)) if named else "",
        top - 3 if top > 13 else top + 10,
        sure,
    )
