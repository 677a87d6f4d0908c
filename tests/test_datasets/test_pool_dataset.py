"""Tests of the labelled and the unlabelled part of a data set."""

import copy
import json
import pickle
import random
from collections import Counter
from typing import Any

import numpy as np
import pytest
import torch
from mmdet.structures.bbox import BaseBoxes
from mmengine.dataset import ConcatDataset, RepeatDataset
from mmengine.registry import DATASETS
from mmengine.structures import BaseDataElement

from mmal.datasets import PoolDataset
from mmal.structures import Pool, PoolError

CAT, DOG = ("cat", 5, 6, 25, 26), ("dog", 11, 2, 40, 38)
#: One image of each kind: one box, two classes, no box, an unknown class only, tiny box.
IMAGES = {
    "a": [CAT],
    "b": [DOG, CAT],
    "none": [],
    "bird": [("bird", 3, 3, 30, 30)],
    "tiny": [("dog", 3, 3, 6, 6)],
}
#: Other annotations of the same images.
OTHERS = {
    "a": [],
    "b": [("dog", 1, 1, 9, 9)] * 5,
    "none": [CAT, DOG],
    "bird": [CAT],
    "tiny": [("bird", 2, 2, 40, 40)],
}
FILTER = dict(filter_empty_gt=True, min_size=32, bbox_min_size=8)


def pool_of(config: dict, *labeled: str) -> Pool:
    """A pool of the samples of a data set, some labelled."""
    pool = Pool(PoolDataset(config, split="unlabeled").pool.ids)
    if labeled:
        pool.commit(labeled, "initial", None)
    return pool


def ids_of(dataset: PoolDataset) -> list[str]:
    return [dataset.get_data_info(i)["sample_id"] for i in range(len(dataset))]


def samples_of(dataset: PoolDataset) -> list:
    # Not list(dataset): a repeated data set has no end.
    return [dataset[i] for i in range(len(dataset))]


def concat(*datasets: dict) -> dict:
    return dict(type="ConcatDataset", datasets=list(datasets), ignore_keys=["dataset_type"])


def repeat(dataset: dict, times: int = 3) -> dict:
    return dict(type="RepeatDataset", dataset=dataset, times=times)


@pytest.fixture
def voc(write_voc, tmp_path) -> dict:
    return write_voc(tmp_path / "voc", IMAGES)


@pytest.fixture
def nested(write_voc, tmp_path) -> dict[str, dict]:
    """Two data sets, VOC2007 with a and b, VOC2012 with c and d, in every nesting."""
    leaves = [
        write_voc(tmp_path, images, sub_dir=sub_dir)
        for sub_dir, images in [
            ("VOC2007/", {"a": [CAT], "b": [DOG]}),
            ("VOC2012/", {"c": [CAT, DOG], "d": []}),
        ]
    ]
    first, second = leaves
    return {
        "concat": concat(first, second),
        "repeat of concat": repeat(concat(first, second)),
        "concat of repeat": concat(repeat(first), second),
        "concat of concat": concat(concat(first), concat(second)),
        "repeat of repeat": repeat(repeat(first, 2), 2),
        "repeat": repeat(first),
    }


NESTINGS = [
    "concat",
    "repeat",
    "repeat of concat",  # as in mmdet's voc0712.py
    "concat of repeat",
    "concat of concat",
    "repeat of repeat",
]


# What the two splits hold


@pytest.mark.parametrize("writer", ["write_voc", "write_coco"])
def test_splits_divide_the_pool(writer, tmp_path, request):
    config = request.getfixturevalue(writer)(tmp_path, IMAGES)
    every = pool_of(config).ids
    pool = pool_of(config, every[3], every[0])

    assert len(every) == len(IMAGES)
    assert ids_of(PoolDataset(config, pool, "labeled")) == [every[0], every[3]]
    assert ids_of(PoolDataset(config, pool, "unlabeled")) == [every[1], every[2], every[4]]


def test_without_a_pool_all_is_unlabelled(voc):
    assert ids_of(PoolDataset(voc, split="unlabeled")) == list(IMAGES)


def test_pool_file_and_pool_object_give_the_same(voc, tmp_path):
    pool = pool_of(voc, "b", "a")
    pool.save(tmp_path / "pool.json")

    for given in (pool, str(tmp_path / "pool.json")):
        assert ids_of(PoolDataset(voc, given)) == ["a", "b"]


