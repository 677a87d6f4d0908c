"""What the toy data sets share: which scenes are hard, and a folder that appears all at once.

A data set has two parts: 0 is for training, 1 for testing.
"""

import json
import logging
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import cv2
import numpy as np

JPEG_QUALITY = 92
BLOCK = 10
"""Each run of so many images holds exactly the wanted number of hard scenes."""
HARD_PER_BLOCK = (3, 5)
"""That number, for each part."""

logger = logging.getLogger(__name__)


def fill_folder(
    folder: str | Path, manifest: str, spec: Mapping[str, int], write: Callable[[Path], None]
) -> Path:
    """Write a data set, unless the very same one is already there.

    The folder appears at once when all is written, so an interruption leaves no half data set.

    Args:
        folder: Folder to create; its parents are created as well.
        manifest: Name of a file in the folder, which records what was generated.
        spec: All that decides what the data set looks like.
        write: Writes all but the manifest into a new, empty folder.

    Returns:
        ``folder`` as a path.

    Raises:
        FileExistsError: If ``folder`` holds anything but this data set.
    """
    folder = Path(folder)
    if _holds(folder, manifest, spec):
        logger.info("%s already holds this data set, nothing to do.", folder)
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as scratch:
        unfinished = Path(scratch) / folder.name
        unfinished.mkdir()
        write(unfinished)
        (unfinished / manifest).write_text(json.dumps(spec, indent=2) + "\n")
        if folder.exists():
            folder.rmdir()  # empty, as checked above; renaming onto it fails on some systems
        unfinished.rename(folder)
    logger.info("Wrote a toy data set to %s: %s.", folder, spec)
    return folder


def check_least(values: Mapping[str, int], **least: int) -> None:
    """Raise ValueError unless the named values are integers and large enough."""
    for name, bound in least.items():
        value = values[name]
        if not isinstance(value, int) or value < bound:
            raise ValueError(f"{name} must be an integer of at least {bound}, got {value!r}.")


def is_hard(part: int, index: int, seed: int) -> bool:
    """Whether image ``index`` of a part is a hard scene.

    Each block of ten images draws which of them are hard, which keeps the proportions exact
    without making an image depend on how many there are.
    """
    block, place = divmod(index, BLOCK)
    order = _make_rng(seed, part, 0, block).permutation(BLOCK)
    return bool(order[place] < HARD_PER_BLOCK[part])


def make_scene_rng(part: int, index: int, seed: int) -> np.random.Generator:
    """Make the source of randomness for image ``index`` of a part, independent of all others."""
    return _make_rng(seed, part, 1, index)


def write_jpeg(path: Path, image: np.ndarray) -> None:
    """Write an RGB image as JPEG."""
    # cv2.imwrite reports failure only by its return value; write_bytes raises.
    _, data = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    path.write_bytes(data.tobytes())


def _make_rng(seed: int, *key: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))


def _holds(folder: Path, manifest: str, spec: Mapping[str, int]) -> bool:
    """Whether the folder holds the data set (True) or is free (False); raises otherwise."""
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return False
    if not (folder / manifest).is_file():
        raise FileExistsError(
            f"out_dir must be absent, empty or a toy data set, but {folder} holds something "
            f"else (no {manifest}). Choose another out_dir."
        )
    found = json.loads((folder / manifest).read_text())
    if found != spec:
        raise FileExistsError(
            f"{folder} holds a toy data set made with {found}, but {spec} was asked for. "
            "Delete that folder or choose another out_dir."
        )
    return True
