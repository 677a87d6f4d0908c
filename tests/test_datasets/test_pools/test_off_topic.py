"""Pools with images of no interest."""

from collections.abc import Callable
from pathlib import Path

import cv2
import pytest
from mmengine.registry import DATASETS, init_default_scope

from mmal.datasets import PoolDataset
from mmal.structures import Pool
from tests.classifiers import needs_mmpretrain, tiny_cifar, write_folders

BOX = ("cat", 5, 6, 25, 26)
PACK = dict(type="PackInputs")


@pytest.fixture
def elsewhere(tmp_path: Path) -> str:
    """A folder with 5 images of 24 x 20 pixels."""
    write_folders(tmp_path / "elsewhere", dict(a=3, b=2))
    return str(tmp_path / "elsewhere")


def off_topic(dataset: dict, images: object, **kwargs) -> dict:
    return dict(type="mmal.OffTopic", dataset=dataset, images=images, **kwargs)


def splits(config: dict, *labeled: str) -> tuple[PoolDataset, PoolDataset]:
    pool = Pool(PoolDataset(config, split="unlabeled").pool.ids)
    pool.commit(labeled, "initial", None)
    return PoolDataset(config, pool, "labeled"), PoolDataset(config, pool, "unlabeled")


def ids_of(dataset: PoolDataset) -> list[str]:
    return [dataset.get_data_info(i)["sample_id"] for i in range(len(dataset))]


@pytest.mark.parametrize("writer", ["write_voc", "write_coco"])
@pytest.mark.parametrize("keeps_empty", [True, False])
def test_images_without_boxes(
    writer: str, keeps_empty: bool, elsewhere: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    init_default_scope("mmdet")
    config = request.getfixturevalue(writer)(tmp_path / "data", dict(x=[BOX], y=[BOX]))
    config["filter_cfg"] = dict(filter_empty_gt=not keeps_empty, min_size=10)
    shaped = off_topic(config, elsewhere)
    own = PoolDataset(config, split="unlabeled").pool.ids
    strange = f"{elsewhere}/a/1.png"
    labeled, unlabeled = splits(shaped, own[0], strange)
    assert labeled.pool.ids == [*own, *(f"{elsewhere}/a/{i}.png" for i in range(3))] + [
        f"{elsewhere}/b/{i}.png" for i in range(2)
    ]
    assert ids_of(labeled) == [own[0], strange][: 1 + keeps_empty]
    assert labeled.annotation_counts() == dict(boxes=1)
    assert labeled.label_histogram({strange}) == dict(cat=0, dog=0)
    if keeps_empty:
        assert labeled[1]["inputs"].shape == (3, 20, 24)
        assert len(labeled[1]["data_samples"].gt_instances) == 0
    assert len(unlabeled) == 1 + 4
    # Of no interest or not, an unlabelled image says the same of itself.
    assert unlabeled.get_data_info(0).keys() >= unlabeled.get_data_info(1).keys()
    assert unlabeled[1]["inputs"].shape == (3, 20, 24)


@needs_mmpretrain
def test_images_of_no_class_cost_a_label_and_do_not_train(elsewhere: str, tmp_path: Path) -> None:
    init_default_scope("mmpretrain")
    write_folders(tmp_path / "train", dict(cat=2, dog=1))
    load = dict(type="LoadImageFromFile")
    config = dict(
        type="CustomDataset", data_root=str(tmp_path), data_prefix="train", pipeline=[load, PACK]
    )
    shaped = off_topic(config, elsewhere)
    labeled, unlabeled = splits(shaped, "train/cat/1.png", "elsewhere/b/0.png")
    assert labeled.pool.labeled_ids == ["train/cat/1.png", "elsewhere/b/0.png"]
    assert ids_of(labeled) == ["train/cat/1.png"]
    assert labeled.annotation_counts() == dict(labels=1)
    assert labeled.label_histogram() == dict(cat=1, dog=0)
    assert len(unlabeled) == 2 + 4
    assert "gt_label" not in unlabeled[5]["data_samples"]


def test_some_of_them_by_seed(
    elsewhere: str, tmp_path: Path, write_voc: Callable[..., dict]
) -> None:
    init_default_scope("mmdet")
    config = write_voc(tmp_path / "data", dict(x=[BOX]))

    def drawn(seed: int, images: object = elsewhere) -> list[str]:
        shaped = off_topic(config, images, size=2, seed=seed)
        return PoolDataset(shaped, split="unlabeled").pool.ids[1:]

    pools = [drawn(seed) for seed in range(8)]
    assert all(len(set(pool)) == 2 for pool in pools)
    assert len({tuple(pool) for pool in pools}) > 1
    folders = [f"{elsewhere}/b", f"{elsewhere}/a"]
    assert [drawn(seed, folders) for seed in range(8)] == pools


def test_too_few_or_the_same_or_none(
    elsewhere: str, tmp_path: Path, write_voc: Callable[..., dict]
) -> None:
    init_default_scope("mmdet")
    config = write_voc(tmp_path / "data", dict(x=[BOX]))
    with pytest.raises(ValueError, match=r"'size' .* OffTopic must be at most 5.* Got 6"):
        PoolDataset(off_topic(config, elsewhere, size=6), split="unlabeled")
    for size in (0, 1.5):
        with pytest.raises(ValueError, match=rf"'size' .* OffTopic .* Got {size}"):
            DATASETS.build(off_topic(config, elsewhere, size=size))
    with pytest.raises(ValueError, match=r"'images' .* other images .*JPEGImages/x\.jpg"):
        PoolDataset(off_topic(config, f"{tmp_path}/data/JPEGImages"), split="unlabeled")
    with pytest.raises(FileNotFoundError, match="no such folder"):
        PoolDataset(off_topic(config, f"{elsewhere}/c"), split="unlabeled")
    Path(elsewhere, "broken.png").write_bytes(b"")
    with pytest.raises(ValueError, match=r"broken\.png cannot be opened"):
        PoolDataset(off_topic(config, elsewhere), split="unlabeled")


@needs_mmpretrain
def test_images_in_memory_are_refused(elsewhere: str, tmp_path: Path) -> None:
    init_default_scope("mmpretrain")
    cifar = dict(tiny_cifar(tmp_path), split="train", pipeline=[PACK])
    with pytest.raises(ValueError, match="images of TinyCIFAR are in memory"):
        PoolDataset(off_topic(cifar, elsewhere), split="unlabeled")


def test_people_are_always_of_interest(
    elsewhere: str, tmp_path: Path, write_mpii: Callable[..., dict]
) -> None:
    init_default_scope("mmpose")
    people = dict(write_mpii(tmp_path, [("000000001.jpg", (30, 40))]), pipeline=[])
    with pytest.raises(ValueError, match=r"joints .* OffTopic is for"):
        PoolDataset(off_topic(people, elsewhere), split="unlabeled")


def test_an_image_on_its_side_has_the_size_that_it_is_loaded_with(
    tmp_path: Path, write_voc: Callable[..., dict]
) -> None:
    from PIL import Image

    init_default_scope("mmdet")
    (tmp_path / "elsewhere").mkdir()
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / "elsewhere/a.jpg"
    Image.new("RGB", (30, 20)).save(path, exif=exif)
    assert cv2.imread(str(path)).shape == (30, 20, 3)
    config = write_voc(tmp_path / "data", dict(x=[BOX]))
    _, unlabeled = splits(off_topic(config, str(path.parent)), "x")
    info = unlabeled.get_data_info(0)
    assert (info["height"], info["width"]) == (30, 20)
