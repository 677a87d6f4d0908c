"""A pipeline whose results, features included, were computed before."""

import copy
import hashlib
import json
import marshal
import os
import pickle
import random
from collections.abc import Mapping, Sequence, Set
from pathlib import PurePath

import numpy as np
import torch
from mmcv.transforms import BaseTransform
from mmengine.dataset import Compose
from torch import Tensor

from mmal.registry import TRANSFORMS
from mmal.utils import preserved_random_state

from ..feature_store import CachedFeaturesError, FeatureStore

#: What of a data info is not about the sample: its place in the split, and, in MMPose, the split.
_PLACE = frozenset({"sample_idx", "dataset"})
#: Types that are told apart by what ``marshal`` writes of them.
_PLAIN = (str, int, float, bool, type(None))


@TRANSFORMS.register_module()
class CachedViews(BaseTransform):
    """Stands in the place of a whole pipeline: hands out what that made of a sample before.

    A random pipeline makes a different view of a sample each time. Here it made a few, drawn by
    seeds of their own, and each call hands out one of these at random. Instead of the image
    ``inputs`` has the features of all levels in one vector, for
    :class:`mmal.models.CachedBackbone`.

    A sample is known by all that the data set says of it and by size and time of change of the
    files that it names: after a change it is another sample.

    Args:
        pipeline: Config of the pipeline.
        store: Path of the :class:`mmal.datasets.FeatureStore`.
        views: How many views there are of a sample.
    """

    def __init__(self, pipeline: Sequence[dict], store: str, views: int = 1) -> None:
        self.views = views
        self.transforms = Compose(copy.deepcopy(list(pipeline))).transforms
        self._store = FeatureStore(store)
        described = json.dumps(list(pipeline), sort_keys=True, default=repr)
        self._pipeline = hashlib.blake2b(described.encode(), digest_size=16).digest()

    def transform(self, results: dict) -> dict | None:
        """Return a view of a sample; None if the pipeline rejected it.

        Raises:
            CachedFeaturesError: If the view is not in the store.
        """
        keys = self.keys(results)
        key = keys[np.random.randint(self.views)] if self.views > 1 else keys[0]
        try:
            packed, features = self._store.read(key)
        except KeyError:
            raise CachedFeaturesError(
                f"the features of {results.get('img_path', 'an image in memory')} are not in "
                f"{self._store.path}: the image or its annotation was changed, or the file "
                "removed, since the run began. Run again, with --resume: they are computed."
            ) from None
        if packed is None:
            return None
        sample = pickle.loads(packed)
        if "sample_idx" in sample.metainfo_keys() and "sample_idx" in results:
            sample.set_metainfo(dict(sample_idx=results["sample_idx"]))
        vector = torch.from_numpy(np.frombuffer(features, np.float16).copy())
        return dict(inputs=vector, data_samples=sample)

    def make(self, results: dict, key: bytes) -> dict | None:
        """Send a sample through the pipeline with the random numbers of the view of a key."""
        seed = int.from_bytes(key[:4], "little")
        with preserved_random_state():
            random.seed(seed)
            np.random.seed(seed)
            torch.default_generator.manual_seed(seed)  # torch.manual_seed looks for GPUs, too
            made = {k: v if k in _PLACE else copy.deepcopy(v) for k, v in results.items()}
            for transform in self.transforms:
                made = transform(made)
                if made is None:
                    return None
        return made

    def keys(self, results: dict) -> list[bytes]:
        """Return the keys of a sample's views.

        Raises:
            ValueError: If the data set says something that cannot be told apart.
        """
        digest = hashlib.blake2b(_described(results), digest_size=16, key=self._pipeline)
        keys = []
        for view in range(self.views):
            of_view = digest.copy()
            of_view.update(view.to_bytes(4, "little"))
            keys.append(of_view.digest())
        return keys


def _described(results: dict) -> bytes:
    described = sorted((k, v) for k, v in results.items() if k not in _PLACE)
    files = [_file_state(v) for k, v in described if k.endswith("_path") and isinstance(v, str)]
    # Version 2 does not tell equal objects from the same one.
    if all(isinstance(v, (*_PLAIN, list, dict)) for _, v in described):
        try:
            return marshal.dumps((described, files), 2)
        except ValueError:  # of types that are not Python's own, somewhere inside
            pass
    return marshal.dumps(([(k, _plain(v, k)) for k, v in described], files), 2)


def _file_state(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except OSError:  # on a file system that only a backend reads
        return None
    return found.st_size, found.st_mtime_ns


def _plain(value: object, name: str) -> object:
    """Return a value in Python's own types, by which equal values are equal bytes."""
    if type(value) in _PLAIN:
        return value
    if isinstance(value, Mapping):
        return [(_plain(k, name), _plain(v, f"{name}.{k}")) for k, v in value.items()]
    if isinstance(value, list | tuple):
        return [_plain(v, name) for v in value]
    if isinstance(value, Set):
        return sorted(_plain(v, name) for v in value)
    if isinstance(value, Tensor):
        value = value.detach().cpu().numpy()
    if isinstance(value, np.ndarray) and value.dtype.hasobject:
        return _plain(value.tolist(), name)
    if isinstance(value, np.ndarray | np.generic):
        return value.dtype.str, np.shape(value), np.ascontiguousarray(value).tobytes()
    if isinstance(value, str | PurePath):
        return str(value)
    if isinstance(value, type):
        return repr(value)
    raise ValueError(
        f"Features cannot be cached: the data set says {value!r} of a sample ({name}), of which it "
        "is not known when it changes. Use numbers, strings, arrays, lists and dicts of such."
    )