@pytest.mark.parametrize("serialize_data", [True, False])
def test_labelled_samples_are_those_of_plain_mmdet(voc, serialize_data):
    config = dict(voc, serialize_data=serialize_data)
    plain = DATASETS.build(config)
    labeled = PoolDataset(config, pool_of(config, "b", "tiny"), "labeled")

    for found, expected in zip(samples_of(labeled), (plain[1], plain[4]), strict=True):
        assert found["inputs"].equal(expected["inputs"])
        boxes, expected_boxes = (d["data_samples"].gt_instances for d in (found, expected))
        assert boxes.bboxes.tensor.equal(expected_boxes.bboxes.tensor)
        assert boxes.labels.equal(expected_boxes.labels)
        assert len(boxes) > 0


@pytest.mark.parametrize("writer", ["write_voc", "write_coco"])
def test_labelled_split_passes_the_filter_of_the_data_set(writer, tmp_path, request):
    config = dict(request.getfixturevalue(writer)(tmp_path, IMAGES), filter_cfg=FILTER)
    plain = DATASETS.build(config)
    kept = [plain.get_data_info(i)["img_path"] for i in range(len(plain))]
    pool = pool_of(config)
    assert len(pool.ids) > len(kept)
    pool.commit(pool.ids, "initial", None)
    labeled = PoolDataset(config, pool)

    assert [labeled.get_data_info(i)["img_path"] for i in range(len(labeled))] == kept


@pytest.mark.parametrize("writer", ["write_voc", "write_coco"])
@pytest.mark.parametrize("min_size", [0, 1000])
def test_unlabelled_split_is_not_filtered(writer, min_size, tmp_path, request):
    config = request.getfixturevalue(writer)(tmp_path, IMAGES)
    config["filter_cfg"] = dict(FILTER, min_size=min_size)

    assert len(PoolDataset(config, split="unlabeled")) == len(IMAGES)


def test_pipeline_can_be_replaced(voc):
    pipeline = [dict(type="LoadImageFromFile"), dict(type="mmdet.PackDetInputs", meta_keys=())]
    pool = pool_of(voc, "a")

    for split in ("labeled", "unlabeled"):
        sample = PoolDataset(voc, pool, split, pipeline=pipeline)[0]["data_samples"]
        assert "img_path" not in sample


def test_configs_stay_as_they_are(nested):
    config = nested["concat"]
    before = copy.deepcopy(config)
    pipeline = [dict(type="LoadImageFromFile")]
    PoolDataset(config, split="unlabeled", pipeline=pipeline)

    assert config == before
    assert pipeline == [dict(type="LoadImageFromFile")]


# No annotation leaves the unlabelled split


def bare(value: Any) -> Any:
    """What a sample holds, tensors as bytes; every field of every data element."""
    if isinstance(value, BaseDataElement):
        return {key: bare(v) for key, v in value.all_items()}
    if isinstance(value, BaseBoxes):
        value = value.tensor
    if isinstance(value, torch.Tensor):
        return str(value.dtype), tuple(value.shape), value.numpy().tobytes()
    if isinstance(value, dict):
        return {key: bare(v) for key, v in value.items()}
    return [bare(v) for v in value] if isinstance(value, list) else value


@pytest.mark.parametrize("writer", ["write_voc", "write_coco"])
@pytest.mark.parametrize("wrap", [dict, concat, repeat], ids=["plain", "concat", "repeat"])
def test_unlabelled_samples_do_not_depend_on_annotations(
    writer, wrap, tmp_path, monkeypatch, request
):
    found = []
    for name, images in [("first", IMAGES), ("second", OTHERS)]:
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        config = request.getfixturevalue(writer)("data", images)
        config["filter_cfg"] = FILTER
        dataset = PoolDataset(wrap(config), split="unlabeled")
        infos = [dataset.get_data_info(i) for i in range(len(dataset))]
        found.append(bare([dataset.metainfo, *infos, *samples_of(dataset)]))

    first, second = found
    assert len(first) == 1 + 2 * len(IMAGES)
    assert first == second


