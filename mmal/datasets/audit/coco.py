"""Boxes and masks in COCO layout: one JSON file with images, annotations and categories."""

from collections.abc import Hashable

from .coco_file import LIMIT, TABLES, CocoFile, is_flag, is_number, read_coco
from .coco_masks import mask_problem, mask_type
from .file_problems import FileProblems, load_unless, show
from .generic import audit_generic
from .stated import (
    SetAudit,
    StatedImage,
    StatedObject,
    box_problem,
    compare_objects,
    describe,
    explain_left_out,
    is_share,
    unknown_class,
)

_AREA_LIMIT = LIMIT**2


def audit_coco(audit: SetAudit) -> tuple[list[dict], list[StatedImage]]:
    """Compare a COCO file with what MMDetection's data set makes of it.

    Returns:
        What the data set hands out, unfiltered, which is nothing if loading would stumble over
        the file, and what the file states.
    """
    if not _is_plain(audit.dataset):
        return audit_generic(audit)
    problems = FileProblems(audit, audit.source)
    images = _read(audit, problems)
    infos = load_unless(audit, problems, images)
    if infos is None:
        for image in images:
            explain_left_out(audit, image)
        return [], images
    stated = {image.key: image for image in images}
    for info in infos:
        if (image := stated.get(info.get("img_id"))) is not None:
            compare_objects(audit, image, info)
    return infos, images


def _is_plain(dataset: object) -> bool:
    """Whether a data set reads its file as CocoDataset does; LVIS's and panoptic ones do not."""
    load = type(dataset).load_data_list.__qualname__
    return load == "CocoDataset.load_data_list" and type(dataset).COCOAPI.__name__ == "COCO"


def _read(audit: SetAudit, problems: FileProblems) -> list[StatedImage]:
    """Read what the file states; note everything that loading would stumble over."""
    tables = TABLES if audit.scored else ("images", "categories")
    file = read_coco(problems, audit.dataset.backend_args, needs=tables)
    if file is None:
        return []
    audit.named.update(map(str, file.categories.values()))
    _check_categories(audit, problems, file)
    reader = _Reader(audit, problems, file)
    return [reader.image(key, entry) for key, entry in file.images.items()]


def _check_categories(audit: SetAudit, problems: FileProblems, file: CocoFile) -> None:
    """Check the categories by whose order MMDetection numbers the classes."""
    known = set(audit.classes)
    order: dict[str, Hashable] = {}
    for key, name in file.categories.items():
        if name not in known:
            continue
        if name in order:
            value = f"{name!r} has the ids {order[name]!r} and {key!r}"
            problems.add("category-twice", "categories", value)
        order.setdefault(name, key)
    audit.renamed = dict(zip(order, audit.classes, strict=False))
    audit.notes["class-shifted"] = f"; order of the file: {tuple(order)}"
    missing = [name for name in audit.classes if name not in order]
    if missing and audit.name in ("val", "test"):
        # CocoMetric numbers classes in the same way, and has no number for the rest.
        value = f"{show(missing)} of the config's classes; evaluating stops when one is predicted"
        audit.add("key-missing", audit.source, "categories", f"has no {value}")


