"""One's own COCO files, as a config is to name them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from mmal.utils import few

#: How many samples are labelled at first, and a round, where there are enough.
USUAL_ROUND = 100


@dataclass
class CocoFiles:
    """One's own COCO files, in place of the base's data.

    Attributes:
        data_root: The folder that the other paths are below, unless they are absolute.
        train: Annotations of the images that are labelled, or that rounds take for a pool.
        test: Annotations of the test images.
        images: The images' folder.
        classes: In the order of the file's categories; read from it where not given.
    """

    data_root: str
    train: str
    test: str
    images: str = "images/"
    classes: Sequence[str] | None = None

    @cached_property
    def _training(self) -> dict:
        return _coco_file(Path(self.data_root, self.train), "--train")

    def class_names(self) -> list[str]:
        """Return the classes.

        Raises:
            ValueError: If those given are not the training file's, or if none are given and the
                file does not say them.
        """
        path = Path(self.data_root, self.train)
        categories = self._training["categories"]
        found = [c.get("name") if isinstance(c, dict) else None for c in categories]
        if self.classes:
            if missing := [name for name in self.classes if name not in found]:
                raise ValueError(
                    f"--classes names {few(missing)}, but the categories of {path} are "
                    f"{few(found, 20) or 'none'}."
                )
            if len(set(self.classes)) < len(self.classes):
                raise ValueError(f"--classes names one twice: {list(self.classes)}.")
            return list(self.classes)
        if not found or not all(isinstance(name, str) for name in found):
            raise ValueError(
                f"The classes cannot be read from {path}: its categories need a 'name' each, of "
                f"text. Got {few(categories, 20) or 'none'}. Mend it, or name them with --classes."
            )
        if len(set(found)) < len(found):
            raise ValueError(f"{path} has categories of the same name: {found}. Mend the file.")
        return found

    def round_sizes(
        self, rounds: int, initial: int | None, budget: int | None, people: bool
    ) -> tuple[int, int]:
        """Return how many samples to label at first and in a round.

        Args:
            rounds: How many rounds there are.
            initial: By default 100, or less: at most a tenth of the samples and an equal share of
                all rounds, at least 2.
            budget: The same.
            people: Whether samples are people, not images.

        Raises:
            ValueError: If there are not so many samples.
        """
        count = len(self._training["annotations" if people else "images"])
        usual = min(USUAL_ROUND, max(count // max(rounds, 10), 2))
        initial, budget = (usual if given is None else given for given in (initial, budget))
        if (needed := initial + (rounds - 1) * budget) > count:
            raise ValueError(
                f"{Path(self.data_root, self.train)} has {count} {'people' if people else 'images'}"
                f"; --rounds {rounds} with --initial {initial} and --budget {budget} label "
                f"{needed}. Name fewer --rounds, or a smaller --initial and --budget."
            )
        return initial, budget

    def check(self) -> None:
        """Check that files and folder are there and look like COCO's.

        Raises:
            ValueError: If they do not.
        """
        _ = self._training
        _coco_file(Path(self.data_root, self.test), "--test")
        if not (images := Path(self.data_root, self.images)).is_dir():
            raise ValueError(f"There is no folder {images}. Mend --data-root and --images.")


def _coco_file(path: Path, option: str) -> dict:
    """Read a COCO file."""
    mend = f"Mend --data-root and {option}, or the file."
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}. {mend}") from error
    except ValueError as error:
        raise ValueError(f"{path} is no JSON: {error}. {mend}") from error
    missing = [k for k in ("images", "annotations", "categories") if not _has_list(content, k)]
    if missing:
        raise ValueError(f"{path} is no COCO file: it has no list of {', '.join(missing)}. {mend}")
    return content


def _has_list(content: object, key: str) -> bool:
    return isinstance(content, dict) and isinstance(content.get(key), list)
