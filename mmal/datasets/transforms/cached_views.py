"""A pipeline whose results, features included, were computed before."""

import copy
import hashlib
import json
import marshal
import os
import pickle
import random
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from mmcv.transforms import BaseTransform
from mmengine.dataset import Compose

from mmal.registry import TRANSFORMS
from mmal.utils import preserved_random_state

from ..feature_store import FeatureStore

#: What of a data info is not about the sample: its place in the split, and, in MMPose, the split.
_PLACE = frozenset({"sample_idx", "dataset"})


@TRANSFORMS.register_module()
class CachedViews(BaseTransform):
    """Stands in the place of a whole pipeline: hands out what that made of a sample before.

    A random pipeline makes a different view of a sample each time. Here it made a few, drawn by
    seeds of their own, and each call hands out one of these at random. Instead of the image
    ``inputs`` has the features of all levels in one vector, for
    :class:`mmal.models.CachedBackbone`.

    A sample is known by all that the data set says of it and by size and time of change of its
    image file: after a change it is another sample.

    Args:
        pipeline: Config of the pipeline.
        store: Path of the :class:`mmal.datasets.FeatureStore`.
        views: How many views there are of a sample.

    Attributes:
        missing: Whether to return what is not there yet, instead: a list of (key, what the
            pipeline made). :func:`mmal.engine.cached_features.fill` asks for it.
    """

    def __init__(self, pipeline: Sequence[dict], store: str, views: int = 1) -> None:
        self.views = views
        self.missing = False
        self.transforms = Compose(copy.deepcopy(list(pipeline))).transforms
        self._store = FeatureStore(store)
        self._known: set[bytes] | None = None
        described = json.dumps(list(pipeline), sort_keys=True, default=repr)
        self._pipeline = hashlib.blake2b(described.encode(), digest_size=16).digest()

    def transform(self, results: dict) -> dict | list | None:
        """Return a view of a sample; None if the pipeline rejected it.

        Raises:
            KeyError: If the view is not in the store.
        """
        keys = self._keys(results)
        if self.missing:
            if self._known is None:
                self._known = self._store.keys()
            return [(key, self._make(results, key)) for key in keys if key not in self._known]
        key = keys[np.random.randint(self.views)] if self.views > 1 else keys[0]
        try:
            sample, features = self._store.read(key)
        except KeyError:
            raise KeyError(
                f"{results.get('img_path', 'an image in memory')}: its features are not in "
                f"{self._store.path}. The image or its annotation was changed during the run; "
                "resume it, and they are computed."
            ) from None
        if sample is None:
            return None
        vector = torch.from_numpy(np.frombuffer(features, np.float16).copy())
        return dict(inputs=vector, data_samples=pickle.loads(sample))

    def _make(self, results: dict, key: bytes) -> dict | None:
        """Send a sample through the pipeline with the random numbers of a view."""
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

    def _keys(self, results: dict) -> list[bytes]:
        described = sorted((k, v) for k, v in results.items() if k not in _PLACE)
        described.append(("file", _file_state(results.get("img_path"))))
        # Version 2 does not tell equal objects from the same one.
        try:
            content = marshal.dumps(described, 2)
        except ValueError:  # it knows Python's own types and arrays
            content = marshal.dumps(_plain(described), 2)
        digest = hashlib.blake2b(content, digest_size=16, key=self._pipeline)
        keys = []
        for view in range(self.views):
            of_view = digest.copy()
            of_view.update(view.to_bytes(4, "little"))
            keys.append(of_view.digest())
        return keys


def _file_state(path: str | None) -> tuple[int, int] | None:
    try:
        found = os.stat(path) if path else None
    except OSError:  # on a file system that only a backend reads
        found = None
    return found and (found.st_size, found.st_mtime_ns)


def _plain(value: object) -> object:
    """Return a value with Python's own types in the place of those derived from them."""
    if isinstance(value, Mapping):
        return {_plain(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if value is None or isinstance(value, bool | int | float | str | bytes | np.ndarray):
        return value
    return repr(value)
