"""What annotation files say, read without the data set's own code, and what it is compared with."""

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field

from mmengine.dataset import BaseDataset

from .report import EXAMPLES, AuditReport, Finding

Box = tuple[float, float, float, float]

#: Packages whose data set classes hand out what files say.
_STOCK = ("mmengine", "mmdet", "mmpose", "mmpretrain", "mmal")
#: The methods that decide what is handed out.
_READING = (
    "load_data_list",
    "parse_data_info",
    "_parse_instance_info",
    "_load_annotations",
    "_get_topdown_data_infos",
    "_get_bottomup_data_infos",
    "_is_valid_instance",
)


@dataclass(frozen=True, slots=True)
class StatedObject:
    """An object as an annotation file states it.

    Attributes:
        place: Where in the file, such as ``object 3`` or ``annotation 17``.
        label: Its class's name.
        box: Left, top, right, bottom in pixels, counted as the data set's class counts; of objects
            that are left out before their box is read, None.
        left_out: The kind of finding that explains why the data set does not hand it out, if it
            should not.
        ignored: Whether it is handed out, but ignored in training (difficult, crowd).
    """

    place: str
    label: str
    box: Box | None
    left_out: str | None = None
    ignored: bool = False


@dataclass(slots=True)
class StatedImage:
    """An image as an annotation file states it.

    Attributes:
        key: The data set's ``img_id`` of it.
        file: The annotation file.
        name: How messages call the image.
        size: Width and height, if they are given.
        objects: What is on it.
        needed: Whether the data set should hand it out; one of people only has those with people.
    """

    key: Hashable
    file: str
    name: str
    size: tuple[float, float] | None = None
    objects: list[StatedObject] = field(default_factory=list)
    needed: bool = True


class SetAudit:
    """The audit of one data set, for readers of its format to fill.

    Args:
        name: How the report calls the set, such as ``train``.
        dataset: The data set, built lazily.
        report: Where findings go.
        ignore_classes: Classes in annotations that are left out on purpose.
        scored: Whether its annotations are what predictions are compared with, or learnt from.
    """

    def __init__(
        self,
        name: str,
        dataset: BaseDataset,
        report: AuditReport,
        ignore_classes: Iterable[str] = (),
        scored: bool = True,
    ) -> None:
        self.name = name
        self.dataset = dataset
        self.report = report
        self.ignore_classes = frozenset(ignore_classes)
        self.scored = scored
        self.classes: tuple[str, ...] = tuple(dataset.metainfo.get("classes") or ())
        #: Every class that its files name, known or not.
        self.named: set[str] = set()
        #: The classes by what is left of their names where blanks and capitals do not matter.
        self.spellings = {spelling(name): name for name in self.classes}
        # A user's own class may hand out on purpose what a file does not say.
        self.is_stock = all(
            method.__module__.split(".")[0] in _STOCK
            for name in _READING
            if (method := getattr(type(dataset), name, None)) is not None
        )
        #: What the packages' own numbering makes of a class where that is another one.
        self.renamed: dict[str, str] = {}
        #: What the sum of a tally says beside its counts, by kind.
        self.notes: dict[str, str] = {}
        self._tallies: dict[str, tuple[Counter[str], list[Finding]]] = {}

    def add(self, kind: str, file: object, place: str = "", value: object = "") -> None:
        """Note a finding in this set."""
        self.report.add(self.name, kind, file, place, value)

    def tally(self, kind: str, what: str, file: object, place: str, value: str) -> None:
        """Note a finding of a kind that is summed up by ``what``, such as a class's name."""
        counts, examples = self._tallies.setdefault(kind, (Counter(), []))
        counts[what] += 1
        if len(examples) < EXAMPLES:
            examples.append(Finding(kind, str(file), place, value))

    def finish(self) -> None:
        """Hand the tallies over to the report, each with its sum."""
        for kind, (counts, examples) in self._tallies.items():
            total = ", ".join(f"{what} ({n})" for what, n in counts.most_common())
            total = f"{self.source}: {total}{self.notes.get(kind, '')}"
            self.report.merge(self.name, kind, counts.total(), examples, total)
        self._tallies.clear()

    @property
    def source(self) -> str:
        """The annotation file, or the folder where there is none."""
        folder = self.dataset.data_prefix.get("img_path") if not self.dataset.ann_file else ""
        return self.dataset.ann_file or folder or self.dataset.data_root or ""

    def load(self) -> tuple[list[dict], dict[Hashable, Exception]]:
        """Let the data set read its annotations, unfiltered.

        Returns:
            What it hands out, and by image id what it stumbled over. An image of the latter is
            there with its id and paths alone.
        """
        failed: dict[Hashable, Exception] = {}
        parse = self.dataset.parse_data_info

        def guarded(raw: dict) -> dict | list[dict] | None:
            try:
                return parse(raw)
            except Exception as error:  # whatever a data set class stumbles over
                raw = raw.get("raw_img_info", raw)
                failed[raw.get("img_id", raw.get("id"))] = error
                paths = {k: raw[k] for k in ("img_id", "img_path", "xml_path") if k in raw}
                return {**paths, "instances": [], "not_parsed": True}

        self.dataset.parse_data_info = guarded
        try:
            return list(self.dataset.load_data_list()), failed
        finally:
            del self.dataset.parse_data_info

    def kept(self, infos: list[dict]) -> list[dict]:
        """What passes the data set's own filter."""
        if not infos:  # filters ask for what loading finds
            return []
        self.dataset.data_list = infos
        kept = self.dataset.filter_data()
        if (indices := self.dataset._indices) is not None:
            self.dataset.data_list = kept
            kept = self.dataset._get_unserialized_subset(indices)
        return kept


