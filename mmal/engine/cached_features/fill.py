"""Computing the features that are not there yet."""

import hashlib
import logging
import pickle
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from filelock import FileLock
from mmengine.dataset import BaseDataset, ConcatDataset, RepeatDataset, pseudo_collate
from mmengine.logging import print_log
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from mmal.datasets import CachedViews, FeatureStore, PoolDataset, View, packed_sample
from mmal.datasets.feature_store import CachedFeaturesError, Features, Shapes
from mmal.models.necks.loss_prediction_neck import pooled
from mmal.utils import tracked

from .settings import CachedFeatures

#: Samples that come from a loader at a time.
_SAMPLES = 16
#: Images a forward pass: of more, feature maps do not stay in a processor's cache.
_BATCH = 32
#: Views, and bytes of features, that are held in memory before they go to the disk.
_VIEWS, _BYTES = 1024, 2**26


def fill(
    store: FeatureStore,
    sets: Mapping[str, Callable[[], Any]],
    model: nn.Module,
    settings: CachedFeatures,
    num_workers: int,
) -> Shapes:
    """Compute the features of all views that are missing, and keep them.

    It may be interrupted, and goes on where it was. Of several processes one computes, and the
    others wait.

    Args:
        store: Gets views and features.
        sets: What builds data sets whose pipelines are :class:`mmal.datasets.CachedViews`, by what
            they are.
        model: The model whose backbone and data preprocessor they are of, in evaluation mode.
        settings: How.
        num_workers: Data loader workers.

    Returns:
        The shapes of an image's features, (C, H, W) a level.

    Raises:
        CachedFeaturesError: If images give features of different shapes, or values that half
            precision does not hold; if the file cannot be written.
    """
    try:
        store.path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{store.path}.lock"):
            writer = _Writer(store, model, settings)
            print_log(f"Features are kept in {store.path}.", logger="current")
            for name, build in sets.items():
                orders = _Orders(list(_leaves(build())), store)
                loader = DataLoader(
                    orders, _SAMPLES, num_workers=num_workers, collate_fn=_flattened
                )
                writer.begin(orders)
                try:
                    for found in tracked(loader, f"features of {name}"):
                        writer.write(found)
                except KeyboardInterrupt:
                    writer.flush()
                    raise
                writer.flush()
        if writer.count:
            print_log(f"{writer.count} views of images were computed.", logger="current")
    except sqlite3.DatabaseError as error:
        raise store.damaged(error) from error
    except OSError as error:
        raise CachedFeaturesError(
            f"the folder {store.path.parent} cannot be made or written: {error}. Set "
            "cached_features.folder to another."
        ) from error
    return writer.shapes


class _Orders(Dataset):
    """What is missing of each sample of some data sets: keys, and what the pipelines made."""

    def __init__(self, leaves: Sequence[BaseDataset], store: FeatureStore) -> None:
        self._known = store.keys()
        self._places = [(leaf, i) for leaf in leaves for i in range(len(leaf))]
        self._views: dict[int, CachedViews] = {}
        for leaf in leaves:
            self._views[id(leaf)] = leaf.pipeline.transforms[0]
            leaf.pipeline = _as_it_is  # data sets add to the data info before the pipeline gets it
        self.count = sum(self._views[id(leaf)].views for leaf, _ in self._places)

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, index: int) -> list[tuple[bytes, bytes | None]]:
        results, views = self._results(index)
        missing = [key for key in views.keys(results) if key not in self._known]
        # Bytes: each tensor that a worker hands over is an open file.
        made = [views.make(results, key) for key in missing]
        packed = [None if one is None else packed_sample(one) for one in made]
        return list(zip(missing, packed, strict=True))

    def known(self) -> Iterator[bytes]:
        """Yield keys of views that are there already: the first of each data set."""
        if not self._known:
            return
        seen = set()
        for index, (leaf, _) in enumerate(self._places):
            if id(leaf) not in seen:
                results, views = self._results(index)
                found = [key for key in views.keys(results) if key in self._known]
                seen.update([id(leaf)] * bool(found))
                yield from found[:1]
                if len(seen) == len(self._views):
                    return

    def _results(self, index: int) -> tuple[dict, CachedViews]:
        leaf, i = self._places[index]
        return leaf.prepare_data(i), self._views[id(leaf)]


