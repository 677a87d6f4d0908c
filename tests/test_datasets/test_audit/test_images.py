"""What image files are."""

import hashlib
import os
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from mmcv import imfrombytes
from PIL import Image

from mmal.datasets.audit import AuditReport, AuditSettings, ImageCache, audit_datasets
from mmal.datasets.audit.image_paths import find_missing
from mmal.datasets.audit.images import inspect_image, inspect_images
from tests.processes import run_in_processes

LOAD = dict(type="LoadImageFromFile")


def write(path: Path, size: tuple[int, int] = (48, 40), orientation: int = 1) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(len(path.name))
    image = Image.fromarray(rng.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8))
    exif = Image.Exif()
    exif[0x0112] = orientation
    image.save(path, exif=exif)
    return path


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "bmp", "tiff"])
@pytest.mark.parametrize("size", [(48, 40), (1, 1), (7, 301)])
def test_size_and_digest(tmp_path, suffix, size):
    path = write(tmp_path / f"a.{suffix}", size)
    facts = inspect_image(str(path))

    assert (facts.problem, facts.size, facts.turned) == (None, size, False)
    assert facts.digest == hashlib.blake2b(path.read_bytes(), digest_size=16).hexdigest()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_turned_photos_are_told_as_mmcv_loads_them(tmp_path, orientation):
    path = write(tmp_path / "a.jpg", orientation=orientation)
    facts = inspect_image(str(path))

    loaded = imfrombytes(path.read_bytes()).shape[1::-1]
    assert facts.size == (48, 40)
    assert (facts.size[::-1] if facts.turned else facts.size) == loaded


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "image-unreadable"),
        (b"no image", "image-unreadable"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", "image-unreadable"),
        (None, "image-missing"),
    ],
)
def test_what_is_no_image(tmp_path, content, problem):
    if content is not None:
        (tmp_path / "a.jpg").write_bytes(content)

    assert inspect_image(str(tmp_path / "a.jpg")).problem == problem


def test_folder_in_place_of_an_image(tmp_path):
    facts = inspect_image(str(tmp_path))

    assert facts.problem == "image-unreadable"
    assert "directory" in facts.detail


@pytest.mark.parametrize("suffix", ["jpg", "png"])
@pytest.mark.parametrize("share", [0.5, 0.9, 0.99])
def test_file_that_ends_early(tmp_path, suffix, share):
    path = write(tmp_path / f"a.{suffix}", (200, 160))
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])

    assert inspect_image(str(path)).problem in ("image-truncated", "image-unreadable")
    # What cameras append is no harm, whatever it looks like.
    for trailer in (b"\0" * 10, b"film \xff\xda" * 9999):
        path.write_bytes(content + trailer)
        assert inspect_image(str(path)).problem is None


def test_all_at_once(tmp_path):
    paths = [str(write(tmp_path / f"{i}.jpg", (10 + i, 20))) for i in range(9)]
    facts = inspect_images(dict.fromkeys(paths))

    assert [facts[p].size for p in paths] == [(10 + i, 20) for i in range(9)]


def _inspect(rank: int, paths: list[str], log: str) -> list:
    import mmal.datasets.audit.images as module

    original = module.inspect_image

    def noted(path: str, *args: object) -> object:
        with open(f"{log}.{rank}", "a") as file:
            file.write(f"{path}\n")
        return original(path, *args)

    module.inspect_image = noted
    facts = module.inspect_images(dict.fromkeys(paths))
    return [facts[p].size for p in paths]


def test_processes_share_the_images(tmp_path):
    paths = [str(write(tmp_path / f"{i}.jpg", (10 + i, 20))) for i in range(5)]
    first, second = run_in_processes(_inspect, 2, paths, str(tmp_path / "log"))

    assert first == second == [(10 + i, 20) for i in range(5)]
    shares = [(tmp_path / f"log.{rank}").read_text().split() for rank in (0, 1)]
    assert sorted(shares[0] + shares[1]) == paths
    assert sorted(map(len, shares)) == [2, 3]


