"""The state of an annotator's loop: one file, a list of steps."""

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path

from filelock import FileLock, Timeout
from mmengine.config import Config
from mmengine.dist import is_main_process

from mmal.datasets import RawImages
from mmal.utils import atomic_path, remove_leftovers

from .steps import Import, Pick, Skip, Sources, Step, Train, read_sources, read_step, step_entry

SCHEMA_VERSION = 1


class ProjectError(ValueError):
    """A project, or a step in one, that does not make sense."""


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
            "steps": [step_entry(step) for step in steps],
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
            sources = read_sources(content["sources"])
            steps = [read_step(entry) for entry in content["steps"]]
        except ProjectError:
            raise
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ProjectError(
                f"{file} is not what mmal wrote: {error!r}. Restore it; it is not meant to "
                "be edited."
            ) from error
        return cls(Path(root), sources, steps)


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
            remove_leftovers(project.file)
            yield Project.load(root)
    except Timeout:
        raise ProjectError(
            f"{root} is in use: another process takes a step in it. Wait for it."
        ) from None