def compare_objects(audit: SetAudit, image: StatedImage, info: dict) -> None:
    """Explain every difference between what a file states of an image and what is handed out."""
    explain_left_out(audit, image)
    _find_twice(audit, image)
    expected = [stated for stated in image.objects if stated.left_out is None]
    instances = info.get("instances", ())
    if _are_equal(audit, expected, instances):
        return
    given = Counter((_label(audit, item), _rounded(item["bbox"])) for item in instances)
    unmatched = []
    for stated in expected:
        if given[key := (stated.label, _rounded(stated.box))] > 0:
            given[key] -= 1
        else:
            unmatched.append(stated)
    left = list(given.elements())
    for stated in unmatched:
        twin = next((g for g in left if g[1] == _rounded(stated.box)), None)
        value = describe(stated, image)
        if twin is None:
            audit.add(if_stock(audit, "object-lost"), image.file, stated.place, value)
        else:
            left.remove(twin)
            shifted = audit.renamed.get(stated.label) == twin[0]  # in a user's class, too
            kind = "class-shifted" if shifted else if_stock(audit, "class-shifted")
            change = f"{stated.label!r} becomes {twin[0]!r}"
            audit.tally(kind, change, image.file, stated.place, f"{change} on {image.name}")
    for label, box in left:
        value = f"{label!r} {list(box)}"
        audit.add(if_stock(audit, "object-changed"), image.file, f"on {image.name}", value)


def spelling(name: object) -> str:
    """Return what is left of a name where blanks and capitals do not matter."""
    return " ".join(str(name).split()).casefold()


def unknown_class(audit: SetAudit, label: str) -> str:
    """Return the kind of finding for an object whose class the config does not have."""
    if label in audit.ignore_classes:
        return "class-ignored"
    return "class-spelling" if spelling(label) in audit.spellings else "class-unknown"


def explain_left_out(audit: SetAudit, image: StatedImage) -> None:
    """Report why a data set should not hand out some objects of an image."""
    for item in image.objects:
        if item.left_out in ("class-unknown", "class-ignored", "class-spelling"):
            what = repr(item.label)
            if item.left_out == "class-spelling":
                what += f" in place of {audit.spellings[spelling(item.label)]!r}"
            audit.tally(item.left_out, what, image.file, item.place, describe(item, image))
        elif item.left_out is not None:
            audit.add(item.left_out, image.file, item.place, describe(item, image))


def _find_twice(audit: SetAudit, image: StatedImage) -> None:
    """Report objects of the same class and box as one before them, unless they are ignored."""
    first: dict[tuple, StatedObject] = {}
    for item in image.objects:
        if item.left_out is None and not item.ignored:
            other = first.setdefault((item.label, item.box), item)
            if other is not item:
                value = f"{describe(item, image)}, as {other.place}"
                audit.tally("object-twice", repr(item.label), image.file, item.place, value)


def _are_equal(
    audit: SetAudit, expected: Sequence[StatedObject], instances: Sequence[dict]
) -> bool:
    """Whether everything is handed out as it is stated, and in that order, as it mostly is."""
    return len(expected) == len(instances) and all(
        tuple(item["bbox"]) == stated.box and _label(audit, item) == stated.label
        for stated, item in zip(expected, instances, strict=True)
    )


def if_stock(audit: SetAudit, kind: str) -> str:
    """Return a kind of difference; that for a user's own class if the data set's is one."""
    return kind if audit.is_stock else "changed-by-subclass"


def box_problem(box: Box, size: tuple[float, float] | None) -> str | None:
    """The kind of what is wrong with where a box that has a size lies in its image, if anything.

    Args:
        box: Left, top, right, bottom in pixels.
        size: Width and height of the image, where they are known.
    """
    if size is None or min(size) <= 0:
        return None
    left, top, right, bottom = box
    width, height = size
    if right <= 0 or bottom <= 0 or left >= width or top >= height:
        return "box-outside"
    # Files that count from 1 and those that count from 0 differ by a pixel.
    if left < -1 or top < -1 or right > width + 1 or bottom > height + 1:
        return "box-sticks-out"
    return None


def is_share(box: Box) -> bool:
    """Whether a box, as its file writes it, seems to be in shares of the image, not in pixels."""
    return all(0 <= v <= 1 for v in box) and any(v != int(v) for v in box)


def are_percent(images: Sequence[StatedImage]) -> bool:
    """Whether the boxes of a file seem to be in percent of their images, not in pixels.

    One box says nothing, and neither do small images; many that all lie in the upper left corners
    of larger images, and fill those corners, do.
    """
    shown = [image for image in images if any(item.left_out is None for item in image.objects)]
    boxes = [item.box for image in shown for item in image.objects if item.left_out is None]
    if len(shown) < 5 or len(boxes) < 20:
        return False
    if any(image.size is None or min(image.size) <= 200 for image in shown):
        return False
    # Sums of decimals may exceed 100.
    return all(50 < max(box[side] for box in boxes) < 100.5 for side in (2, 3))


def _label(audit: SetAudit, item: dict) -> str:
    label = item.get("bbox_label", -1)
    return audit.classes[label] if 0 <= label < len(audit.classes) else f"class {label}"


def _rounded(box: Iterable[float]) -> tuple[float, ...]:
    return tuple(round(float(v), 3) for v in box)


def describe(item: StatedObject, image: StatedImage) -> str:
    """Name an object by class, box and image."""
    box = "" if item.box is None else f" [{', '.join(f'{v:g}' for v in item.box)}]"
    size = f" of {image.size[0]:g} x {image.size[1]:g} pixels" if image.size and box else ""
    return f"{item.label!r}{box} on {image.name}{size}"
