"""Tests of the names of samples."""

import pytest
from mmengine.registry import DATASETS

from mmal.tasks import task_of


def ids_of(config: dict) -> list[str]:
    dataset = DATASETS.build({**config, "lazy_init": True})
    return task_of(dataset).sample_ids(dataset.load_data_list(), dataset)


@pytest.mark.parametrize(
    ("sub_dir", "expected"),
    [("VOC2007/", ["VOC2007/000005"]), ("", ["000005"]), ("a/b/", ["a/b/000005"])],
)
def test_voc_layout(write_voc, tmp_path, sub_dir, expected):
    assert ids_of(write_voc(tmp_path, {"000005": []}, sub_dir=sub_dir)) == expected


def test_path_below_the_data_root(write_coco, tmp_path):
    config = write_coco(tmp_path, {"000005": [], "b c": []})

    assert ids_of(config) == ["images/000005.jpg", "images/b c.jpg"]


@pytest.mark.parametrize("writer", ["write_voc", "write_coco"])
def test_neither_place_nor_spelling_of_the_root_matters(writer, tmp_path, monkeypatch, request):
    write = request.getfixturevalue(writer)
    images = {"000005": [], "000007": []}
    expected = ids_of(write(tmp_path / "data", images))
    monkeypatch.chdir(tmp_path)

    assert ids_of(write(tmp_path / "moved" / "here", images)) == expected
    for root in ("data", "data/", "./data", f"{tmp_path}/data/", "moved/../data"):
        assert ids_of(write(root, images)) == expected


def test_folders_of_a_list_keep_images_apart(write_voc, tmp_path):
    images = {"x/1": [], "y/1": [], "1": []}

    assert len(set(ids_of(write_voc(tmp_path, images)))) == 3


def test_images_outside_the_data_root(write_coco, tmp_path):
    config = write_coco(tmp_path / "data", {"1": []})
    config["data_prefix"] = dict(img=f"{tmp_path}/data_2/")  # no part of tmp_path/data

    assert ids_of(config) == [f"{tmp_path}/data_2/1.jpg"]


def test_without_a_data_root(write_coco, tmp_path):
    config = write_coco(tmp_path, {"1": []})
    config.update(
        data_root="",
        ann_file=f"{tmp_path}/instances.json",
        data_prefix=dict(img=f"{tmp_path}/images"),
    )

    assert ids_of(config) == [f"{tmp_path}/images/1.jpg"]
