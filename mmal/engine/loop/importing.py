"""Labels on their way back from annotators."""

import dataclasses
import os
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from mmengine.dist import is_main_process

from mmal.datasets.audit.image_facts import ImageFacts
from mmal.datasets.exchange import FORMATS, read_labels, recognise
from mmal.datasets.exchange.label_studio_urls import name_of_upload
from mmal.structures import ImageLabels, LabelSchema, ObjectLabel
from mmal.utils import few

from .export import read_proposals
from .loop_data import LoopData
from .project import Project
from .steps import Import

#: A joint or a box may stick out by so many pixels without a word: tools round.
_ROUNDING = 1.0


@dataclass
class Delivery:
    """What a file of labels holds for a project.

    Attributes:
        labels: Finished labels by the image's id, new or other than those that were there.
        new: Ids of images that had no labels.
        changed: Ids of images whose labels are replaced.
        same: How many images have the labels that they had.
        skipped: Ids of images that annotators refused.
        untouched: Ids of images that nobody has looked at, for all that the file says: without
            objects, or with a model's proposals as they were.
        as_proposed: How many of the finished ones are a model's proposals, unchanged.
        clipped: How many boxes and joints stuck out of their image, and were cut at its edge or
            called not labelled.
        problems: What is wrong, by the name in the file.
        digests: Of the image files, by id.
    """

    labels: dict[str, ImageLabels] = field(default_factory=dict)
    new: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    same: int = 0
    skipped: list[str] = field(default_factory=list)
    untouched: list[str] = field(default_factory=list)
    as_proposed: int = 0
    clipped: int = 0
    problems: dict[str, str] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)


def read_delivery(
    project: Project,
    data: LoopData,
    path: str | os.PathLike,
    format_name: str | None = None,
    all_finished: bool = False,
    unpicked: bool = False,
) -> Delivery:
    """Read labels and compare them with the project and the image files; change nothing.

    Args:
        project: The project.
        data: Its data.
        path: What an annotation tool exported: a file, a folder or a ZIP archive.
        format_name: Its format; by default what it looks like.
        all_finished: Whether annotators are through with every image of the file, where the format
            cannot say: with those without objects, and those with a model's proposals.
        unpicked: Whether labels of images of the pool that were never picked are welcome.

    Raises:
        ExchangeError: If the file cannot be read.
    """
    # Photos that have another name by now go by the one that they were picked by.
    paths = {**project.images(), **data.located({**project.pending_digests, **project.labeled})[0]}
    names = _Names(paths)
    sizes = None
    if (format_name or recognise(path)) == "yolo":  # whose coordinates are shares of the image
        facts = data.facts(list(paths.values()))
        sizes = {i: facts[p].shown for i, p in paths.items() if not facts[p].problem}
    found = Delivery()
    images = read_labels(path, data.schema, format_name, sizes, found.problems)
    by_id: dict[str, ImageLabels] = {}
    for image in images:
        name, problem = names.find(image.name)
        if problem is None and name in by_id:
            problem = f"it is {name!r}, whose labels the file holds twice"
        if problem is None:
            by_id[name] = dataclasses.replace(image, name=name)
        else:
            found.problems[image.name] = problem
    facts = data.facts([paths[name] for name in by_id])
    taken = data.taken_digests()
    before = data.labels()
    proposed = read_proposals(project, data.schema)
    picked = {name for step in project.picks for name in step.picks} | before.keys()
    for name, image in by_id.items():
        fact = facts[paths[name]]
        found.digests[name] = fact.digest
        welcome = unpicked or name in picked
        problem = _refusal(image, fact, welcome, taken.get(fact.digest), name in before)
        if problem is None and image.skipped and name in {*project.skipped, *before}:
            found.same += 1  # labels that are there stay
        elif problem is None:
            asis = any(_like(image, other) for other in proposed.get(name, ()))
            unsure = image.finished is None and asis and not all_finished
            if unsure:
                found.untouched.append(name)
            else:
                _sort(found, image, fact, before.get(name), data.schema, all_finished)
                found.as_proposed += asis and name in found.labels
                taken.setdefault(fact.digest, "labelled")  # of two copies one is enough
        else:
            found.problems[image.name] = problem
    return found


