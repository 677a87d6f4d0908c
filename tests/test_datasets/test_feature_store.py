"""Views and features on disk."""

import pickle
from multiprocessing import get_context
from pathlib import Path

import pytest

from mmal.datasets import FeatureStore, View


def test_views_of_one_image_share_its_features(tmp_path: Path) -> None:
    store = FeatureStore(tmp_path / "new" / "store.sqlite")
    assert store.keys() == set()
    assert not store.has_features(b"image")
    store.add([View(b"a", b"first", b"image"), View(b"b", b"second", b"image")], {b"image": b"1 2"})
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
        store.add([View(b"a", b"", b"image"), View(b"b", object(), b"image")], {b"image": b""})
    assert store.keys() == set()
    assert not store.has_features(b"image")


def test_shapes_are_kept(tmp_path: Path) -> None:
    store = FeatureStore(tmp_path / "store.sqlite")
    assert store.shapes == []
    store.shapes = [(96, 10, 8), (1280, 5, 4)]
    assert FeatureStore(store.path).shapes == [(96, 10, 8), (1280, 5, 4)]


def _read(store: FeatureStore) -> tuple:
    return store.read(b"a")


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_other_processes_open_the_file_for_themselves(tmp_path: Path, method: str) -> None:
    store = FeatureStore(tmp_path / "store.sqlite")
    store.add([View(b"a", b"sample", b"image")], {b"image": b"1"})
    with get_context(method).Pool(1) as pool:
        assert pool.apply(_read, (store,)) == (b"sample", b"1")
    assert pickle.loads(pickle.dumps(store)).read(b"a") == (b"sample", b"1")
