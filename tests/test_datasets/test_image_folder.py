"""Tests of images without annotations."""

import os

import cv2
import numpy as np
import pytest
from mmengine.registry import DATASETS
from PIL import Image

from mmal.datasets import ImageFolder, PoolDataset
from mmal.datasets.audit import AuditSettings, audit_datasets

LOAD = [
    dict(type="LoadImageFromFile"),
    dict(type="mmdet.LoadAnnotations", with_bbox=True),
    dict(type="mmdet.PackDetInputs", meta_keys=("img_id", "img_path")),
]


@pytest.fixture
def folder(tmp_path):
    """Images at two depths, beside what is none."""
    for i, name in enumerate(["b.jpg", "a.PNG", "deep/er/c.jpeg", "deep/d.bmp"]):
        path = tmp_path / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), np.full((8, 10, 3), 10 * i, np.uint8))
    for name in ("notes.txt", "deep/jpg", ".jpg.swp"):
        (tmp_path / "images" / name).write_text("no image")
    return tmp_path / "images"


def test_all_images_below_sorted_by_path(folder):
    dataset = ImageFolder(str(folder))

    found = [os.path.relpath(d["img_path"], folder) for d in dataset.load_data_list()]
    assert found == ["a.PNG", "b.jpg", "deep/d.bmp", "deep/er/c.jpeg"]
    assert len(dataset) == 4
    assert len({dataset.get_data_info(i)["img_id"] for i in range(4)}) == 4


def test_folders_are_no_images(folder):
    (folder / "shots.jpg").mkdir()
    cv2.imwrite(str(folder / "shots.jpg" / "e.png"), np.zeros((8, 10, 3), np.uint8))

    names = [os.path.basename(d["img_path"]) for d in ImageFolder(str(folder)).load_data_list()]
    assert sorted(names) == ["a.PNG", "b.jpg", "c.jpeg", "d.bmp", "e.png"]


def test_suffixes(folder):
    dataset = ImageFolder(str(folder), suffixes=[".bmp", ".jpeg"])

    assert [d["img_path"][-5:] for d in dataset.load_data_list()] == ["d.bmp", ".jpeg"]


def test_pipeline_loads_the_images_and_finds_no_annotations(folder):
    config = dict(type="mmal.ImageFolder", data_root=str(folder), pipeline=LOAD)
    samples = list(DATASETS.build(config))

    # The second file that was written, then the first, the fourth and the third.
    assert [int(sample["inputs"].float().mean()) for sample in samples] == [10, 0, 30, 20]
    assert [len(sample["data_samples"].gt_instances) for sample in samples] == [0] * 4


def test_is_a_pool_with_paths_as_ids(folder):
    dataset = PoolDataset(
        dict(type="mmal.ImageFolder", data_root=str(folder)), split="unlabeled", pipeline=LOAD
    )

    assert dataset.pool.ids == ["a.PNG", "b.jpg", "deep/d.bmp", "deep/er/c.jpeg"]
    assert dataset[3]["data_samples"].sample_id == "deep/er/c.jpeg"


def test_what_is_passed_over_is_noted(folder):
    """Pictures of other types, and links that lead nowhere; not what is hidden or no picture."""
    for name in ("deep/x.HEIC", "y.gif", ".hidden.gif"):
        (folder / name).write_text("a picture")
    links = [folder / name for name in ("gone.jpg", "deep/disk", ".hidden.jpg")]
    for link in links:
        link.symlink_to(folder / "elsewhere" / link.name)
    dataset = ImageFolder(str(folder))

    assert sorted(dataset.other_pictures) == [str(folder / n) for n in ("deep/x.HEIC", "y.gif")]
    assert sorted(dataset.dangling) == sorted(map(str, links[:2]))
    assert len(dataset) == 4
    assert ImageFolder(str(folder), suffixes=[".jpg", ".gif"]).other_pictures == [
        str(folder / "deep/x.HEIC")
    ]


def test_folder_that_cannot_be_read_is_noted(folder, monkeypatch):
    original = os.scandir

    def scandir(path: str) -> object:
        if os.path.basename(path) == "er":
            raise PermissionError(13, "Permission denied", path)
        return original(path)

    monkeypatch.setattr(os, "scandir", scandir)
    dataset = ImageFolder(str(folder))
    assert dataset.closed == [str(folder / "deep" / "er")]
    assert len(dataset) == 3
    config = dict(type="mmal.ImageFolder", data_root=str(folder))
    report = audit_datasets({"pool": [config]}, AuditSettings(accept=("pool-format",)))
    (group,) = report.groups
    assert (group.kind.name, group.count, group.severity) == ("folder-closed", 1, "warning")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("empty", "an empty folder"),
        ("no", "no such fold"),
        ("other", "pictures of other types: 1, such as .*a.heic"),
        ("links", "links that lead nowhere: 1, such as .*a.jpg"),
    ],
)
def test_folder_without_images(tmp_path, name, reason):
    for folder in ("empty", "other", "links"):
        (tmp_path / folder).mkdir()
    (tmp_path / "other" / "a.heic").write_text("a picture")
    (tmp_path / "links" / "a.jpg").symlink_to("nothing.jpg")

    with pytest.raises(FileNotFoundError, match=rf"no image below data_root='.*{name}' \({reason}"):
        ImageFolder(str(tmp_path / name))


def test_person_fills_the_image_under_a_pose_pipeline(tmp_path):
    upright = Image.fromarray(np.zeros((30, 20, 3), np.uint8))
    upright.save(tmp_path / "a.jpg")
    exif = upright.getexif()
    exif[0x0112] = 6  # to be turned by 90 degrees, as mmcv does when loading
    upright.save(tmp_path / "b.jpg", exif=exif)
    pipeline = [
        dict(type="mmpose.LoadImage"),
        dict(type="mmpose.GetBBoxCenterScale", padding=1.0),
        dict(type="mmpose.TopdownAffine", input_size=(8, 8)),
        dict(type="mmpose.PackPoseInputs"),
    ]
    source = dict(type="mmal.ImageFolder", data_root=str(tmp_path))
    dataset = PoolDataset(source, split="unlabeled", pipeline=pipeline)

    assert dataset.pool.ids == ["a.jpg#0", "b.jpg#0"]
    for sample, (width, height) in zip(list(dataset), [(20, 30), (30, 20)], strict=True):
        assert sample["inputs"].shape == (3, 8, 8)
        people = sample["data_samples"].gt_instances
        np.testing.assert_allclose(people.bboxes, [[0, 0, width, height]])
        assert sample["data_samples"].ori_shape == (height, width)
