"""What an audit found, by kind and with examples."""

from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass, field

from .kinds import KINDS, Kind

#: How many findings of a kind are kept word for word, and how many of them an error shows.
EXAMPLES, SHOWN = 20, 3


class DatasetError(ValueError):
    """Data that cannot be what the user means; the message has every kind of error."""


@dataclass(frozen=True)
class Finding:
    """One thing that an audit found.

    Attributes:
        kind: What is the matter; see :data:`mmal.datasets.audit.kinds.KINDS`.
        file: The file to look at.
        place: Where in it, such as ``object 3`` or ``annotation 17``.
        value: What stands there.
    """

    kind: str
    file: str
    place: str = ""
    value: str = ""

    def __str__(self) -> str:
        where = ", ".join(filter(None, (self.file, self.place)))
        return f"{where}: {self.value}" if self.value else where


@dataclass
class Group:
    """All findings of one kind in one set.

    Attributes:
        kind: The kind.
        severity: That of the kind, or ``info`` if the user accepts it.
        set_name: Such as ``train``; of findings between sets, both of them.
        count: How many there are.
        examples: The first of them.
        sums: What they amount to, such as how many there are of each class, a line a data set.
    """

    kind: Kind
    severity: str
    set_name: str
    count: int = 0
    examples: list[Finding] = field(default_factory=list)
    sums: list[str] = field(default_factory=list)

    @property
    def details(self) -> list[str]:
        """The sums, the first examples, and how many findings are left."""
        lines = [*self.sums, *map(str, self.examples[:SHOWN])]
        if self.examples and self.count > SHOWN:
            lines.append(f"… and {self.count - SHOWN:,} more")
        return lines

    @property
    def what(self) -> str:
        """What the findings are, to follow their number."""
        return self.kind.of_one if self.count == 1 else self.kind.of_many

    def __str__(self) -> str:
        advice = f" {self.kind.advice}." if self.kind.advice else ""
        head = f"{self.set_name}: {self.count} {self.what} [{self.kind.name}].{advice}"
        return "\n    ".join([head, *self.details])


@dataclass
class SetCounts:
    """What one data set states and what it hands out.

    Attributes:
        name: Such as ``train``.
        type: The data set's class.
        source: Its annotation file or folder.
        images_stated: Images (of top-down pose data: people) in the annotation file.
        images: Those that the data set hands out after its filter.
        objects_stated: Boxes (of pose data: people) in the annotation files.
        objects: Those that are handed out and not marked to be ignored.
        classes: Handed out objects by class name.
    """

    name: str
    type: str
    source: str
    images_stated: int = 0
    images: int = 0
    objects_stated: int = 0
    objects: int = 0
    classes: dict[str, int] = field(default_factory=dict)


class AuditReport:
    """Collects findings.

    Args:
        accept: Names of kinds that the user knows of and accepts: they become ``info``.
    """

    def __init__(self, accept: Collection[str] = ()) -> None:
        self.sets: list[SetCounts] = []
        self._accepted = frozenset(accept)
        self._groups: dict[tuple[str, str], Group] = {}

    def add(
        self, set_name: str, kind: str, file: object, place: str = "", value: object = ""
    ) -> None:
        """Note a finding of the kind called ``kind``."""
        self.merge(set_name, kind, 1, [Finding(kind, str(file), place, str(value))])

    def merge(
        self, set_name: str, kind: str, count: int, examples: list[Finding], total: str = ""
    ) -> None:
        """Note ``count`` findings of a kind, of which ``examples`` are the first.

        Args:
            set_name: The set.
            kind: The kind's name.
            count: How many there are.
            examples: The first of them.
            total: What they amount to.
        """
        found = KINDS[kind]
        group = self._groups.get((set_name, kind))
        if group is None:
            severity = "info" if kind in self._accepted else found.severity
            group = self._groups[set_name, kind] = Group(found, severity, set_name)
        group.count += count
        group.examples += examples[: EXAMPLES - len(group.examples)]
        group.sums += [total] if total else []

    @property
    def groups(self) -> list[Group]:
        """All findings by set and kind, errors first."""
        order = ("error", "warning", "info")
        return sorted(self._groups.values(), key=lambda group: order.index(group.severity))

    def of(self, severity: str) -> Iterator[Group]:
        """Yield the groups of one severity."""
        return (group for group in self.groups if group.severity == severity)

    def tolerate(self, set_name: str, kind: str, why: str) -> None:
        """Make findings of a kind that is an error warnings; say why."""
        group = self._groups.get((set_name, kind))
        if group is not None and group.severity == "error":
            group.severity = "warning"
            group.sums.append(why)

    def count(self, set_name: str, kind: str) -> int:
        """How many findings of a kind there are in a set, accepted or not."""
        group = self._groups.get((set_name, kind))
        return group.count if group is not None else 0

    def raise_errors(self) -> None:
        """Raise a :class:`DatasetError` with all errors, if there are any."""
        errors = list(self.of("error"))
        if errors:
            count = sum(group.count for group in errors)
            shown = "\n  ".join(str(group).replace("\n", "\n  ") for group in errors)
            raise DatasetError(f"The data has {count} problem(s):\n  {shown}")

    def to_dict(self) -> dict:
        """The report as JSON can hold it."""
        return dict(
            sets=[asdict(counts) for counts in self.sets],
            findings=[
                dict(
                    set=group.set_name,
                    severity=group.severity,
                    kind=group.kind.name,
                    count=group.count,
                    what=group.kind.of_many,
                    advice=group.kind.advice,
                    sums=group.sums,
                    examples=[
                        dict(file=f.file, place=f.place, value=f.value) for f in group.examples
                    ],
                )
                for group in self.groups
            ],
        )
