"""What loading would stumble over in an annotation file."""

from collections.abc import Sequence

from .report import AuditReport
from .stated import SetAudit, StatedImage


def show(value: object) -> str:
    """Return how a message shows a value: as Python writes it, cut off where it gets long."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}…"


class FileProblems:
    """What loading would stumble over in a file, kept back until it has been tried or is not to be.

    A user's own class may cope with what the packages' classes do not.

    Args:
        audit: The audit that they are of.
        file: The file.
    """

    def __init__(self, audit: SetAudit, file: str) -> None:
        self.file = str(file)
        self.audit = audit
        self._found = AuditReport()

    def add(self, kind: str, place: str, value: object = "") -> None:
        """Note a problem."""
        self._found.add("", kind, self.file, place, value)

    def wrong(self, place: str, key: str, value: object, expected: str) -> None:
        """Note a value that loading cannot use."""
        place = ", ".join(filter(None, (place, key)))
        self.add("value-wrong", place, f"is {show(value)}; expected {expected}")

    def lacks(self, place: str, entry: dict, key: str, expected: str) -> None:
        """Note that an entry has no value that loading can use: none at all, or a wrong one."""
        if key in entry:
            self.wrong(place, key, entry[key], expected)
        else:
            self.add("key-missing", place, f"has no {key!r}; expected {expected}")

    def __bool__(self) -> bool:
        return bool(self._found.groups)

    def hand_over(self) -> None:
        """Report them as they are."""
        for group in self._found.groups:
            self.audit.report.merge(self.audit.name, group.kind.name, group.count, group.examples)

    def forgive(self) -> None:
        """Report them as something that a user's class has coped with."""
        for group in self._found.groups:
            self.audit.report.merge(
                self.audit.name, "changed-by-subclass", group.count, group.examples
            )


def load_unless(
    audit: SetAudit, problems: FileProblems, images: Sequence[StatedImage]
) -> list[dict] | None:
    """Let a data set read its file, unless it would stumble over it.

    A user's own class is tried in any case.

    Args:
        audit: The audit of the data set.
        problems: What is wrong with the file.
        images: What the file states.

    Returns:
        What the data set hands out, unfiltered, or None if that cannot be; why has been reported.
    """
    failed = None
    if not (problems and audit.is_stock):
        try:
            infos, failed = audit.load()
        except Exception:
            problems.hand_over()
            raise
        if not failed:
            problems.forgive()
            return infos
    problems.hand_over()
    for key, error in (failed or {}).items():
        says = f"{type(audit.dataset).__name__} says {error!r}"
        audit.add("unreadable", audit.source, f"image {key!r}", says)
    for image in images:
        image.needed = False
    return None
