"""Views and features on disk."""

import pickle
from multiprocessing import get_context
from pathlib import Path

import pytest
import torch
from mmengine.structures import InstanceData

from mmal.datasets import FeatureStore, View, packed_sample
from mmal.datasets.feature_store import Features

FEATURES = Features(((96, 10, 8), (1280, 5, 4)), b"1 2")


def test_views_of_one_image_share_its_features(tmp_path: Path) -> None:
    store = FeatureStore(tmp_path / "new" / "store.sqlite")
    assert store.keys() == set()
    assert not store.has_features(b"image")
    store.add(
        [View(b"a", b"first", b"image"), View(b"b", b"second", b"image")], {b"image": FEATURES}
    )
    store.add([View(b"c", None, None)], {})
    assert store.has_features(b"image")
    assert store.keys() == {b"a", b"b", b"c"}
    assert store.read(b"a") == (b"first", b"1 2")
    assert store.read(b"b") == (b"second", b"1 2")
    assert store.read(b"c") == (None, None)
    with pytest.raises(KeyError):
        store.read(b"d")


def test_adding_is_all_or_nothing(tmp_path: Path) -> None:
    store = FeatureStore(tmp_path / "store.sqlite")
    with pytest.raises(Exception, match="type 'object' is not supported"):
        store.add([View(b"a", b"", b"image"), View(b"b", object(), b"image")], {b"image": FEATURES})
    assert store.keys() == set()
    assert not store.has_features(b"image")


def test_shapes_are_those_of_each_image(tmp_path: Path) -> None:
    store = FeatureStore(tmp_path / "store.sqlite")
    other = Features(((8, 1, 1),), b"3")
    views = [View(b"a", b"", b"image"), View(b"b", b"", b"small"), View(b"c", None, None)]
    store.add(views, {b"image": FEATURES, b"small": other})
    assert store.shapes(b"a") == ((96, 10, 8), (1280, 5, 4))
    assert store.shapes(b"b") == ((8, 1, 1),)
    assert store.shapes(b"c") is None
    with pytest.raises(KeyError):
        store.shapes(b"d")


def test_samples_are_packed_without_torchs_own_pickles() -> None:
    sample = InstanceData(bboxes=torch.rand(3, 4), labels=torch.tensor([2, 0, 1]))
    packed = packed_sample(dict(inputs=torch.tensor(5), sample=sample))
    assert b"torch.storage" not in packed
    found = pickle.loads(packed)
    assert found["inputs"].item() == 5
    assert torch.equal(found["sample"].bboxes, sample.bboxes)
    assert torch.equal(found["sample"].labels, sample.labels)


def _read(store: FeatureStore) -> tuple:
    return store.read(b"a")


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_other_processes_open_the_file_for_themselves(tmp_path: Path, method: str) -> None:
    store = FeatureStore(tmp_path / "store.sqlite")
    store.add([View(b"a", b"sample", b"image")], {b"image": FEATURES})
    with get_context(method).Pool(1) as pool:
        assert pool.apply(_read, (store,)) == (b"sample", b"1 2")
    assert pickle.loads(pickle.dumps(store)).read(b"a") == (b"sample", b"1 2")