@pytest.fixture
def looked_at(monkeypatch) -> list[str]:
    """The files that are really opened."""
    import mmal.datasets.audit.images as module

    found: list[str] = []
    original = module.inspect_image
    monkeypatch.setattr(
        module, "inspect_image", lambda path, *args: (found.append(path), original(path, *args))[1]
    )
    return found


def test_good_images_are_looked_at_once_until_they_change(tmp_path, looked_at):
    paths = [str(write(tmp_path / f"{i}.jpg")) for i in range(3)]
    Path(paths[2]).write_bytes(b"no image")
    cache = ImageCache(tmp_path / "cache" / "images.sqlite")
    first = inspect_images(dict.fromkeys(paths), cache=cache)
    assert sorted(looked_at) == paths
    looked_at.clear()

    assert inspect_images(dict.fromkeys(paths), cache=cache) == first
    assert looked_at == [paths[2]]
    write(Path(paths[0]), (9, 9))
    os.utime(paths[1], (1, 1))
    looked_at.clear()
    assert inspect_images(dict.fromkeys(paths), cache=cache)[paths[0]].size == (9, 9)
    assert sorted(looked_at) == paths


@pytest.mark.parametrize("damage", ["no database", "a folder", "read-only"])
def test_a_cache_that_does_not_work_is_done_without(tmp_path, damage):
    paths = [str(write(tmp_path / "0.jpg"))]
    path = tmp_path / "cache" / "images.sqlite"
    if damage == "a folder":
        path.mkdir(parents=True)
    elif damage == "read-only":
        path = Path("/proc/mmal/images.sqlite")
    else:
        path.parent.mkdir()
        path.write_bytes(b"no database" * 100)

    assert inspect_images(dict.fromkeys(paths), cache=ImageCache(path))[paths[0]].size == (48, 40)


@pytest.fixture
def voc(write_voc, tmp_path) -> dict:
    config = write_voc(tmp_path / "voc", {n: [("cat", 5, 6, 25, 26)] for n in "abcd"})
    # Each picture is of a colour of its own name; here they must differ.
    for number, path in enumerate(sorted((tmp_path / "voc" / "JPEGImages").iterdir())):
        cv2.imwrite(str(path), np.full((40, 48, 3), 20 * number, np.uint8))
    return {**config, "pipeline": [LOAD]}


def image_path(config: dict, name: str) -> Path:
    return Path(config["data_root"], "JPEGImages", f"{name}.jpg")


def found(report: AuditReport) -> dict[str, str]:
    return {group.kind.name: str(group) for group in report.groups}


def test_images_are_named_with_their_annotation(voc):
    image_path(voc, "b").unlink()
    image_path(voc, "c").write_bytes(b"no image")
    report = found(audit_datasets({"train": [voc]}))

    assert report.keys() == {"image-missing", "image-unreadable"}
    assert (
        f"{image_path(voc, 'b')}: annotation: {voc['data_root']}/Annotations/b.xml"
        in (report["image-missing"])
    )
    assert str(image_path(voc, "c")) in report["image-unreadable"]


@pytest.mark.parametrize("size", [(40, 48), (480, 400)])
def test_another_size_than_the_annotation_says(voc, size):
    write(image_path(voc, "b"), size)
    report = found(audit_datasets({"train": [voc]}))

    assert report.keys() == {"size-differs"}
    assert f"says 48 x 40, it is loaded as {size[0]} x {size[1]}" in report["size-differs"]
    accepted = audit_datasets({"train": [voc]}, AuditSettings(accept=("size-differs",)))
    assert [group.severity for group in accepted.groups] == ["info"]


def test_turned_photo_with_the_size_of_the_unturned_one(voc):
    write(image_path(voc, "b"), orientation=6)
    report = found(audit_datasets({"train": [voc]}))
    assert "loaded as 40 x 48 (turned by its EXIF orientation)" in report["size-differs"]

    # A pipeline that leaves photos as they are stored.
    unturned = dict(LOAD, color_type="color_ignore_orientation")
    assert found(audit_datasets({"train": [{**voc, "pipeline": [unturned]}]})) == {}