@pytest.mark.parametrize("writer", ["write_voc", "write_coco"])
def test_unlabelled_samples_have_an_image_and_an_id_and_no_box(writer, tmp_path, request):
    config = request.getfixturevalue(writer)(tmp_path, IMAGES)
    plain = DATASETS.build(dict(config, test_mode=True))
    dataset = PoolDataset(config, split="unlabeled")

    for i, sample in enumerate(samples_of(dataset)):
        assert sample["inputs"].equal(plain[i]["inputs"])
        assert sample["data_samples"].sample_id == dataset.pool.ids[i]
        assert len(sample["data_samples"].gt_instances) == 0
        assert len(sample["data_samples"].ignored_instances) == 0
        info = dataset.get_data_info(i)
        assert info["instances"] == []
        keys = {"img_path", "img_id", "height", "width", "sample_id", "sample_idx", "instances"}
        assert set(info) <= keys


def test_unlabelled_split_has_no_category_ids(voc):
    with pytest.raises(RuntimeError, match="unlabeled split of PoolDataset hands out no category"):
        PoolDataset(voc, split="unlabeled").get_cat_ids(0)


def test_rejected_samples_are_replaced_from_the_same_split(write_voc, tmp_path):
    images = {f"{i:02}": [CAT] for i in range(20)}
    config = write_voc(tmp_path, images)
    labeled = ["03", "07", "11"]
    seen = []

    def reject_07(results):
        seen.append(results["sample_id"])
        return None if results["sample_id"] == "07" else results

    dataset = PoolDataset(config, pool_of(config, *labeled), pipeline=[reject_07])
    returned = [dataset[i % 3]["sample_id"] for i in range(60)]

    assert set(seen) == set(labeled)
    assert set(returned) == {"03", "11"}


def test_unlabelled_samples_are_never_replaced(voc):
    dataset = PoolDataset(voc, split="unlabeled", pipeline=[lambda results: None])

    with pytest.raises(Exception, match="Test time pip"):
        dataset[0]


# Order


def test_ids_do_not_depend_on_the_order_of_the_data_set(write_voc, tmp_path):
    names = list(IMAGES)
    random.Random(0).shuffle(names)
    assert names != list(IMAGES)
    pool_of(write_voc(tmp_path, IMAGES), "b", "none").save(tmp_path / "pool.json")
    config = write_voc(tmp_path, {name: IMAGES[name] for name in names})

    labeled = PoolDataset(config, str(tmp_path / "pool.json"))
    unlabeled = PoolDataset(config, str(tmp_path / "pool.json"), "unlabeled")
    assert {sample["data_samples"].img_id for sample in samples_of(labeled)} == {"b", "none"}
    assert [sample["data_samples"].img_id for sample in samples_of(unlabeled)] == [
        name for name in names if name not in ("b", "none")
    ]


def test_global_random_state_is_neither_read_nor_changed(voc):
    np.random.seed(0)
    state = np.random.get_state()[1].copy()
    PoolDataset(voc, split="unlabeled")[0]

    np.testing.assert_array_equal(np.random.get_state()[1], state)


# Wrappers


@pytest.mark.parametrize("nesting", NESTINGS)
def test_nested_data_sets(nested, nesting):
    config = nested[nesting]
    two = "concat" in nesting
    pool = pool_of(config)
    assert pool.ids == [f"VOC2007/{i}" for i in "ab"] + [f"VOC2012/{i}" for i in "cd"] * two
    pool.commit(["VOC2007/b", *["VOC2012/c"] * two], "initial", None)
    labeled, unlabeled = (PoolDataset(config, pool, s) for s in ("labeled", "unlabeled"))

    times = {"repeat of repeat": [4, 0], "concat of repeat": [3, 1]}.get(
        nesting, [3, 3 * two] if "repeat" in nesting else [1, 1]
    )
    expected = ["VOC2007/b"] * times[0] + ["VOC2012/c"] * times[1]
    assert sorted(ids_of(labeled)) == expected
    assert len(samples_of(labeled)) == len(expected)
    assert ids_of(unlabeled) == ["VOC2007/a", *["VOC2012/d"] * two]


@pytest.mark.parametrize("nesting", NESTINGS)
def test_category_ids_pass_through_wrappers(nested, nesting):
    config = nested[nesting]
    pool = pool_of(config)
    pool.commit(pool.ids, "initial", None)
    labeled = PoolDataset(config, pool)
    expected = {"VOC2007/a": [0], "VOC2007/b": [1], "VOC2012/c": [0, 1], "VOC2012/d": []}

    found = [labeled.get_cat_ids(i) for i in range(len(labeled))]
    assert found == [expected[sample_id] for sample_id in ids_of(labeled)]


