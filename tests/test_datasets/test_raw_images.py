"""Where the images of a pool are listed."""

import csv
import json
import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pa_parquet
import pytest

from mmal.datasets import RawImages

NAMES = ["a/one.jpg", "b/one.jpg", "b/two.PNG", "b/ünï cödé 'x'.jpg"]


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    root = tmp_path / "photos"
    for name in [*NAMES, "a/.hidden.jpg", "a/notes.txt"]:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")
    return root


def listed(source: str | Path, **kwargs: str) -> dict[str, str]:
    return RawImages([str(source)], **kwargs).paths()


def test_a_folder(photos: Path) -> None:
    assert listed(photos) == {name: str(photos / name) for name in NAMES}


def test_two_folders_are_named_below_the_one_that_holds_both(photos: Path) -> None:
    raw = RawImages([str(photos / "a"), str(photos / "b")])
    assert list(raw.paths()) == NAMES


def test_a_pattern(photos: Path) -> None:
    assert list(listed(photos / "**/one.jpg")) == ["a/one.jpg", "b/one.jpg"]
    with pytest.raises(FileNotFoundError, match=r"No image matches .* \(1 other files do\)"):
        listed(photos / "*/*.txt")


def write_list(photos: Path, kind: str) -> Path:
    path = photos / f"list.{kind}"
    if kind == "txt":
        path.write_text("\r\n".join(NAMES) + "\n", encoding="utf-8")
    elif kind == "csv":
        with open(path, "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerows([["score", "file_name"], *([1, name] for name in NAMES)])
    elif kind == "parquet":
        pa_parquet.write_table(pa.table({"img_path": NAMES, "score": [1] * len(NAMES)}), path)
    else:
        images = [dict(id=i, file_name=name) for i, name in enumerate(NAMES)]
        path.write_text(json.dumps(dict(images=images)))
    return path


@pytest.mark.parametrize("kind", ["txt", "csv", "parquet", "json"])
def test_lists_name_files_relative_to_themselves(photos: Path, kind: str) -> None:
    assert listed(write_list(photos, kind)) == {name: str(photos / name) for name in NAMES}


def test_lists_may_name_files_relative_to_the_working_directory(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lists").mkdir()
    source = tmp_path / "lists/picks.txt"
    source.write_text("photos/a/one.jpg\n/somewhere/else.jpg\n")
    found = listed(source, root=str(photos))
    assert found == {
        "a/one.jpg": str(photos / "a/one.jpg"),
        "outside/somewhere/else.jpg": "/somewhere/else.jpg",
    }


def test_an_id_is_one_image(photos: Path) -> None:
    (photos / "outside/tmp").mkdir(parents=True)
    (photos / "outside/tmp/x.jpg").write_bytes(b"x")
    source = photos / "list.txt"
    source.write_text("outside/tmp/x.jpg\n/tmp/x.jpg\n")
    with pytest.raises(ValueError, match="have the same id"):
        listed(source)


def test_addresses_of_other_backends_keep_their_names(tmp_path: Path) -> None:
    source = tmp_path / "list.txt"
    source.write_text("s3://bucket/photos/1.jpg\n")
    assert listed(source, root="s3://bucket/photos") == {"1.jpg": "s3://bucket/photos/1.jpg"}
    assert listed(source) == {"outside/s3/bucket/photos/1.jpg": "s3://bucket/photos/1.jpg"}


@pytest.mark.parametrize(
    ("name", "content", "error", "message"),
    [
        ("none", None, FileNotFoundError, "no source of images, it does not exist"),
        ("list.txt", None, FileNotFoundError, "does not exist"),
        ("list.docx", b"x", ValueError, "no source of images. It must be a folder"),
        ("list.txt", b"\n", ValueError, "is empty"),
        ("list.txt", b"\xff.jpg\n", ValueError, "cannot be read: .*utf-8"),
        ("list.csv", b"a,b\n1,2\n", ValueError, "no column of image files"),
        ("list.parquet", b"x", ValueError, "cannot be read"),
        ("list.json", b"{", ValueError, "cannot be read"),
        ("list.json", b"[]", ValueError, "no list 'images'"),
        ("list.json", b'{"images": [{}]}', ValueError, "no 'file_name'"),
    ],
)
def test_bad_sources(tmp_path: Path, name: str, content, error: type, message: str) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(error, match=message):
        listed(tmp_path / name)


def test_files_whose_names_are_no_utf8_are_listed(tmp_path: Path) -> None:
    name = os.fsdecode(b"\xff.jpg")
    (tmp_path / name).write_bytes(b"x")
    assert list(listed(tmp_path)) == [name]
