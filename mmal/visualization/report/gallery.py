"""Pictures of a page."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from matplotlib.colors import to_hex

from ..annotations import palette
from ..text import printable
from ..thumbnails import NoPictureError, thumbnail
from .overlay import Overlay, described, overlay, part_of
from .structures import MOST_OTHERS, MOST_PICKS, PickedImage, ReportImage, RoundReport

#: Longer side of a picture, and of the labelled one beside it, in pixels.
_SIDE, _SMALL_SIDE = 240, 96
#: Pictures that a page has about at the most, and bytes of all of them: it is to stay below 10 MB.
_PICTURES, _BYTES = 640, 8e6
#: Of JPEG; the next where a picture would take more than its share.
_QUALITIES = (72, 50, 30)


@dataclass(frozen=True)
class Card:
    """A picture with what is said of it.

    Attributes:
        name: The sample's id.
        uri: The picture; empty if there is none.
        width: In pixels.
        height: In pixels.
        missing: Why there is no picture.
        overlay: What is drawn over it.
        predicted: The same in words.
        rank: Of a pick, its place.
        facts: Names and values.
        reasons: Of a pick, why it was picked.
        nearest: The labelled sample that is most like it.
    """

    name: str
    uri: str = ""
    width: int = 0
    height: int = 0
    missing: str = ""
    overlay: Overlay = field(default_factory=Overlay)
    predicted: str = ""
    rank: int | None = None
    facts: tuple[tuple[str, str], ...] = ()
    reasons: tuple[str, ...] = ()
    nearest: "Card | None" = None


class Pictures:
    """Makes the cards of a page, as many as it has room for.

    Args:
        rounds: What the page shows.

    Attributes:
        colors: Of predicted boxes, by the name of the class.
        failures: Images of which there is no picture, with the reason.
        count: How many pictures there are.
    """

    def __init__(self, rounds: Sequence[RoundReport]) -> None:
        galleries = [g for r in rounds for g in (r.picks, r.easiest, r.wrong)]
        found = [labels for g in galleries for image in g for labels in image.labels]
        names = {thing.name for labels in found for thing in labels.objects}
        self.colors = {
            name: to_hex(color)
            for name, color in zip(sorted(names), palette(len(names)), strict=True)
        }
        share = _PICTURES // max(len(rounds), 1)
        self._most_picks = max(min(MOST_PICKS, share * 2 // 3), 6)
        self._most_others = max(min(MOST_OTHERS, share // 6), 3)
        planned = sum(min(len(r.picks), self._most_picks) for r in rounds)
        for r in rounds:
            planned += sum(min(len(g), self._most_others) for g in (r.easiest, r.wrong))
        self._share = _BYTES / max(planned, 1)
        self.failures: dict[str, str] = {}
        self.count = 0

    def picks(self, images: Sequence[PickedImage]) -> list[Card]:
        """Return the cards of picks."""
        return [self._pick(image) for image in images[: self._most_picks]]

    def others(self, images: Sequence[ReportImage]) -> list[Card]:
        """Return the cards of other images."""
        return [self._card(image, _SIDE) for image in images[: self._most_others]]

    def _pick(self, image: PickedImage) -> Card:
        nearest = None if image.nearest is None else self._card(image.nearest, _SMALL_SIDE)
        reasons = tuple(_reasons(image))
        return replace(self._card(image, _SIDE), rank=image.rank, reasons=reasons, nearest=nearest)

    def _card(self, image: ReportImage, side: int) -> Card:
        card = Card(printable(image.id), facts=tuple((printable(a), b) for a, b in image.facts))
        if image.labels:
            card = replace(card, predicted=described(image.labels))
        try:
            small = thumbnail(image.path, side, part_of(image))
        except NoPictureError as error:
            if image.path:
                self.failures.setdefault(image.path, str(error))
            return replace(card, missing="cannot be read" if image.path else "has no file")
        self.count += 1
        drawn = overlay(image.labels, image.skeleton, small, self.colors)
        width, height = small.image.size
        for quality in _QUALITIES:
            uri = small.data_uri(quality)
            if len(uri) <= self._share:
                break
        return replace(card, uri=uri, width=width, height=height, overlay=drawn)


def _reasons(image: PickedImage) -> Iterable[str]:
    for name, rank in image.ranks.items():
        yield f"{_largest(rank)} {_words(name)} of {image.candidates:,} candidates"
    if image.stands_for is not None:
        others = "1 other candidate" if image.stands_for == 1 else f"{image.stands_for:,} others"
        yield f"stands for {others}" if image.stands_for else "stands for itself alone"
    if image.nearest is not None:
        far = "" if image.distance is None else f", {image.distance:.2g} times as far as usual"
        yield f"nearest labelled: {printable(image.nearest.id)}{far}"


def _words(column: str) -> str:
    return "predicted loss" if column == "pred_loss" else printable(column).replace("_", " ")


def _largest(rank: int) -> str:
    if rank == 1:
        return "largest"
    ends = {1: "st", 2: "nd", 3: "rd"}
    end = "th" if rank % 100 in (11, 12, 13) else ends.get(rank % 10, "th")
    return f"{rank:,}{end} largest"
