"""What a project was begun with, and the steps that were taken in it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar


@dataclass(frozen=True)
class Pick:
    """Images were picked to be labelled.

    Attributes:
        query: What picked: the query with its parameters.
        model: The checkpoint that scored them, from the project's folder; None if none did.
        picks: Ids of images, best first.
        digests: Of their files, by id.
    """

    kind: ClassVar[str] = "pick"
    query: str
    model: str | None
    picks: list[str]
    digests: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Import:
    """Labels came back.

    Attributes:
        file: What was imported.
        labels: The file with all labels since, from the project's folder.
        new: Ids of the images that had no label before, with the digest of each file.
        changed: Ids of those whose labels were replaced.
        skipped: Ids of those that annotators refused, with the digest of each file.
    """

    kind: ClassVar[str] = "import"
    file: str
    labels: str
    new: dict[str, str]
    changed: list[str] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Skip:
    """Images will not be labelled.

    Attributes:
        images: Their ids, with the digest of each file.
    """

    kind: ClassVar[str] = "skip"
    images: dict[str, str]


@dataclass(frozen=True)
class Train:
    """A model was trained on all labels so far.

    Attributes:
        round: Its number, from 0.
        labeled: On how many images of the loop.
        checkpoint: Its file, from the project's folder.
    """

    kind: ClassVar[str] = "train"
    round: int
    labeled: int
    checkpoint: str


Step = Pick | Import | Skip | Train
_TYPES: dict[str, Any] = dict(
    picks=list,
    digests=dict,
    new=dict,
    changed=list,
    skipped=dict,
    images=dict,
    round=int,
    labeled=int,
    model=str | None,
)
_OF_SOURCES: dict[str, Any] = dict(images=list, people=str | None, own_data=bool, seed=int)
_STEPS: dict[str, type] = {cls.kind: cls for cls in (Pick, Import, Skip, Train)}


@dataclass(frozen=True)
class Sources:
    """What a project was begun with.

    Attributes:
        images: Sources of the pool, see :class:`mmal.datasets.RawImages`.
        root: The folder below which images are named.
        people: A file with boxes of people, of top-down estimators.
        own_data: Whether the config's own training data are labelled and trained on, too.
        seed: Of all draws.
    """

    images: list[str]
    root: str
    people: str | None = None
    own_data: bool = False
    seed: int = 0


def step_entry(step: Step) -> dict[str, Any]:
    """What the project's file says of a step."""
    return {"step": step.kind, **asdict(step)}


def read_sources(entry: Mapping[str, Any]) -> Sources:
    """Check and build what ``dataclasses.asdict`` made of the sources.

    Raises:
        TypeError: If a value is of another kind, or there is one too many or too few.
    """
    for key, value in entry.items():
        expected = _OF_SOURCES.get(key, str)
        if not isinstance(value, expected) or not all(isinstance(v, str) for v in _texts(value)):
            raise TypeError(f"{key} is {value!r}")
    return Sources(**entry)


def read_step(entry: Mapping[str, Any]) -> Step:
    """Check and build a step from what the project's file says of it; see :func:`step_entry`.

    Raises:
        KeyError: If there is no step of that kind.
        TypeError: If a value is of another kind, or there is one too many or too few.
    """
    entry = dict(entry)
    cls = _STEPS[entry.pop("step")]
    for key, value in entry.items():
        expected = _TYPES.get(key, str)
        if not isinstance(value, expected) or not all(isinstance(v, str) for v in _texts(value)):
            raise TypeError(f"{key} of a step of the kind {cls.kind!r} is {value!r}")
    return cls(**entry)


def _texts(value: object) -> list:
    """What of a list or dict must be a string."""
    if isinstance(value, dict):
        return [*value, *value.values()]
    return value if isinstance(value, list) else []
