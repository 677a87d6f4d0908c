"""The state of an annotator's loop: one file, a list of steps."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

from filelock import FileLock, Timeout
from mmengine.config import Config
from mmengine.dist import is_main_process

from mmal.datasets import RawImages
from mmal.utils import atomic_path

SCHEMA_VERSION = 1


class ProjectError(ValueError):
    """A project, or a step in one, that does not make sense."""


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


class Project:
    """A folder with ``project.json``, which holds every step that was taken.

    Who is labelled, waits for labels or is skipped follows from the steps, and nothing else says
    so. A step is written last, in one go: what is interrupted before has not happened.

    Args:
        root: The folder.
        sources: What it was begun with.
        steps: What happened since.
    """

    def __init__(self, root: Path, sources: Sources, steps: Sequence[Step] = ()) -> None:
        self.root = root
        self.sources = sources
        self.steps = list(steps)

    @property
    def file(self) -> Path:
        """The one truth."""
        return self.root / "project.json"

    @property
    def config_file(self) -> Path:
        """The config of the project; the one that it was begun with, unless somebody edits it."""
        return self.root / "config.py"

    @property
    def training(self) -> Path:
        """The work directory of the trainings."""
        return self.root / "training"

    def pick_dir(self, number: int) -> Path:
        """The folder of a pick, counted from 0."""
        return self.root / f"pick_{number:02d}"

    @property
    def scoring(self) -> Path:
        """Where the scores of a pick are kept until it is a step."""
        return self.root / "scoring"

    @property
    def raw_images(self) -> RawImages:
        """The pool's images, to be listed anew."""
        return RawImages(self.sources.images, self.sources.root)

    def images(self) -> dict[str, str]:
        """List the pool's images anew: files by id, without those of the project itself.

        Raises:
            FileNotFoundError: If a source is missing, or has no image.
            ValueError: If a source cannot be read.
        """
        inside = f"{self.root.absolute()}/"
        paths = self.raw_images.paths()
        return {name: path for name, path in paths.items() if not path.startswith(inside)}

    def set_aside(self, folder: Path) -> None:
        """Rename the folder of a step that was undone or interrupted: people may work in it."""
        if not folder.exists() or not is_main_process():
            return
        number = 1
        while (old := folder.with_name(f"{folder.name}.old_{number}")).exists():
            number += 1
        folder.rename(old)

    def config(self) -> Config:
        """Read the project's config.

        Raises:
            ProjectError: If it does not parse.
            FileNotFoundError: If it is missing.
        """
        try:
            return Config.fromfile(self.config_file)
        except FileNotFoundError:
            raise FileNotFoundError(f"{self.config_file} is missing. Put it back.") from None
        except Exception as error:  # whatever Python says of it
            raise ProjectError(f"{self.config_file} cannot be read: {error}") from error

    @property
    def picks(self) -> list[Pick]:
        """The picks so far."""
        return [step for step in self.steps if isinstance(step, Pick)]

    @property
    def trainings(self) -> list[Train]:
        """The trainings so far."""
        return [step for step in self.steps if isinstance(step, Train)]

    @property
    def labeled(self) -> dict[str, str]:
        """Ids of the labelled images in the order in which they came, with their digests."""
        return {
            i: d for step in self.steps if isinstance(step, Import) for i, d in step.new.items()
        }

    @property
    def skipped(self) -> dict[str, str]:
        """Ids of the images that will not be labelled, with their digests."""
        found: dict[str, str] = {}
        for step in self.steps:
            found |= step.images if isinstance(step, Skip) else getattr(step, "skipped", {})
        labeled = self.labeled  # somebody thought better of it
        return {i: d for i, d in found.items() if i not in labeled}

    @property
    def pending(self) -> list[str]:
        """Ids of the images that were picked and wait for labels, best first, older picks first."""
        done = self.labeled.keys() | self.skipped.keys()
        return [
            i for step in self.steps if isinstance(step, Pick) for i in step.picks if i not in done
        ]

    @property
    def pending_digests(self) -> dict[str, str]:
        """Digests of the files of :attr:`pending` when they were picked, by id."""
        known = {i: d for step in self.picks for i, d in step.digests.items()}
        return {name: known.get(name, "") for name in self.pending}

    @property
    def labels_file(self) -> Path | None:
        """The file with all labels, if there are any."""
        files = [step.labels for step in self.steps if isinstance(step, Import)]
        return self.root / files[-1] if files else None

    @property
    def unlearnt(self) -> int:
        """How many labels came or changed since the last training."""
        count = 0
        for step in self.steps:
            if isinstance(step, Train):
                count = 0
            elif isinstance(step, Import):
                count += len(step.new) + len(step.changed)
        return count

    def take(self, step: Step) -> None:
        """Add a step and write the file, both or neither."""
        self._write([*self.steps, step])
        self.steps.append(step)

    def undo(self) -> Step:
        """Take the last step back.

        Raises:
            ProjectError: If there is none, or it is a training.
        """
        if not self.steps:
            raise ProjectError(f"{self.root}: nothing was done that could be undone.")
        if isinstance(self.steps[-1], Train):
            raise ProjectError(
                f"{self.root}: the last step is the training of round {self.steps[-1].round}, "
                "which cannot be undone. Labels may be corrected by importing them again."
            )
        self._write(self.steps[:-1])
        step = self.steps.pop()
        if isinstance(step, Pick):
            self.set_aside(self.pick_dir(len(self.picks)))
        return step

    def relocate(self, images: Sequence[str], image_root: str | None = None) -> None:
        """Look for the pool elsewhere from now on; images keep their ids below the new root.

        Args:
            images: Sources, see :class:`mmal.datasets.RawImages`.
            image_root: The folder below which images are named.

        Raises:
            FileNotFoundError: If a source does not exist; nothing has changed then.
            ValueError: If a source cannot be read.
        """
        raw = RawImages(images, image_root)
        raw.paths()
        before = self.sources
        self.sources = replace(before, images=raw.sources, root=raw.root)
        try:
            self._write(self.steps)
        except BaseException:
            self.sources = before
            raise

    def _write(self, steps: Sequence[Step]) -> None:
        if not is_main_process():
            return
        content = {
            "schema_version": SCHEMA_VERSION,
            "sources": asdict(self.sources),
            "steps": [{"step": step.kind, **asdict(step)} for step in steps],
        }
        with atomic_path(self.file) as tmp:
            tmp.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")

    @classmethod
    def begin(cls, root: str | os.PathLike, sources: Sources, cfg: Config) -> "Project":
        """Make a new project.

        Args:
            root: Its folder, which must not hold a project.
            sources: What it is begun with.
            cfg: The config, which is copied with all that it inherits.
        """
        project = cls(Path(root), sources)
        project.root.mkdir(parents=True, exist_ok=True)
        try:
            os.close(os.open(project.root / ".begun", os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            raise ProjectError(
                f"{root} holds a project already, or one that another process begins."
            ) from None
        with atomic_path(project.config_file) as tmp:
            tmp.write_text(cfg.pretty_text, encoding="utf-8")
        project._write([])
        return project

    @classmethod
    def load(cls, root: str | os.PathLike) -> "Project":
        """Read a project.

        Raises:
            FileNotFoundError: If there is none in that folder.
            ProjectError: If its file is broken, or of another version.
        """
        file = Path(root) / "project.json"
        try:
            text = file.read_text(encoding="utf-8")
        except (FileNotFoundError, NotADirectoryError):
            raise FileNotFoundError(
                f"{root} holds no project (project.json). Begin one by: python tools/loop.py init "
                f"{root} CONFIG --images FOLDER"
            ) from None
        try:
            content = json.loads(text)
            version = content["schema_version"]
            if version != SCHEMA_VERSION:
                raise ProjectError(
                    f"{file} has schema version {version!r}, but this mmal reads {SCHEMA_VERSION}. "
                    "Use the mmal that wrote it."
                )
            sources = _sources(content["sources"])
            steps = [_step(entry) for entry in content["steps"]]
        except ProjectError:
            raise
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ProjectError(
                f"{file} is not what mmal wrote: {error!r}. Restore it; it is not meant to "
                "be edited."
            ) from error
        return cls(Path(root), sources, steps)


def _sources(entry: Mapping[str, Any]) -> Sources:
    for key, value in entry.items():
        expected = _OF_SOURCES.get(key, str)
        if not isinstance(value, expected) or not all(isinstance(v, str) for v in _texts(value)):
            raise TypeError(f"{key} is {value!r}")
    return Sources(**entry)


def _step(entry: Mapping[str, Any]) -> Step:
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


@contextmanager
def opened(root: str | os.PathLike) -> Iterator[Project]:
    """Read a project and keep other processes from changing it.

    Raises:
        FileNotFoundError: If there is none.
        ProjectError: If it cannot be read, or another process is at work in it.
    """
    project = Project.load(root)
    if not is_main_process():
        yield project
        return
    try:
        with FileLock(project.root / ".lock").acquire(timeout=0):
            yield Project.load(root)
    except Timeout:
        raise ProjectError(
            f"{root} is in use: another process takes a step in it. Wait for it."
        ) from None