@pytest.mark.parametrize(
    ("inner", "outer"),
    [
        (ConcatDataset, RepeatDataset),  # as in configs in Python's own syntax
        ("mmengine.ConcatDataset", "mmengine.RepeatDataset"),
    ],
)
def test_type_may_be_a_class_or_have_a_scope(voc, inner, outer):
    config = dict(concat(dict(repeat(voc), type=outer)), type=inner)

    assert ids_of(PoolDataset(config, split="unlabeled")) == list(IMAGES)


@pytest.mark.parametrize("picks", [["VOC2007/a"], ["VOC2012/c"]])
def test_concat_with_samples_of_one_part_only(nested, picks):
    pool = pool_of(nested["concat"], *picks)

    assert ids_of(PoolDataset(nested["concat"], pool)) == picks


def test_class_balanced_wrapper_goes_around(voc):
    pool = pool_of(voc, "a", "b", "tiny")
    labeled = dict(type="mmal.PoolDataset", dataset=voc, pool=pool)
    balanced = DATASETS.build(
        dict(type="ClassBalancedDataset", dataset=labeled, oversample_thr=0.9)
    )

    # Cats and dogs are in two of three images: ceil(sqrt(0.9 / (2/3))) = 2 times each.
    assert len(balanced) == 6


@pytest.mark.parametrize("split", ["labeled", "unlabeled"])
def test_metainfo_passes_through(voc, split):
    dataset = PoolDataset(voc, pool_of(voc, "a"), split)
    expected = DATASETS.build(voc).metainfo

    assert expected["classes"] == ("cat", "dog")
    assert dataset.metainfo == expected
    dataset.metainfo["classes"] = ()
    assert dataset.metainfo == expected, "what is handed out is a copy"


@pytest.mark.parametrize("split", ["labeled", "unlabeled"])
def test_spawned_workers_get_the_same_samples(voc, split):
    dataset = PoolDataset(voc, pool_of(voc, "a"), split)
    copied = pickle.loads(pickle.dumps(dataset))

    assert ids_of(copied) == ids_of(dataset)
    assert copied[0]["inputs"].equal(dataset[0]["inputs"])


# Errors


def test_unknown_split(voc):
    with pytest.raises(ValueError, match=r"'split' .* must be 'labeled' or .* Got 'labelled' inst"):
        PoolDataset(voc, split="labelled")


