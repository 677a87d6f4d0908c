"""The classes of the sets, compared with each other and with what is left out on purpose."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from .report import AuditReport


@dataclass(frozen=True)
class SetClasses:
    """The classes of a data set.

    Attributes:
        set_name: ``train``, ``val`` or ``test``.
        file: An annotation file of it.
        known: Those of the config, in order.
        named: Every one that its files name; None if they were not read.
    """

    set_name: str
    file: str
    known: tuple[str, ...]
    named: frozenset[str] | None


def compare_classes(sets: Sequence[SetClasses], report: AuditReport) -> None:
    """Compare the classes of the sets: a label is a place in them."""
    first = next((classes for classes in sets if classes.set_name == "train"), None)
    for other in sets:
        if first is not None and other.set_name != "train" and other.known != first.known:
            value = f"metainfo.classes are {other.known}; those of train are {first.known}"
            report.add(other.set_name, "classes-differ", other.file, "", value)


def compare_ignored(
    sets: Sequence[SetClasses], ignore_classes: Iterable[str], report: AuditReport
) -> None:
    """Find entries of ``ignore_classes`` that match nothing, as misspelt ones do.

    Args:
        sets: All sets: one that is missing might have what is ignored.
        ignore_classes: The entries.
        report: Where findings go.
    """
    if not sets or any(classes.named is None for classes in sets):
        return
    named = set().union(*(classes.named for classes in sets))
    used = {name for classes in sets for name in classes.known}
    names = " and ".join(dict.fromkeys(classes.set_name for classes in sets))
    for name in dict.fromkeys(ignore_classes):
        if name in used:
            value = f"{name!r} is a class of the config: its objects are used"
        elif name in named:
            continue
        else:
            near = get_close_matches(name, sorted(named - used), 1)
            value = f"{name!r} is in no annotation file" + (f"; {near[0]!r} is" if near else "")
        report.add(names, "ignore-unknown", "ignore_classes", "", value)
