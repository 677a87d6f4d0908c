"""What is wrong with a file of labels, told all at once."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager

from mmal.structures import LabelSchema

#: How many kinds of problems a message names.
MOST = 5


class ExchangeError(ValueError):
    """Labels that cannot be written, or a file of labels that cannot be read."""


class Problems:
    """What is wrong with a file, kept back until all of it has been looked at.

    A person who mends a file wants to know of all its faults, not of one at each attempt.

    Args:
        what: How the message calls the file, or what was to be written.
    """

    def __init__(self, what: object) -> None:
        self.what = str(what)
        self._image: str | None = None
        self._places: dict[str, list[str]] = {}
        self._of_images: dict[str, list[tuple[str, str]]] = {}

    def add(self, place: str, problem: str) -> None:
        """Note a problem; the same one in many places is told once, with their number."""
        if self._image is None:
            self._places.setdefault(problem, []).append(place)
        else:
            self._of_images.setdefault(self._image, []).append((place, problem))

    @contextmanager
    def of(self, image: object) -> Iterator[None]:
        """What is noted inside is wrong with this image's labels alone.

        Args:
            image: What the file calls it; something else than text stands for no image.
        """
        before, self._image = self._image, image if isinstance(image, str) else None
        try:
            yield
        finally:
            self._image = before

    def refused(self) -> dict[str, str]:
        """Take out what is wrong with single images: the first problem of each, by its name."""
        found, self._of_images = self._of_images, {}
        return {image: _line(problem, [place]) for image, ((place, problem), *_) in found.items()}

    def __bool__(self) -> bool:
        return bool(self._places or self._of_images)

    def raise_any(self) -> None:
        """Tell what has been noted.

        Raises:
            ExchangeError: If there is any problem.
        """
        if not self:
            return
        found = {problem: list(places) for problem, places in self._places.items()}
        for place, problem in itertools.chain(*self._of_images.values()):
            found.setdefault(problem, []).append(place)
        lines = [_line(problem, places) for problem, places in found.items()]
        more = f"\n  and {len(lines) - MOST} more like these" if len(lines) > MOST else ""
        count = sum(map(len, found.values()))
        head = f"{self.what}: {count} problem{'s' if count > 1 else ''}."
        raise ExchangeError("\n  ".join([head, *lines[:MOST]]) + more)


def _line(problem: str, places: list[str]) -> str:
    more = f" and {len(places) - 1} more places" if len(places) > 1 else ""
    return f"{places[0]}{more}: {problem}" if places[0] or more else problem


def show(value: object) -> str:
    """Return how a message shows a value: as Python writes it, cut off where it gets long."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}…"


def spelling(name: str) -> str:
    """Return what is left of a name where blanks and capitals do not matter."""
    return " ".join(name.replace("_", " ").split()).casefold()


def class_problem(name: object, schema: LabelSchema) -> str | None:
    """Say why a class is none of the schema's; None if it is one."""
    return _name_problem("class", name, schema.classes)


def joint_problem(name: object, schema: LabelSchema) -> str | None:
    """Say why a joint is none of the schema's; None if it is one."""
    return _name_problem("keypoint", name, schema.keypoints)


def _name_problem(kind: str, name: object, names: tuple[str, ...]) -> str | None:
    if name in names:
        return None
    if not isinstance(name, str):
        return f"the {kind} is {show(name)}; expected a name"
    for known in names:
        if spelling(known) == spelling(name):
            return f"the {kind} {show(name)} is not known; did you mean {show(known)}?"
    return (
        f"the {kind} {show(name)} is not known; the config has {show(names)}. Rename it in the "
        "tool, or add it to the config"
    )
