"""Sets of images against each other."""

import os
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from mmal.datasets.audit import AuditReport, audit_datasets


@pytest.fixture
def write_set(write_voc, tmp_path):
    """Write a set in VOC layout, every picture another."""

    def write(name: str, images: str, folder: str = "voc") -> dict:
        config = write_voc(
            tmp_path / folder, {i: [("cat", 5, 6, 25, 26)] for i in images}, split=name
        )
        for image in images:
            path = tmp_path / folder / "JPEGImages" / f"{image}.jpg"
            cv2.imwrite(str(path), np.full((40, 48, 3), 9 * (ord(image) - 96), np.uint8))
        return config

    return write


@pytest.fixture
def pool(tmp_path):
    def write(*names: str) -> dict:
        for number, name in enumerate(names):
            path = tmp_path / "pool" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(path), np.full((40, 48, 3), 250 - number, np.uint8))
        return dict(type="mmal.ImageFolder", data_root=str(tmp_path / "pool"))

    return write


def found(report: AuditReport) -> dict[tuple[str, str], int]:
    return {(group.set_name, group.kind.name): group.count for group in report.groups}


def test_sets_with_nothing_in_common(write_set, pool):
    sets = dict(train=[write_set("train", "abc")], test=[write_set("test", "de")])

    assert found(audit_datasets({**sets, "pool": [pool("x.jpg", "y.jpg")]})) == {}


def test_what_the_pool_passes_over(pool, tmp_path):
    config = pool("x.jpg", "deep/y.jpg")
    for number in range(5):
        (tmp_path / "pool" / "deep" / f"{number}.HEIC").write_text("a picture")
    (tmp_path / "pool" / "link.jpg").symlink_to("nothing.jpg")
    report = audit_datasets({"pool": [config]})

    assert found(report) == {("pool", "type-not-read"): 5, ("pool", "link-dangling"): 1}
    assert {group.severity for group in report.groups} == {"warning"}
    text = "\n".join(map(str, report.groups))
    assert f"{tmp_path}/pool/deep/0.HEIC" in text
    assert f"{tmp_path}/pool/link.jpg" in text
    assert report.sets[0].images == 2


def test_test_images_in_the_training_list(write_set):
    report = audit_datasets(
        dict(train=[write_set("train", "abc")], test=[write_set("test", "bcd")])
    )

    assert found(report) == {("train and test", "also-in-test"): 2}
    assert report.groups[0].severity == "error"
    text = str(report.groups[0])
    assert "JPEGImages/b.jpg: listed in " in text
    assert "Annotations/b.xml" in text


def test_test_images_under_another_name(write_set, tmp_path):
    train, test = write_set("train", "abc"), write_set("test", "de")
    folder = tmp_path / "voc" / "JPEGImages"
    shutil.copy(folder / "d.jpg", folder / "a.jpg")
    report = audit_datasets(dict(train=[train], test=[test]))

    assert found(report) == {("train and test", "also-in-test"): 1}
    assert f"{folder}/a.jpg: the same bytes as {folder}/d.jpg" in str(report.groups[0])


def test_linked_test_images(write_set, tmp_path):
    train, test = write_set("train", "abc"), write_set("test", "d", folder="other")
    path = tmp_path / "other" / "JPEGImages" / "d.jpg"
    path.unlink()
    path.symlink_to(tmp_path / "voc" / "JPEGImages" / "b.jpg")

    report = audit_datasets(dict(train=[train], test=[test]))
    assert found(report) == {("train and test", "also-in-test"): 1}


def test_a_pool_that_holds_what_is_labelled_and_tested(write_set, tmp_path):
    train, test = write_set("train", "abc"), write_set("test", "de")
    folder = dict(type="mmal.ImageFolder", data_root=str(tmp_path / "voc" / "JPEGImages"))
    report = audit_datasets(dict(train=[train], test=[test], pool=[folder]))

    assert found(report) == {
        ("pool and train", "also-labelled"): 3,
        ("pool and test", "also-in-test"): 2,
    }


def test_a_pool_with_copies_of_what_is_labelled(write_set, pool, tmp_path):
    train, config = write_set("train", "abc"), pool("new.jpg")
    shutil.copy(tmp_path / "voc" / "JPEGImages" / "b.jpg", tmp_path / "pool" / "IMG_1.jpg")
    report = audit_datasets(dict(train=[train], pool=[config]))

    assert found(report) == {("pool and train", "also-labelled"): 1}
    assert "IMG_1.jpg: the same bytes as " in str(report.groups[0])


def test_an_image_of_two_ids(write_coco, tmp_path):
    config = write_coco(tmp_path, {"a": [("cat", 5, 6, 25, 26)], "b": []})
    path = Path(config["data_root"], config["ann_file"])
    path.write_text(path.read_text().replace("b.jpg", "a.jpg"))

    assert found(audit_datasets({"train": [config]})) == {("train", "listed-twice"): 1}


def test_a_pool_that_the_training_set_cannot_hold(write_set, pool):
    train = write_set("train", "abc")
    report = audit_datasets(
        dict(train=[train], pool=[pool("x.jpg", "y.png", "one/z.jpg", "two/z.jpg", "w.JPG")])
    )

    assert found(report) == {("pool", "pool-format"): 2, ("pool", "names-equal"): 1}
    assert {group.severity for group in report.groups} == {"warning"}
    names = next(str(g) for g in report.groups if g.kind.name == "names-equal")
    assert os.path.join("two", "z.jpg") in names
    assert os.path.join("one", "z.jpg") in names