class _Reader:
    """Makes stated images and objects of a file's entries.

    Args:
        audit: The audit of the data set.
        problems: What loading would stumble over goes there.
        file: The file's tables.
    """

    def __init__(self, audit: SetAudit, problems: FileProblems, file: CocoFile) -> None:
        self._audit = audit
        self._problems = problems
        self._file = file
        self._known = set(audit.classes)
        self._masks = mask_type(audit.dataset)
        # One small box in the corner of an image is none in shares; a file of them is.
        boxes = [a.get("bbox") for listed in file.annotations.values() for a in listed]
        boxes = [box for box in boxes if _is_box(box)]
        self._in_shares = 2 * sum(map(is_share, boxes)) > len(boxes)

    def image(self, key: Hashable, entry: dict) -> StatedImage:
        """Read an image and its objects."""
        name = str(entry.get("file_name"))
        image = StatedImage(key, str(self._audit.source), name)
        annotations = self._file.annotations.get(key, ())
        image.size = self._size(f"image {key!r}", entry, bool(annotations))
        if image.size is None:
            return image
        for annotation in annotations:
            if not self._has_problem(annotation):
                image.objects.append(self._object(annotation, image))
        if self._audit.name in ("val", "test") and not annotations:
            self._audit.add("no-annotation", image.file, f"image {key!r}", name)
        return image

    def _size(self, place: str, entry: dict, has_objects: bool) -> tuple[int, int] | None:
        size = entry.get("width"), entry.get("height")
        for key, value in zip(("width", "height"), size, strict=True):
            # Where there are no objects, nothing is left out for a size of 0.
            if not is_number(value) or value != int(value) or (value <= 0 and has_objects):
                self._problems.lacks(place, entry, key, "that of the image in pixels")
                return None
        return size

    def _has_problem(self, annotation: dict) -> bool:
        """Note what loading would stumble over."""
        if not is_flag(annotation.get("ignore")):
            problem = "ignore", "0 or 1"
        elif annotation.get("ignore"):  # the rest is not read
            return False
        elif not is_flag(annotation.get("iscrowd")):
            problem = "iscrowd", "0 or 1"
        elif not _is_box(annotation.get("bbox")):
            problem = "bbox", "[x, y, width, height] in pixels, the latter two not negative"
        elif not _is_area(annotation.get("area")):
            problem = "area", "a number of pixels"
        else:
            return False
        self._problems.lacks(f"annotation {annotation['id']!r}", annotation, *problem)
        return True

    def _object(self, annotation: dict, image: StatedImage) -> StatedObject:
        """Make a stated object by the rules of ``CocoDataset.parse_data_info``."""
        place = f"annotation {annotation['id']!r}"
        category = annotation["category_id"]
        label = self._file.categories.get(category, f"category {category!r}")
        if annotation.get("ignore"):
            return StatedObject(place, label, None, "flag-ignored")
        left, top, width, height = written = annotation["bbox"]
        box = (left, top, left + width, top + height)
        if label not in self._known:
            return StatedObject(place, label, box, unknown_class(self._audit, label))
        reason = _reason(box, written, annotation["area"], image.size)
        if self._in_shares and reason is not None and is_share(written):
            reason = "box-shares"
        if reason == "area-not-positive":
            place += f", area {annotation['area']!r}"
        crowd = bool(annotation.get("iscrowd"))
        stated = StatedObject(place, label, box, reason, crowd)
        if reason is None:
            self._look_at(annotation, stated, image)
        return stated

    def _look_at(self, annotation: dict, stated: StatedObject, image: StatedImage) -> None:
        """Note what is odd about an object that is handed out."""
        audit, place = self._audit, stated.place
        if stated.ignored:
            audit.add("flag-ignored", image.file, place, "iscrowd")
        if self._in_shares and is_share(annotation["bbox"]):
            audit.add("box-shares", image.file, place, describe(stated, image))
        elif kind := box_problem(stated.box, image.size):
            audit.add(kind, image.file, place, describe(stated, image))
        if self._masks is None:
            return
        mask = annotation.get("segmentation")
        problem = mask_problem(mask, stated.box, image.size, self._masks)
        if problem is None:
            return
        kind, value = problem
        if kind in ("mask-missing", "value-wrong"):  # loading stumbles over them
            self._problems.add(kind, place, value)
        elif not stated.ignored:
            audit.add(kind, image.file, place, value)


def _is_box(box: object) -> bool:
    try:
        left, top, width, height = box
        good = -LIMIT < left < LIMIT and -LIMIT < top < LIMIT
        return good and 0 <= width < LIMIT and 0 <= height < LIMIT
    except (TypeError, ValueError):
        return False


def _is_area(area: object) -> bool:
    return type(area) in (int, float) and -_AREA_LIMIT < area < _AREA_LIMIT


def _reason(
    box: tuple[float, ...], written: list, area: float, size: tuple[float, float]
) -> str | None:
    """Return the kind of what explains that ``parse_data_info`` leaves a box out."""
    left, top, right, bottom = box
    width = max(0, min(right, size[0]) - max(left, 0))
    height = max(0, min(bottom, size[1]) - max(top, 0))
    below = written[2] < 1 or written[3] < 1
    if width * height != 0 and area > 0 and not below:
        return None
    if below:
        return "box-below-pixel"
    return "box-outside" if width * height == 0 else "area-not-positive"
