"""What is read and refused of one's own COCO files before a config names them."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from mmal.apis.coco_files import CocoFiles

EMPTY = dict(images=[], annotations=[])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({**EMPTY, "categories": [dict(id=1)]}, "or name them with --classes"),
        ({**EMPTY, "categories": []}, "or name them with --classes"),
        ({**EMPTY, "categories": [dict(name="a"), dict(name="a")]}, "of the same name"),
        (dict(categories=[]), "is no COCO file: it has no list of images, annotations. Mend"),
        ([], "is no COCO file: it has no list of images, annotations, categories"),
    ],
)
def test_categories_that_cannot_be_read(tmp_path: Path, content: object, message: str) -> None:
    (tmp_path / "train.json").write_text(json.dumps(content))
    with pytest.raises(ValueError, match=message):
        CocoFiles(str(tmp_path), "train.json", "test.json").class_names()


def test_files_that_are_not_there_or_cut_off(
    tmp_path: Path, write_coco: Callable[..., dict]
) -> None:
    write_coco(tmp_path, {"a": [("dog", 1, 2, 30, 32)]})
    CocoFiles(str(tmp_path), "instances.json", "instances.json").check()
    (tmp_path / "cut.json").write_text('{"images": [')
    (tmp_path / "bom.json").write_text("{}", encoding="utf-8-sig")
    for test, images, message in (
        ("gone.json", "images/", r"gone\.json cannot be read: No such file.* --test"),
        ("cut.json", "images/", r"cut\.json is no JSON: .* Mend --data-root and --test"),
        ("bom.json", "images/", r"bom\.json is no JSON: Unexpected UTF-8 BOM"),
        ("instances.json", "nowhere/", r"There is no folder .*nowhere"),
    ):
        with pytest.raises(ValueError, match=message):
            CocoFiles(str(tmp_path), "instances.json", test, images).check()


def files_of(folder: Path, images: int, people: int = 0) -> CocoFiles:
    content = dict(images=[{}] * images, annotations=[{}] * people, categories=[])
    (folder / "train.json").write_text(json.dumps(content))
    return CocoFiles(str(folder), "train.json", "test.json")


@pytest.mark.parametrize(
    ("images", "rounds", "labeled"),
    [(10, 5, 2), (205, 5, 20), (999, 5, 99), (4000, 5, 100), (500, 12, 41)],
)
def test_rounds_of_few_images_are_smaller(
    tmp_path: Path, images: int, rounds: int, labeled: int
) -> None:
    files = files_of(tmp_path, images)
    assert files.round_sizes(rounds, None, None, False) == (labeled, labeled)
    assert files.round_sizes(rounds, None, 1, False) == (labeled, 1)


@pytest.mark.parametrize(
    ("images", "sizes", "needed"),
    [(0, (5, None, None), 10), (9, (5, None, None), 10), (40, (50, 4, 4), 200)],
)
def test_more_than_there_are_cannot_be_labeled(
    tmp_path: Path, images: int, sizes: tuple, needed: int
) -> None:
    files = files_of(tmp_path, images, people=1000)
    with pytest.raises(ValueError, match=rf"train\.json has {images} images; .* label {needed}"):
        files.round_sizes(*sizes, people=False)
    files.round_sizes(*sizes, people=True)