def test_missing_pool_file(voc, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no pool file at '.*absent\.json'.*pool=None"):
        PoolDataset(voc, str(tmp_path / "absent.json"))


def test_pool_file_of_another_data_set(voc, tmp_path):
    Pool(["x"]).save(tmp_path / "pool.json")

    with pytest.raises(PoolError, match="belongs to another data set"):
        PoolDataset(voc, str(tmp_path / "pool.json"))


def test_image_listed_twice(voc):
    with pytest.raises(PoolError, match="'a', 'b', 'none' and 2 more occur more than once"):
        PoolDataset(concat(voc, voc), split="unlabeled")


@pytest.mark.parametrize(
    ("split", "labeled", "message"),
    [
        ("labeled", [], r"labeled split of the pool .* is empty: 0 of 5 samples are labelled\.$"),
        ("unlabeled", list(IMAGES), r"unlabeled split .* is empty: 5 of 5 samples are labelled\.$"),
        ("labeled", ["none", "bird"], r"2 of 5 .* and the data set's filter_cfg drops them all"),
    ],
)
@pytest.mark.parametrize("wrap", [dict, concat, repeat], ids=["plain", "concat", "repeat"])
def test_empty_split(voc, wrap, split, labeled, message):
    config = wrap(dict(voc, filter_cfg=FILTER))
    pool = pool_of(config, *labeled) if len(labeled) < 5 else Pool(list(IMAGES))
    if len(labeled) == 5:
        pool.commit(labeled, "initial", None)

    with pytest.raises(ValueError, match=message):
        PoolDataset(config, pool, split)


def test_samples_may_not_be_chosen_by_index(voc):
    with pytest.raises(ValueError, match=r"'indices' parameter of mmdet\.VOCDataset cannot be"):
        PoolDataset(dict(voc, indices=2), split="unlabeled")


@pytest.mark.parametrize(
    ("wrapper", "options"),
    [("MultiImageMixDataset", dict(pipeline=[])), ("ClassBalancedDataset", dict(oversample_thr=1))],
)
def test_wrappers_that_look_at_labels_do_not_go_inside(voc, wrapper, options):
    config = repeat(dict(type=f"mmdet.{wrapper}", dataset=voc, **options))

    with pytest.raises(TypeError, match=f"cannot hold the wrapper {wrapper}: which samples"):
        PoolDataset(config, split="unlabeled")


@pytest.mark.parametrize(
    ("wrapper", "message"),
    [
        (
            dict(type="RepeatDataset", times=2, pipeline=[]),
            r"does not take \['pipeline'\]: its parameters are",
        ),
        (dict(type="RepeatDataset"), r"RepeatDataset lacks \['times'\]:"),
        (dict(type="ConcatDataset", metainfo={}), r"does not take \['metainfo'\]:"),
    ],
)
def test_parameters_that_a_wrapper_does_not_take(voc, wrapper, message):
    """As building the wrapper would; PoolDataset does not."""
    inner = dict(datasets=[voc]) if wrapper["type"] == "ConcatDataset" else dict(dataset=voc)
    with pytest.raises(TypeError, match=message):
        PoolDataset({**wrapper, **inner}, split="unlabeled")
    with pytest.raises(TypeError):
        DATASETS.build({**wrapper, **inner})


@pytest.mark.parametrize("nesting", NESTINGS)
def test_boxes_of_labelled_images_are_counted_once(nested, nesting):
    config = nested[nesting]
    pool = pool_of(config, "VOC2007/b", *["VOC2012/c"] * ("concat" in nesting))

    boxes = 1 + 2 * ("concat" in nesting)  # b has one, c has two
    assert PoolDataset(config, pool).annotation_counts() == dict(boxes=boxes)


def test_difficult_boxes_count_for_the_annotator(write_voc, tmp_path):
    config = write_voc(tmp_path, {"a": [CAT, DOG]}, difficult=True)

    assert PoolDataset(config, pool_of(config, "a")).annotation_counts() == dict(boxes=2)


@pytest.mark.parametrize("nesting", NESTINGS)
def test_histogram_of_labels(nested, nesting):
    config = nested[nesting]
    ids = PoolDataset(config, split="unlabeled").pool.ids
    dataset = PoolDataset(config, pool_of(config, *ids))
    infos = (dataset.get_data_info(i) for i in range(len(dataset)))
    boxes = {info["sample_id"]: info["instances"] for info in infos}  # repeated samples once
    names = dataset.metainfo["classes"]

    for chosen in (ids, ids[:1]):
        shown = Counter(names[b["bbox_label"]] for name in chosen for b in boxes[name])
        assert dataset.label_histogram(frozenset(chosen)) == {n: shown[n] for n in names}
    assert dataset.label_histogram() == dataset.label_histogram(frozenset(ids))


def test_histogram_of_nothing_and_of_the_unlabelled(voc):
    assert PoolDataset(voc, pool_of(voc, "none")).label_histogram() == dict(cat=0, dog=0)
    with pytest.raises(RuntimeError, match="hands out no annotations"):
        PoolDataset(voc, split="unlabeled").label_histogram()


def test_histogram_without_class_names(tmp_path, write_voc):
    write_voc(tmp_path, {"a": [CAT, DOG]})
    boxes = [dict(bbox=[0, 0, 5, 5], bbox_label=label, ignore_flag=0) for label in (2, 0, 2, -1)]
    images = [dict(img_path="JPEGImages/a.jpg", img_id=0, height=40, width=48, instances=boxes)]
    content = dict(metainfo=dict(), data_list=images)
    (tmp_path / "boxes.json").write_text(json.dumps(content))
    config = dict(type="mmdet.BaseDetDataset", data_root=str(tmp_path), ann_file="boxes.json")

    ids = PoolDataset(config, split="unlabeled").pool.ids
    dataset = PoolDataset(config, pool_of(config, *ids))
    assert dataset.label_histogram() == {"class 0": 1, "class 1": 0, "class 2": 2}
