"""Sets of images compared with each other, by path and by content."""

import hashlib
import os
from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from .classes import SetClasses
from .image_facts import ImageFacts
from .report import AuditReport

_EVALUATION = ("val", "test")


@dataclass(frozen=True)
class Picture:
    """An image of a set.

    Attributes:
        set_name: ``train``, ``val``, ``test`` or ``pool``.
        path: Its file.
        file: The annotation file that states it, or the folder.
        key: The data set's id of it.
        size: Width and height that the annotation states.
        turns: Whether loading turns it as EXIF says.
        labelled: Whether it has an annotation.
        label: The class of the whole image, if it has one.
    """

    set_name: str
    path: str
    file: str
    key: Hashable
    size: tuple[int, int] | None = None
    turns: bool = True
    labelled: bool = True
    label: str = ""


def compare_pictures(
    pictures: Sequence[Picture], facts: Mapping[str, ImageFacts], report: AuditReport
) -> None:
    """Find images that occur twice in a set, or in two sets that must have none in common."""
    real = {path: os.path.realpath(path) for path in {p.path for p in pictures}}
    by_path: dict[str, list[Picture]] = defaultdict(list)
    for picture in pictures:
        by_path[real[picture.path]].append(picture)
    for same in by_path.values():
        _report_pairs(same, "", report)
    # Of one path one picture a set is enough to look for others of the same content.
    by_digest: dict[str, list[Picture]] = defaultdict(list)
    for same in by_path.values():
        fact = facts.get(same[0].path)
        if fact is not None and fact.digest:
            by_digest[fact.digest] += {picture.set_name: picture for picture in same}.values()
    for same in by_digest.values():
        if len({real[picture.path] for picture in same}) > 1:
            _report_pairs(same, "the same bytes as ", report)


def picture_digest(image: np.ndarray) -> str:
    """Return what tells the contents of images in memory apart."""
    return hashlib.blake2b(np.ascontiguousarray(image).tobytes(), digest_size=16).hexdigest()


def compare_in_memory(
    sets: Sequence[tuple[SetClasses, Sequence[str]]], report: AuditReport
) -> None:
    """Find data sets in memory that hold test images: the same split, as a rule, and not a few.

    Published sets have a few duplicates between training and test, which nobody can remove.

    Args:
        sets: Of each data set its name and source, and the digests of its images.
        report: Where findings go.
    """
    for tested, digests in sets:
        for other, others in sets:
            if tested.set_name not in _EVALUATION or other.set_name in _EVALUATION:
                continue
            common = len(set(digests) & set(others))
            if common and common > 0.05 * len(digests):
                value = f"{common} of {len(digests)} images of {tested.file}"
                both = f"{other.set_name} and {tested.set_name}"
                report.add(both, "also-in-test", other.file, "", value)


def compare_pool(pictures: Sequence[Picture], report: AuditReport) -> None:
    """Find images of the pool that a training set in VOC layout could not hold."""
    for picture in pictures:
        if picture.set_name == "pool" and not picture.path.endswith(".jpg"):
            report.add("pool", "pool-format", picture.path)


def find_equal_names(pictures: Sequence[Picture], report: AuditReport) -> None:
    """Find files of equal names in two folders of images without labels."""
    first: dict[str, str] = {}
    for picture in pictures:
        if picture.set_name != "pool" or picture.labelled:
            continue
        name = os.path.basename(picture.path)
        other = first.setdefault(name, picture.path)
        if other != picture.path:
            report.add("pool", "names-equal", picture.path, "", f"as {other}")


def _report_pairs(same: Sequence[Picture], how: str, report: AuditReport) -> None:
    """Report what pictures that are one and the same have no business being."""
    by_set: dict[str, list[Picture]] = defaultdict(list)
    for picture in same:
        by_set[picture.set_name].append(picture)
    for name, found in by_set.items():
        first = found[0]
        for other in found[1:]:
            if how and other.label != first.label:
                value = f"{other.label!r}; {how}{first.path}, which is {first.label!r}"
                report.add(name, "label-conflict", other.path, "", value)
            elif how:
                report.add(name, "same-picture", other.path, "", f"{how}{first.path}")
            elif other.key != first.key and first.labelled:
                report.add(
                    name, "listed-twice", other.path, "", f"as {other.key!r} and {first.key!r}"
                )
    tested = next((by_set[name] for name in _EVALUATION if name in by_set), None)
    for name in ("train", "pool"):
        if name in by_set and tested:
            value = f"{how}{tested[0].path}" if how else f"listed in {tested[0].file}"
            both = f"{name} and {tested[0].set_name}"
            report.add(both, "also-in-test", by_set[name][0].path, "", value)
    if "pool" in by_set and "train" in by_set:
        labelled = by_set["train"][0]
        value = f"{how}{labelled.path}" if how else f"listed in {labelled.file}"
        report.add("pool and train", "also-labelled", by_set["pool"][0].path, "", value)