class _Writer:
    """Turns what pipelines made into views and features on disk.

    Attributes:
        shapes: Of the features of every image so far.
        count: How many views were taken.
    """

    def __init__(self, store: FeatureStore, model: nn.Module, settings: CachedFeatures) -> None:
        self.shapes: Shapes = ()
        self.count = 0
        self._store = store
        self._model = model.to(memory_format=torch.channels_last)  # quicker on CPUs
        self._average = settings.average
        self._warned = bool(store.keys())  # what is missing of a file that is there is not known
        self._left = 0
        self._views: list[View] = []
        self._images: dict[bytes, tuple[Tensor, str]] = {}
        self._features: dict[bytes, Features] = {}
        self._held = 0  # bytes of them

    def begin(self, orders: _Orders) -> None:
        """Look at what is there of the data sets that come next."""
        self._left = orders.count
        for key in orders.known():
            if (shapes := self._store.shapes(key)) is not None:
                self._check_shapes(shapes, "an image that was seen before")

    def write(self, found: Sequence[tuple[bytes, bytes | None]]) -> None:
        """Take what pipelines made, by key; None: rejected."""
        for key, packed in found:
            self._left -= 1
            self.count += 1
            if packed is None:
                self._views.append(View(key, None, None))
                continue
            made = pickle.loads(packed)
            data = self._model.data_preprocessor(pseudo_collate([made]), False)
            image, (sample,) = data["inputs"], data["data_samples"]
            shape = str(tuple(image.shape)).encode()
            content = image.cpu().numpy().tobytes()
            digest = hashlib.blake2b(content, digest_size=16, key=shape).digest()
            self._views.append(View(key, packed_sample(sample), digest))
            held = digest in self._images or digest in self._features
            if not held and not self._store.has_features(digest):
                self._images[digest] = image, sample.metainfo.get("img_path", "an image in memory")
            if len(self._images) >= _BATCH:
                self._compute()
            if len(self._views) >= _VIEWS or self._held >= _BYTES:
                self.flush()

    def flush(self) -> None:
        """Put on the disk what was taken so far."""
        self._compute()
        if self._views:
            self._store.add(self._views, self._features)
        self._views, self._features, self._held = [], {}, 0

    def _compute(self) -> None:
        by_shape: dict[tuple, list[bytes]] = {}
        for digest, (image, _) in self._images.items():
            by_shape.setdefault(image.shape, []).append(digest)
        for digests in by_shape.values():
            paths = [self._images[digest][1] for digest in digests]
            levels = self._levels(torch.cat([self._images[digest][0] for digest in digests]))
            shapes = tuple(tuple(level.shape[1:]) for level in levels)
            self._check_shapes(shapes, paths[0])
            vectors = torch.cat([level.flatten(1) for level in levels], dim=1).half().cpu()
            for digest, vector, path in zip(digests, vectors, paths, strict=True):
                if not vector.isfinite().all():
                    raise CachedFeaturesError(
                        f"{path} gives features that are not finite, or too large for half "
                        "precision (65,504). Look at the weights and the data preprocessor."
                    )
                self._features[digest] = Features(shapes, vector.numpy().tobytes())
            self._held += vectors.nbytes
            self._warn_of_size(vectors[0].nbytes)
        self._images = {}

    @torch.no_grad()
    def _levels(self, images: Tensor) -> list[Tensor]:
        levels = self._model.backbone(images.contiguous(memory_format=torch.channels_last))
        several = isinstance(levels, list | tuple)
        if not several or not all(isinstance(level, Tensor) for level in levels):
            found = [type(level).__name__ for level in levels] if several else "one tensor"
            raise CachedFeaturesError(
                f"the backbone {type(self._model.backbone).__name__} returns {found}, not a tuple "
                "of feature maps."
            )
        if self._average:
            return [pooled(level)[:, :, None, None] for level in levels]
        return list(levels)

    def _check_shapes(self, found: Shapes, img_path: str) -> None:
        self.shapes = self.shapes or found
        if found != self.shapes:
            raise CachedFeaturesError(
                f"{img_path} gives features of the shapes {list(found)}, others of "
                f"{list(self.shapes)}. All images have to be of one size: resize them to it "
                "(keep_ratio=False) in the pipelines of training and testing."
            )

    def _warn_of_size(self, size: int) -> None:
        needed, free = size * self._left, shutil.disk_usage(self._store.path.parent).free
        if not self._warned and needed > free:
            print_log(
                f"Up to {needed / 2**30:.0f} GB of features will go to {self._store.path.parent}, "
                f"where {free / 2**30:.0f} GB are free.",
                logger="current",
                level=logging.WARNING,
            )
        self._warned = True


def _as_it_is(results: dict) -> dict:
    return results


def _leaves(dataset: Any) -> Iterator[BaseDataset]:
    """Yield the data sets inside wrappers.

    Raises:
        CachedFeaturesError: If there is a wrapper of another kind.
    """
    if isinstance(dataset, PoolDataset):
        yield from dataset.leaves
    elif isinstance(dataset, ConcatDataset):
        for child in dataset.datasets:
            yield from _leaves(child)
    elif isinstance(dataset, RepeatDataset):
        yield from _leaves(dataset.dataset)
    elif isinstance(dataset, BaseDataset):
        yield dataset
    else:
        raise CachedFeaturesError(f"a {type(dataset).__name__} is no data set that is known.")


def _flattened(orders: list[list]) -> list:
    return [order for missing in orders for order in missing]
