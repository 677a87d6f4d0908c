"""Annotations are read once, and nobody sees what others make of them."""

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from mmdet.datasets import CocoDataset, VOCDataset
from mmengine.config import Config, ConfigDict
from mmengine.registry import DATASETS, init_default_scope

from mmal.datasets import Listings, PoolDataset
from mmal.datasets.listed_samples import ListedSamples
from mmal.engine.rounds import run_rounds
from mmal.structures import Pool
from tests.conftest import PIPELINE

IMAGES = {
    "a": [("cat", 1, 1, 20, 20)],
    "b": [("dog", 5, 5, 30, 30), ("cat", 1, 1, 9, 9)],
    "c": [],
    "d": [("dog", 2, 2, 20, 20)],
}


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The annotation files that were read."""
    found: list[str] = []
    for kind in (CocoDataset, VOCDataset):
        original = kind.load_data_list

        def load(dataset, original=original):
            found.append(Path(dataset.ann_file).name)
            return original(dataset)

        monkeypatch.setattr(kind, "load_data_list", load)
    return found


@pytest.fixture(params=["coco", "voc"])
def leaf(request: pytest.FixtureRequest, tmp_path: Path) -> dict:
    write: Callable[..., dict] = request.getfixturevalue(f"write_{request.param}")
    return dict(write(tmp_path, IMAGES), filter_cfg=dict(filter_empty_gt=True, min_size=0))


def content(dataset: PoolDataset) -> list[dict]:
    return [dataset.get_data_info(i) for i in range(len(dataset))]


def everything(leaf: dict) -> PoolDataset:
    return PoolDataset(leaf, split="unlabeled")


def both(leaf: dict, order: int = 1) -> list[list[dict]]:
    """What training and scoring see; in the other order they are made the other way round."""
    pool = Pool(everything(leaf).pool.ids)
    pool.commit(pool.ids[1:3], "initial", None)  # with c, which has no box
    found = {
        split: content(PoolDataset(leaf, pool, split))
        for split in ("labeled", "unlabeled")[::order]
    }
    return [found["labeled"], found["unlabeled"]]


@pytest.mark.parametrize("order", [1, -1])
def test_what_is_shared_is_what_each_would_read(leaf: dict, order: int, reads: list) -> None:
    alone = both(leaf)
    assert len(reads) == 3
    reads.clear()
    with Listings().shared():
        assert both(leaf, order) == alone
        assert both(leaf, order) == alone
    assert len(reads) == 2  # with the filter, by which some data sets mark objects, and without
    assert len(alone[0]) == 1  # c is left out by the filter
    assert "instances" in alone[0][0]
    assert len(alone[1]) == 2
    assert not any(info["instances"] for info in alone[1])


def test_small_boxes_are_ignored_as_the_plain_data_set_does(
    write_voc: Callable, tmp_path: Path
) -> None:
    """MMDetection's XML data sets read their filter while they list."""
    init_default_scope("mmdet")
    leaf = dict(write_voc(tmp_path, IMAGES), filter_cfg=dict(bbox_min_size=12))
    plain = DATASETS.build(leaf)
    expected = {
        Path(info["img_path"]).stem: [item["ignore_flag"] for item in info["instances"]]
        for info in (plain.get_data_info(i) for i in range(len(plain)))
    }
    flags = [flag for found in expected.values() for flag in found]
    assert {0, 1} == set(flags)
    with Listings().shared():
        pool = Pool(everything(leaf).pool.ids)
        pool.commit(pool.ids, "all", None)
        for info in content(PoolDataset(leaf, pool)):
            found = [item["ignore_flag"] for item in info["instances"]]
            assert found == expected[Path(info["img_path"]).stem]


def test_wrappers_share_what_is_inside_them(leaf: dict, reads: list) -> None:
    repeat = dict(type="RepeatDataset", times=3, dataset=leaf)
    other = dict(leaf, metainfo=dict(classes=("dog", "cat")))
    with Listings().shared():
        assert len(everything(repeat)) == len(everything(leaf)) == 4
        assert len(reads) == 1
        PoolDataset(
            ConfigDict(leaf), split="unlabeled", pipeline=[]
        )  # only the pipeline is another
        everything(dict(leaf, filter_cfg=None))
        assert len(reads) == 1
        everything(other)  # whose labels are others
        assert len(reads) == 2
        everything(dict(leaf, test_mode=True))  # some choose their files by it
        assert len(reads) == 3


