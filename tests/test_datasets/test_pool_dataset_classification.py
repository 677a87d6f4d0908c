"""Tests of the pool with images that have classes, in folders and in memory."""

import json
from pathlib import Path

import pytest
from mmengine.registry import DATASETS, init_default_scope

from mmal.datasets import PoolDataset
from mmal.structures import Pool
from tests.classifiers import needs_mmpretrain, tiny_cifar, write_folders

pytestmark = needs_mmpretrain
PACK = dict(type="PackInputs")
LOAD = dict(type="LoadImageFromFile")


@pytest.fixture(autouse=True)
def _scope() -> None:
    init_default_scope("mmpretrain")


@pytest.fixture
def folders(tmp_path: Path) -> dict:
    write_folders(tmp_path / "train", dict(cat=3, dog=2))
    return dict(
        type="CustomDataset", data_root=str(tmp_path), data_prefix="train", pipeline=[LOAD, PACK]
    )


@pytest.fixture
def cifar(tmp_path: Path) -> dict:
    return dict(tiny_cifar(tmp_path), split="train", pipeline=[PACK])


def pool_with(config: dict, places: list[int]) -> Pool:
    pool = PoolDataset(config, split="unlabeled").pool
    pool.commit([pool.ids[i] for i in places], "initial", None)
    return pool


def test_ids_of_folders_are_paths(folders: dict) -> None:
    ids = PoolDataset(folders, split="unlabeled").pool.ids
    expected = [f"train/cat/{i}.png" for i in range(3)] + [f"train/dog/{i}.png" for i in range(2)]
    assert ids == expected


def test_ids_of_images_in_memory_are_places_in_their_split(cifar: dict) -> None:
    train, test = ({**cifar, "split": split} for split in ("train", "test"))
    ids = PoolDataset(train, split="unlabeled").pool.ids
    assert ids == [f"TinyCIFAR/train/{i:02d}" for i in range(16)]
    ids = PoolDataset(test, split="unlabeled").pool.ids
    assert ids == [f"TinyCIFAR/test/{i}" for i in range(5)]
    both = dict(type="ConcatDataset", datasets=[train, test])
    assert len(PoolDataset(both, split="unlabeled").pool.ids) == 21


@pytest.mark.parametrize("source", ["folders", "cifar"])
def test_unlabelled_images_show_no_label(source: str, request: pytest.FixtureRequest) -> None:
    config = request.getfixturevalue(source)
    dataset = PoolDataset(config, split="unlabeled")
    plain = DATASETS.build(config)
    for i in range(len(dataset)):
        assert "gt_label" not in dataset.get_data_info(i)
        packed = dataset[i]
        assert "gt_label" not in packed["data_samples"]
        assert packed["data_samples"].sample_id == dataset.pool.ids[i]
        assert packed["inputs"].equal(plain[i]["inputs"])


@pytest.mark.parametrize("source", ["folders", "cifar"])
def test_labelled_images_are_those_of_the_plain_data_set(
    source: str, request: pytest.FixtureRequest
) -> None:
    config = request.getfixturevalue(source)
    places = [3, 1]
    dataset = PoolDataset(config, pool_with(config, places))
    plain = DATASETS.build(config)
    assert len(dataset) == 2
    for i, place in enumerate(sorted(places)):
        assert dataset[i]["inputs"].equal(plain[place]["inputs"])
        assert dataset[i]["data_samples"].gt_label.equal(plain[place]["data_samples"].gt_label)
        assert dataset.get_cat_ids(i) == plain.get_cat_ids(place)


def test_labels_are_counted_by_class(cifar: dict) -> None:
    places = [0, 10, 3]  # classes 0, 0 and 3: the place modulo 10
    dataset = PoolDataset(cifar, pool_with(cifar, places))
    assert dataset.annotation_counts() == dict(labels=3)
    names = DATASETS.build(cifar).metainfo["classes"]
    expected = {name: [2, 0, 0, 1, 0, 0, 0, 0, 0, 0][i] for i, name in enumerate(names)}
    assert dataset.label_histogram() == expected
    assert sum(dataset.label_histogram({"TinyCIFAR/train/03"}).values()) == 1


def test_several_labels_an_image_count_each(tmp_path: Path) -> None:

    labels = [[0, 2], [], [2]]
    entries = [dict(img_path=f"{i}.png", gt_label=label) for i, label in enumerate(labels)]
    content = dict(metainfo=dict(classes=["a", "b", "c"]), data_list=entries)
    (tmp_path / "labels.json").write_text(json.dumps(content))
    config = dict(type="MultiLabelDataset", data_root=str(tmp_path), ann_file="labels.json")
    dataset = PoolDataset(config, pool_with(config, [0, 1, 2]))
    assert dataset.annotation_counts() == dict(labels=3)
    assert dataset.label_histogram() == dict(a=1, b=0, c=2)


def test_an_image_in_memory_is_named_by_its_id(folders: dict, cifar: dict) -> None:
    assert PoolDataset(cifar, split="unlabeled").sample_name(2) == ("TinyCIFAR/train/02",) * 2
    sample_id, path = PoolDataset(folders, split="unlabeled").sample_name(2)
    assert sample_id == "train/cat/2.png"
    assert Path(path).parts[-3:] == ("train", "cat", "2.png")


def test_data_sets_that_choose_their_files_by_test_mode(tmp_path: Path) -> None:
    """The unlabelled split is in test mode, and of the training images all the same."""
    from mmpretrain.datasets import BaseDataset

    class Chooser(BaseDataset):
        def __init__(self, **kwargs) -> None:  # as Food101, it takes no test_mode
            super().__init__(ann_file="", test_mode=False, **kwargs)

        def load_data_list(self) -> list[dict]:
            name = "test" if self.test_mode else "train"
            return [dict(img_path=f"{tmp_path}/{name}.png", gt_label=0)]

    config = dict(type=Chooser, data_root=str(tmp_path))
    assert PoolDataset(config, split="unlabeled").pool.ids == ["train.png"]


def test_data_sets_of_another_kind_are_refused() -> None:
    config = dict(type="MultiTaskDataset", ann_file="a.json", metainfo={}, pipeline=[])
    with pytest.raises(TypeError, match="BaseDataset, which MultiTaskDataset is not"):
        PoolDataset(config, split="unlabeled")
