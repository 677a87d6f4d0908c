"""What is wrong with a file of labels, told all at once."""

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
        self._places: dict[str, list[str]] = {}

    def add(self, place: str, problem: str) -> None:
        """Note a problem; the same one in many places is told once, with their number."""
        self._places.setdefault(problem, []).append(place)

    def __bool__(self) -> bool:
        return bool(self._places)

    def raise_any(self) -> None:
        """Tell what has been noted.

        Raises:
            ExchangeError: If there is any problem.
        """
        if not self._places:
            return
        lines = [_line(problem, places) for problem, places in self._places.items()]
        more = f"\n  and {len(lines) - MOST} more like these" if len(lines) > MOST else ""
        count = sum(map(len, self._places.values()))
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