def test_what_one_changes_no_other_sees(leaf: dict) -> None:
    """As a candidate's labels must not reach the training, nor the other way round."""
    with Listings().shared():
        before = both(leaf)
        for infos in both(leaf):
            for info in infos:
                info["img_path"] = "elsewhere"
                info.get("instances", []).clear()
        changed = dict(leaf, serialize_data=False)
        pool = Pool(everything(changed).pool.ids)
        pool.commit(pool.ids, "all", None)
        for info in PoolDataset(changed, pool).leaves[0].data_list:
            info["instances"].clear()
        assert both(changed) == both(leaf) == before


def test_outside_files_are_read_again(leaf: dict, reads: list) -> None:
    listings = Listings()
    with listings.shared():
        everything(leaf)
    everything(leaf)
    assert len(reads) == 2
    with listings.shared():
        everything(leaf)
    assert len(reads) == 2
    with Listings().shared():
        everything(leaf)
    assert len(reads) == 3


class Reader:
    """An object in a config: nothing says what it is."""


def test_what_has_no_name_is_not_shared(leaf: dict, reads: list) -> None:
    leaf = dict(leaf, backend_args=None, metainfo=dict(leaf["metainfo"], by=Reader()))
    with Listings().shared():
        everything(leaf)
        everything(leaf)
    assert len(reads) == 2


def test_infos_are_copies(leaf: dict) -> None:
    dataset = VOCDataset if leaf["type"].endswith("VOCDataset") else CocoDataset
    listed = ListedSamples(
        dataset(**{key: value for key, value in leaf.items() if key != "type"}, lazy_init=True)
    )
    listed.info(1)["instances"].clear()
    assert len(listed.info(1)["instances"]) == 2
    assert [listed.info(i)["sample_id"] for i in range(4)] == listed.ids


def test_a_run_reads_its_training_data_once(cfg: Config, reads: list) -> None:
    cfg.active_learning.rounds = 2
    cfg.train_cfg.max_epochs = 1
    cfg.custom_hooks[0].detach_epoch = None
    cfg.train_dataloader.update(num_workers=0, persistent_workers=False)
    run_rounds(cfg)
    assert reads.count("train.txt") == 2  # and by the audit, which knows no pool


@pytest.mark.slow
def test_how_long_a_round_reads_many_annotations(tmp_path: Path) -> None:
    """50,000 images with 7 boxes each: seconds of a round alone and shared, and what is kept."""
    boxes = [dict(bbox=[9 * i, 5, 60, 50], area=3000, iscrowd=0, category_id=i) for i in range(7)]
    size = 50_000
    annotations = [
        dict(box, id=7 * image + i, image_id=image)
        for image in range(size)
        for i, box in enumerate(boxes)
    ]
    classes = tuple(f"c{i}" for i in range(7))
    images = [dict(id=i, file_name=f"{i:08d}.jpg", width=640, height=480) for i in range(size)]
    categories = [dict(id=i, name=name) for i, name in enumerate(classes)]
    text = json.dumps(dict(images=images, annotations=annotations, categories=categories))
    (tmp_path / "instances.json").write_text(text)
    leaf = dict(
        type="mmdet.CocoDataset",
        data_root=str(tmp_path),
        data_prefix=dict(img=""),
        ann_file="instances.json",
        metainfo=dict(classes=classes),
        filter_cfg=dict(filter_empty_gt=True),
        pipeline=PIPELINE,
    )
    pool = Pool(everything(leaf).pool.ids)
    pool.commit(pool.ids[::50], "initial", None)

    def a_round() -> tuple[float, int]:
        start = time.process_time()
        counts = PoolDataset(leaf, pool, pipeline=[]).annotation_counts()["boxes"]
        training, candidates = PoolDataset(leaf, pool), PoolDataset(leaf, pool, "unlabeled")
        assert len(training) + len(candidates) == size
        return time.process_time() - start, counts

    alone, counted = a_round()
    listings = Listings()
    with listings.shared():
        everything(leaf)
        shared, again = a_round()
    assert counted == again == 7 * size // 50
    kept = sum(len(listed._bytes) for listed in listings._known.values()) / 2**20
    print(f"\na round reads {alone:.1f} s alone, {shared:.1f} s shared; {kept:.0f} MiB are kept")