def test_a_part_of_the_images_can_be_decoded(voc, looked_at):
    report = found(audit_datasets({"train": [voc]}, AuditSettings(max_images=2)))

    assert sorted(looked_at) == [str(image_path(voc, "a")), str(image_path(voc, "d"))]
    assert report.keys() == {"not-decoded"}
    assert "2 images were not looked at" in report["not-decoded"]

    image_path(voc, "b").unlink()  # whether they are there is looked at in any case
    assert "image-missing" in found(audit_datasets({"train": [voc]}, AuditSettings(max_images=2)))


@pytest.mark.parametrize("name", ["b.JPG", "B.jpg", "b.png", "b.HEIC"])
def test_missing_image_beside_one_of_another_ending(voc, name):
    image_path(voc, "b").rename(image_path(voc, "b").with_name(name))
    image_path(voc, "c").unlink()
    image_path(voc, "c").with_suffix(".txt").write_text("0 0.1 0.2 0.3 0.4")
    message = found(audit_datasets({"train": [voc]}))["image-missing"]

    assert f"{image_path(voc, 'b')}: beside it is {name}; annotation: " in message
    assert f"{image_path(voc, 'c')}: annotation: " in message


@pytest.mark.parametrize("backend_args", [None, dict(backend="local")])
def test_missing_files_are_found_in_order(tmp_path, backend_args):
    paths = [str(tmp_path / f"{i}.jpg") for i in range(1200)]
    gone = [path for i, path in enumerate(paths) if i % 7 == 3]
    for path in set(paths) - set(gone):
        Path(path).touch()

    assert find_missing(dict.fromkeys(paths, backend_args)) == gone


def test_two_names_of_one_picture(voc):
    shutil.copy(image_path(voc, "a"), image_path(voc, "c"))
    report = audit_datasets({"train": [voc]})

    (group,) = report.groups
    assert (group.kind.name, group.severity, group.count) == ("same-picture", "warning", 1)
    assert str(image_path(voc, "a")) in str(group)
    assert str(image_path(voc, "c")) in str(group)


@pytest.mark.parametrize("name", ["a\nb.jpg", b"caf\xe9.jpg".decode("utf-8", "surrogateescape")])
def test_names_that_no_list_can_hold(tmp_path, name, monkeypatch):
    good = write(tmp_path / "pool" / "good.jpg")
    try:
        good.rename(good.with_name(name))
    except OSError as error:
        pytest.skip(f"this file system has no such names: {error}")
    warned = []
    monkeypatch.setattr(ImageCache, "_warn", lambda self, error: warned.append(error))
    config = dict(type="mmal.ImageFolder", data_root=str(good.parent))
    write(good, (30, 30))  # remembered, whatever the other's name is
    cache = ImageCache(tmp_path / "images.sqlite")
    report = found(audit_datasets({"pool": [config]}, cache=cache))

    assert not warned
    assert str(good) in cache.lookup([str(good), str(good.with_name(name))])
    assert report.keys() == {"file-name"}
    assert repr(name)[1:-1] in report["file-name"]


@pytest.mark.parametrize(("share", "severity"), [(0.3, "error"), (0.4, "warning")])
def test_a_pool_may_lack_a_few_images(tmp_path, write_voc, share, severity):
    boxes = [("cat", 5, 5, 20, 20)]
    voc = write_voc(tmp_path, {name: boxes for name in "abcde"})
    for number, name in enumerate("abcde"):
        cv2.imwrite(str(image_path(voc, name)), np.full((40, 48, 3), 20 * number, np.uint8))
    image_path(voc, "b").unlink()
    image_path(voc, "c").write_bytes(b"no image")
    settings = AuditSettings(unreadable=share)
    report = audit_datasets({"train": [voc]}, settings, unlabeled=["train"])
    assert {g.kind.name: g.severity for g in report.groups} == dict.fromkeys(
        ("image-missing", "image-unreadable"), severity
    )
    report = audit_datasets({"train": [voc]}, settings)  # all of it is labelled
    assert {g.severity for g in report.groups} == {"error"}
