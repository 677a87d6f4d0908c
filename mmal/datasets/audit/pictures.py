"""The pictures of a set, compared with what is said of them."""

from collections import Counter
from collections.abc import Mapping, Sequence

from mmengine.dataset import BaseDataset

from .image_facts import UNREADABLE, ImageFacts
from .image_paths import picture_beside
from .overlap import Picture
from .report import EXAMPLES, AuditReport
from .stated import SetAudit, StatedImage


def picture_of(
    audit: SetAudit, info: dict, image: StatedImage | None, turns: bool
) -> Picture | None:
    """Return the picture of a data info; None of one that is no file.

    Args:
        audit: The audit of its set.
        info: What the data set hands out.
        image: What the annotation file states of it, if that was read.
        turns: Whether loading turns it as EXIF says.
    """
    path = info.get("img_path")
    if not isinstance(path, str):  # videos have a list of them
        return None
    size = image.size if image is not None else (info.get("width"), info.get("height"))
    known = size is not None and None not in size
    of_class = image is not None and "gt_label" in info
    return Picture(
        set_name=audit.name,
        path=path,
        file=image.file if image is not None else str(audit.source),
        key=info.get("img_id", path),
        size=(int(size[0]), int(size[1])) if known else None,
        turns=turns,
        labelled=type(audit.dataset).__name__ != "ImageFolder",
        label=" and ".join(item.label for item in image.objects) if of_class else "",
    )


def turns_photos(dataset: BaseDataset) -> bool:
    """Whether the pipeline's loading turns photos as EXIF says."""
    for transform in getattr(dataset.pipeline, "transforms", ()):
        if (kind := getattr(transform, "color_type", None)) is not None:
            return kind in ("color", "grayscale")
    return True


def check_names(pictures: Sequence[Picture], report: AuditReport) -> None:
    """Find names that no list of picks, one a line in UTF-8, could hold."""
    for picture in pictures:
        try:
            good = len(picture.path.encode("utf-8").splitlines()) == 1
        except UnicodeEncodeError:
            good = False
        if not good:
            report.add(picture.set_name, "file-name", repr(picture.path))


def compare_facts(
    pictures: Sequence[Picture], facts: Mapping[str, ImageFacts], report: AuditReport
) -> None:
    """Compare images with what is said of them."""
    seen = set()
    missing: Counter[str] = Counter()
    listings: dict[str, dict[str, str]] = {}
    for picture in pictures:
        fact = facts.get(picture.path)
        if fact is None or (picture.set_name, picture.path) in seen:
            continue
        seen.add((picture.set_name, picture.path))
        annotation = f"annotation: {picture.file}" if picture.labelled else ""
        if fact.problem is not None:
            beside = None
            if fact.problem == "image-missing" and missing[picture.set_name] < EXAMPLES:
                missing[picture.set_name] += 1
                beside = picture_beside(picture.path, listings)
            beside = f"beside it is {beside}" if beside else ""
            detail = "; ".join(filter(None, (fact.detail, beside, annotation)))
            report.add(picture.set_name, fact.problem, picture.path, "", detail)
        if picture.size is None or fact.problem not in (None, "image-truncated"):
            continue
        turned = fact.turned and picture.turns
        size = fact.size[::-1] if turned else fact.size
        says = f"{picture.size[0]} x {picture.size[1]}"
        if min(picture.size) <= 0:
            report.add(picture.set_name, "size-unknown", picture.file, "", says)
        elif picture.size != size:
            value = f"annotation {picture.file} says {says}, it is loaded as {size[0]} x {size[1]}"
            value += " (turned by its EXIF orientation)" if turned else ""
            report.add(picture.set_name, "size-differs", picture.path, "", value)


def tolerate_unreadable(
    set_name: str, pictures: Sequence[Picture], share: float, report: AuditReport
) -> None:
    """Let images of a pool that are missing or unreadable be warnings, if they are few.

    Args:
        set_name: The set that is a pool.
        pictures: Those of all sets.
        share: The share of the set's images that may be such.
        report: Has them as errors.
    """
    images = len({picture.path for picture in pictures if picture.set_name == set_name})
    count = sum(report.count(set_name, kind) for kind in UNREADABLE)
    if count <= share * images:
        for kind in UNREADABLE:
            report.tolerate(set_name, kind, "Of the pool they are left out, and never picked")
