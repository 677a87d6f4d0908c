"""Computing the features that are not there yet."""

import hashlib
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from filelock import FileLock
from mmengine.dataset import BaseDataset, ConcatDataset, RepeatDataset, pseudo_collate
from rich.progress import track
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from mmal.datasets import FeatureStore, PoolDataset, View, packed_sample

from .settings import CachedFeatures

#: Samples between two commits to the disk.
_COMMIT = 512
#: Images a forward pass: of more, feature maps do not stay in a processor's cache.
_BATCH = 32


def fill(
    store: FeatureStore,
    sets: Mapping[str, Callable[[], Any]],
    model: nn.Module,
    settings: CachedFeatures,
    num_workers: int,
) -> None:
    """Compute the features of all views that are missing, and keep them.

    It may be interrupted, and goes on where it was. Of several processes one computes.

    Args:
        store: Gets views and features.
        sets: What builds data sets whose pipelines are :class:`mmal.datasets.CachedViews`, by what
            they are.
        model: The model whose backbone and data preprocessor they are of, in evaluation mode.
        settings: How.
        num_workers: Data loader workers.

    Raises:
        ValueError: If an image gives features of other shapes than the first.
        OSError: If there is no room for them.
    """
    store.path.parent.mkdir(parents=True, exist_ok=True)
    writer = _Writer(store, model, settings)
    with FileLock(f"{store.path}.lock"):
        for name, build in sets.items():
            orders = _Orders(list(_leaves(build())))
            loader = DataLoader(orders, _COMMIT, num_workers=num_workers, collate_fn=_flattened)
            for found in track(loader, f"features of {name}", transient=True):
                writer.write(found)


class _Orders(Dataset):
    """What is missing of each sample of some data sets."""

    def __init__(self, leaves: Sequence[BaseDataset]) -> None:
        self._places = [(leaf, i) for leaf in leaves for i in range(len(leaf))]
        for leaf in leaves:
            leaf.pipeline.transforms[0].missing = True

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, index: int) -> list[tuple[bytes, dict | None]]:
        leaf, i = self._places[index]
        return leaf.prepare_data(i)


class _Writer:
    """Turns what pipelines made into views and features on disk."""

    def __init__(self, store: FeatureStore, model: nn.Module, settings: CachedFeatures) -> None:
        self._store = store
        self._model = model.to(memory_format=torch.channels_last)  # quicker on CPUs
        self._average = settings.average

    def write(self, found: Sequence[tuple[bytes, dict | None]]) -> None:
        """Compute and keep the features of what pipelines made, by key; None: rejected."""
        views, images = [], {}
        for key, packed in found:
            if packed is None:
                views.append(View(key, None, None))
                continue
            data = self._model.data_preprocessor(pseudo_collate([packed]), False)
            image, (sample,) = data["inputs"], data["data_samples"]
            digest = hashlib.blake2b(image.cpu().numpy().tobytes(), digest_size=16).digest()
            views.append(View(key, packed_sample(sample), digest))
            if digest not in images and not self._store.has_features(digest):
                images[digest] = image, sample.metainfo.get("img_path", "an image in memory")
        features = {}
        for batch in _batches(list(images), _BATCH, lambda d: images[d][0].shape):
            levels = self._levels(torch.cat([images[digest][0] for digest in batch]))
            self._check_shapes(levels, images[batch[0]][1])
            flat = torch.cat([level.flatten(1) for level in levels], dim=1).half().cpu().numpy()
            features.update(zip(batch, (row.tobytes() for row in flat), strict=True))
        if views:
            try:
                self._store.add(views, features)
            except sqlite3.OperationalError as error:
                raise OSError(
                    f"active_learning.cached_features: {self._store.path} cannot be written: "
                    f"{error}. What is in it stays. Make room, or set cached_features.folder."
                ) from error

    @torch.no_grad()
    def _levels(self, images: Tensor) -> list[Tensor]:
        levels = self._model.backbone(images.contiguous(memory_format=torch.channels_last))
        levels = [levels] if isinstance(levels, Tensor) else list(levels)
        if self._average:
            levels = [level.mean(dim=(2, 3), keepdim=True) for level in levels]
        return levels

    def _check_shapes(self, levels: Sequence[Tensor], img_path: str) -> None:
        found = [tuple(level.shape[1:]) for level in levels]
        if not (known := self._store.shapes):
            self._store.shapes = found
        elif found != known:
            raise ValueError(
                f"active_learning.cached_features: {img_path} gives features of the shapes "
                f"{found}, others of {known}. All images have to be of one size: resize them to it "
                "(keep_ratio=False) in the pipelines, or set average=True."
            )


def _leaves(dataset: Any) -> Iterator[BaseDataset]:
    """Yield the data sets inside wrappers."""
    if isinstance(dataset, PoolDataset):
        yield from dataset.leaves
    elif isinstance(dataset, ConcatDataset):
        for child in dataset.datasets:
            yield from _leaves(child)
    elif isinstance(dataset, RepeatDataset):
        yield from _leaves(dataset.dataset)
    else:
        yield dataset


def _flattened(orders: list[list]) -> list:
    return [order for missing in orders for order in missing]


def _batches(items: list, size: int, kind: Callable) -> Iterator[list]:
    """Yield the items in batches of one kind."""
    by_kind: dict = {}
    for item in items:
        by_kind.setdefault(kind(item), []).append(item)
    for group in by_kind.values():
        for begin in range(0, len(group), size):
            yield group[begin : begin + size]
