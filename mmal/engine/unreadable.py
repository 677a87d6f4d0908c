"""Images of a pool that cannot be read: left out and listed, as long as they are few."""

import csv
import functools
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from torch.utils.data import Dataset

from mmal.datasets import PoolDataset
from mmal.datasets.audit.images import inspect_image
from mmal.structures import UnreadableImage
from mmal.utils import atomic_path, few, spreadsheet_text

#: The share of the candidates that may be unreadable, unless a config says otherwise.
UNREADABLE_SHARE = 0.01
SKIPPED_FILE = "skipped.csv"


class UnreadableImagesError(ValueError):
    """More images cannot be read than may be left out."""


class SkipUnreadable(Dataset):
    """Hands out an :class:`UnreadableImage` in place of a sample whose image cannot be read.

    Any other failure of the pipeline stays an error.

    Args:
        dataset: The unlabelled split of a pool.
    """

    def __init__(self, dataset: PoolDataset) -> None:
        self._dataset = dataset

    def __len__(self) -> int:
        return len(self._dataset)

    def get_data_info(self, index: int) -> dict:
        """Return the data info of a sample."""
        return self._dataset.get_data_info(index)

    def __getitem__(self, index: int) -> Any:
        try:
            return self._dataset[index]
        except Exception:  # a pipeline says in many ways that there is no image
            if (image := unreadable_image(self._dataset, index, failed=True)) is not None:
                return image
        return self._dataset[index]  # the disk hiccuped, or the pipeline fails for its own reasons


def unreadable_image(
    dataset: PoolDataset, index: int, failed: bool = False
) -> UnreadableImage | None:
    """Open and decode the image of a sample; None if there is nothing wrong with it.

    Args:
        dataset: The unlabelled split of a pool.
        index: The sample's place.
        failed: Whether loading it failed already: a file that ends early is at fault then, which
            most decoders fill with grey.
    """
    if (file := dataset.image_file(index)) is None:
        return None
    fact = inspect_image(*file)
    if not (fact.is_unreadable or (failed and fact.problem)):
        return None
    return UnreadableImage(dataset.sample_name(index)[0], file[0], fact.says)


class PoolImages:
    """The image files of a data set by the ids of its samples.

    Args:
        dataset: The unlabelled split of a pool.
    """

    def __init__(self, dataset: PoolDataset) -> None:
        self._dataset = dataset

    @property
    def paths(self) -> dict[str, str]:
        """The image file of every sample; of an image in memory the sample's id again."""
        return self._named[0]

    def unreadable(self, ids: Iterable[str]) -> list[UnreadableImage]:
        """Open and decode the images of some samples; return those that cannot be read."""
        _, places = self._named
        indices = [places[sample_id] for sample_id in ids]
        with ThreadPoolExecutor() as threads:
            found = threads.map(functools.partial(unreadable_image, self._dataset), indices)
            return [image for image in found if image is not None]

    @functools.cached_property
    def _named(self) -> tuple[dict[str, str], dict[str, int]]:
        paths: dict[str, str] = {}
        places: dict[str, int] = {}
        for index in range(len(self._dataset)):
            sample_id, path = self._dataset.sample_name(index)
            paths[sample_id], places[sample_id] = path, index
        return paths, places


def first_readable(
    first: Callable[[int], list[str]],
    count: int,
    candidates: int,
    unreadable: Callable[[Iterable[str]], list[UnreadableImage]],
    share: float,
) -> tuple[list[str], list[UnreadableImage]]:
    """Choose samples whose images can be read; what replaces others is what comes next.

    Args:
        first: Returns so many ids, best first, out of the candidates.
        count: How many are wanted.
        candidates: How many there are.
        unreadable: Opens the images of samples and returns those that cannot be read.
        share: How many of the candidates may be such.

    Returns:
        The ids, and the images that were left out.

    Raises:
        UnreadableImagesError: If those are too many.
    """
    seen: set[str] = set()
    skipped: list[UnreadableImage] = []
    while True:
        chosen = first(min(count + len(skipped), candidates))
        skipped += unreadable([sample_id for sample_id in chosen if sample_id not in seen])
        seen.update(chosen)
        refuse_many(skipped, candidates, share)
        bad = {image.id for image in skipped}
        good = [sample_id for sample_id in chosen if sample_id not in bad]
        if len(good) >= count:
            return good[:count], skipped
        if len(chosen) == candidates:
            raise UnreadableImagesError(
                f"{count} samples are to be picked, but of {candidates:,} candidates only "
                f"{len(good):,} have images that can be read. Mend the others: "
                f"{_named(skipped)}."
            )


def refuse_many(skipped: Sequence[UnreadableImage], candidates: int, share: float) -> None:
    """Refuse to leave out more than a share of the candidates.

    Raises:
        UnreadableImagesError: If more cannot be read; the message names some.
    """
    count = len({image.id for image in skipped})
    if count <= share * candidates and count < candidates:
        return
    raise UnreadableImagesError(
        f"The images of {count:,} of {candidates:,} candidates cannot be read, and at most the "
        f"share {share:.4g} may be left out (active_learning.unreadable): {_named(skipped)}. Is a "
        "disk missing? Mend the files, or allow more."
    )


def refuse_labeled(skipped: Sequence[UnreadableImage], labeled: Iterable[str]) -> None:
    """Refuse labelled samples without an image: they cannot be left out.

    Raises:
        UnreadableImagesError: If one of those that were skipped is labelled.
    """
    known = set(labeled)
    if bad := [image for image in skipped if image.id in known]:
        raise UnreadableImagesError(
            f"{len(bad)} labelled images cannot be read: {_named(bad)}. Put the files back."
        )


def write_skipped(path: Path, skipped: Sequence[UnreadableImage]) -> None:
    """Write id, path and reason of images that were left out as CSV, atomically; none: no file."""
    if not skipped:
        path.unlink(missing_ok=True)  # of an earlier attempt
        return
    with (
        atomic_path(path) as tmp,
        open(tmp, "w", newline="", encoding="utf-8", errors="surrogateescape") as file,
    ):
        writer = csv.writer(file)
        writer.writerow(["id", "path", "reason"])
        for image in skipped:
            writer.writerow(map(spreadsheet_text, (image.id, image.path, image.reason)))


def check_share(share: object, where: str) -> None:
    """Refuse what is no share.

    Raises:
        ValueError: If it is no number in 0..1.
    """
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 1:
        raise ValueError(f"{where} must be a share in 0..1. Got {share!r} instead.")


def _named(images: Sequence[UnreadableImage]) -> str:
    return few([str(image) for image in images]).replace("'", "")