def commit_delivery(
    project: Project, data: LoopData, delivery: Delivery, path: str | os.PathLike
) -> Import | None:
    """Add the labels of a delivery to the project.

    Args:
        project: The project; gets a step.
        data: Its data.
        delivery: What :func:`read_delivery` returned; what has a problem in it stays pending.
        path: Where it is from, to be told later.

    Returns:
        The step; None if nothing in it is new.
    """
    changes = [*delivery.new, *delivery.changed]
    if not changes and not delivery.skipped:
        return None
    number = sum(isinstance(step, Import) for step in project.steps)
    # Files of earlier imports stay: an import may be undone.
    folder = project.root / "labels" / f"{number:04d}"
    labels = {**data.labels(), **{name: delivery.labels[name] for name in changes}}
    if is_main_process():
        FORMATS["coco"].write(list(labels.values()), data.schema, folder)
    step = Import(
        file=str(path),
        labels=f"labels/{number:04d}/coco.json",
        new={name: delivery.digests[name] for name in delivery.new},
        changed=list(delivery.changed),
        skipped={name: delivery.digests[name] for name in delivery.skipped},
    )
    project.take(step)
    return step


def _refusal(
    image: ImageLabels, fact: ImageFacts, welcome: bool, taken: str | None, labelled: bool
) -> str | None:
    """Say why an image's labels are refused, whatever they are."""
    if fact.problem:
        return f"the image {fact.detail or 'does not exist'}"
    if taken == "in the test set":
        return "the image is in the test set of the config"
    if not welcome:
        return (
            "it is in the pool, but was never picked. Give --unpicked if its labels are welcome "
            "nevertheless"
        )
    if taken == "labelled" and not labelled:
        return "a copy of the image (the same bytes under another name) is labelled already"
    if image.size is not None and tuple(image.size) != fact.shown:
        stated = "x".join(map(str, image.size))
        shown = "x".join(map(str, fact.shown))
        turned = " The tool did not turn the photo as its EXIF data say." if fact.turned else ""
        return f"the labels are for an image of {stated} pixels, but the file has {shown}.{turned}"
    return None


def _sort(
    found: Delivery,
    image: ImageLabels,
    fact: ImageFacts,
    before: ImageLabels | None,
    schema: LabelSchema,
    all_finished: bool,
) -> None:
    """Put an image's labels where they belong in a delivery."""
    name = image.name
    if image.skipped:
        found.skipped.append(name)
        return
    of_classes = schema.kind == "classes"
    empty = image.image_class is None if of_classes else not image.objects
    unsure = image.finished is None and (empty or image.model is not None) and not all_finished
    if image.finished is False or unsure or (of_classes and empty):
        found.untouched.append(name)
        return
    objects = []
    for number, item in enumerate(image.objects, 1):
        if item.box is None and not (item := _boxed(item)).box:
            found.problems[name] = f"object {number} ({item.name}) has neither box nor joints"
            return
        inside, clipped = _inside(item, fact.shown)
        found.clipped += clipped
        if inside is None:
            box = tuple(round(edge, 1) for edge in item.box or ())
            found.problems[name] = (
                f"object {number} ({item.name}) has the box {box}, which has no area inside the "
                f"image of {fact.shown[0]}x{fact.shown[1]} pixels"
            )
            return
        objects.append(inside)
    labels = ImageLabels(name, fact.shown, tuple(objects), image.image_class, finished=True)
    if before is not None and _rounded(before) == _rounded(labels):
        found.same += 1
        return
    found.labels[name] = labels
    (found.new if before is None else found.changed).append(name)


