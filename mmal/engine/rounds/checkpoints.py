"""The checkpoints of a round, and the file that names the newest."""

import zipfile
from pathlib import Path

import torch

from mmal.utils import atomic_path, few

from .record import RecordError


class RoundCheckpoints:
    """Finds the checkpoints in a round's folder.

    mmengine writes ``last_checkpoint``, and checkpoints, in place: a machine that dies then leaves
    one that is empty or cut.

    Args:
        folder: The round's folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.pointer = folder / "last_checkpoint"

    def last(self) -> Path | None:
        """The file that ``last_checkpoint`` names, if both are there.

        Raises:
            RecordError: If ``last_checkpoint`` is no text.
        """
        if (name := self._named()) is None:
            return None
        path = self.folder / name
        return path if _is_file(path) else None

    def trained(self) -> Path:
        """The file that ``last_checkpoint`` names, after a training that came to its end.

        Raises:
            FileNotFoundError: If there is none; the message says what is there.
            RecordError: If ``last_checkpoint`` is no text.
        """
        if (path := self.last()) is not None:
            return path
        raise FileNotFoundError(
            f"{self.folder} does not have the checkpoint that its training ended with: "
            f"last_checkpoint {self._fault()}. Put it back, or write the name of the file that is "
            f"it into last_checkpoint (there are {self._examples()}); or delete metrics.json of "
            "this last round, too, and --resume. Rounds need default_hooks.checkpoint "
            "(CheckpointHook) to save the last epoch."
        )

    def mend(self) -> str | None:
        """Let ``last_checkpoint`` name the newest checkpoint that is there, if it names none.

        For a training that is not over: it goes on there. Without ``last_checkpoint`` it begins
        anew, as whoever deleted it wants.

        Returns:
            A sentence about what was done, if anything was.

        Raises:
            RecordError: If ``last_checkpoint`` is no text.
        """
        if not self.pointer.exists():
            return None
        # Torch's files are ZIP archives, whose end says what is in them.
        if (last := self.last()) is not None and zipfile.is_zipfile(last):
            return None
        fault = self._fault() if last is None else f"names {last.name}, which is cut"
        newest = max(self._readable(), default=None)
        if newest is None:
            return f"{self.pointer} {fault}: the round is trained from its beginning."
        path = newest[1]
        with atomic_path(self.pointer) as tmp:
            tmp.write_text(path.name, encoding="utf-8")
        return f"{self.pointer} {fault}: the training goes on at {path.name}."

    def _named(self) -> str | None:
        """The name in ``last_checkpoint``, alone: the work directory may have been moved since."""
        if not self.pointer.exists():
            return None
        try:
            return Path(self.pointer.read_text(encoding="utf-8").strip()).name
        except (UnicodeDecodeError, OSError) as error:
            raise RecordError(
                f"{self.pointer} does not name a checkpoint: {error}. Write the name of the newest "
                "one into it, or delete it: the round is then trained from its beginning."
            ) from error

    def _fault(self) -> str:
        name = self._named()
        if name is None:
            return "is missing"
        if not name:
            return "is empty"
        is_folder = _is_file(self.folder / name, folder=True)
        return f"names {name!r}, which is {'a folder' if is_folder else 'not there'}"

    def _readable(self) -> list[tuple[int, Path]]:
        """The checkpoints that can be read, each with the steps that it was trained."""
        found = []
        for path in sorted(self.folder.glob("*.pth")):
            try:
                found.append((steps_of(path), path))
            except Exception:  # cut, or not of a training: torch stumbles in many ways
                continue
        return found

    def _examples(self) -> str:
        return few([path.name for path in sorted(self.folder.glob("*.pth"))]) or "none"


def steps_of(checkpoint: Path) -> int:
    """How many steps a checkpoint was trained."""
    content = torch.load(checkpoint, map_location="cpu")
    return int(content["meta"]["iter"])


def _is_file(path: Path, folder: bool = False) -> bool:
    """Whether there is a file (or folder) of any name, be it a name at all."""
    try:
        return path.is_dir() if folder else path.is_file()
    except (ValueError, OSError):
        return False