def _boxed(item: ObjectLabel) -> ObjectLabel:
    """Give a person without a box one around the labelled joints, a tenth wider on each side."""
    places = [(x, y) for x, y, visible in item.keypoints if visible > 0]
    if not places:
        return item
    left, top = (min(values) for values in zip(*places, strict=True))
    right, bottom = (max(values) for values in zip(*places, strict=True))
    x, y = max(0.1 * (right - left), 1), max(0.1 * (bottom - top), 1)
    return dataclasses.replace(item, box=(left - x, top - y, right + x, bottom + y))


def _like(image: ImageLabels, proposed: ImageLabels) -> bool:
    """Whether labels are what was proposed, but for what formats and tools round."""
    if image.image_class != proposed.image_class or len(image.objects) != len(proposed.objects):
        return False
    return all(
        any(_same_place(item, other) for other in proposed.objects) for item in image.objects
    )


def _same_place(item: ObjectLabel, other: ObjectLabel) -> bool:
    pairs = list(zip(item.box or (), other.box or (), strict=False))
    for (x, y, seen), (u, v, shown) in zip(item.keypoints, other.keypoints, strict=False):
        pairs += [(x, u), (y, v)] if seen and shown else []
    return item.name == other.name and all(abs(a - b) <= _ROUNDING for a, b in pairs)


def _rounded(image: ImageLabels) -> tuple:
    """What makes labels others than before: files round in the last digits."""
    objects = [
        (
            item.name,
            item.ignored,
            item.box and tuple(round(edge, 3) for edge in item.box),
            [(round(x, 3), round(y, 3), visible) for x, y, visible in item.keypoints],
        )
        for item in image.objects
    ]
    return image.image_class, objects


def _inside(item: ObjectLabel, size: tuple[int, int]) -> tuple[ObjectLabel | None, int]:
    """Cut an object at the edges of its image; None if nothing of it is inside.

    Returns:
        The object, without what a model had to do with it, and how much was cut.
    """
    width, height = size
    clipped = 0
    box = item.box
    if box is not None:
        left, top, right, bottom = box
        box = (max(left, 0.0), max(top, 0.0), min(right, width), min(bottom, height))
        clipped += max(abs(a - b) for a, b in zip(box, item.box, strict=True)) > _ROUNDING
        if not (box[2] > box[0] and box[3] > box[1]):
            return None, 0
    joints = []
    for x, y, visible in item.keypoints:
        outside = not (
            -_ROUNDING <= x <= width + _ROUNDING and -_ROUNDING <= y <= height + _ROUNDING
        )
        clipped += outside and visible > 0
        joints.append((0.0, 0.0, 0) if outside else (x, y, visible))
    return dataclasses.replace(item, box=box, keypoints=tuple(joints), score=None), clipped


class _Names:
    """Finds the id that an annotation tool's name of an image means.

    Args:
        ids: All ids of the pool.
    """

    def __init__(self, ids: Iterable[str]) -> None:
        self._by_base: dict[str, list[str]] = defaultdict(list)
        for name in ids:
            self._by_base[PurePosixPath(name).name].append(name)

    def find(self, name: str) -> tuple[str, str | None]:
        """Return the id, and what is wrong if there is none, or more than one.

        The folders that both have must be the same; tools leave some out, or put others in front.
        """
        base = PurePosixPath(name).name
        for ending in dict.fromkeys((base, name_of_upload(base))):
            whole = name.removesuffix(base) + ending
            found = [
                i
                for i in self._by_base.get(ending, ())
                if i == whole or i.endswith(f"/{whole}") or whole.endswith(f"/{i}")
            ]
            inner = [i for i in found if len(i) <= len(whole)]
            if len(found) == 1 or inner:
                return max(inner or found, key=len), None
            if found:
                return name, f"it may be any of {few(sorted(found))}: the folder is missing"
        return name, "no image of the pool has that name"
