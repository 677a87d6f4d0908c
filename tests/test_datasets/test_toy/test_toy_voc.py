"""Tests of the toy VOC data set, on a small copy of it."""

import sys
import xml.etree.ElementTree as ET
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("sklearn", reason="the handwritten digits come with scikit-learn")

from mmal.datasets.toy import CLASSES, make_toy_voc, toy_voc
from mmal.datasets.toy.digit_scenes import Scene, Sprite
from mmal.datasets.toy.folder import is_hard
from mmal.datasets.toy.toy_voc import EASY, HARD, load_glyphs

SMALL = dict(num_train=60, num_test=20, size=96)
TINY = dict(num_train=2, num_test=1, size=96)


@pytest.fixture(scope="module")
def data_set(tmp_path_factory) -> Path:
    return make_toy_voc(tmp_path_factory.mktemp("data") / "deep" / "toy", **SMALL)


def read_objects(path: Path) -> list[tuple[str, list[int]]]:
    objects = ET.parse(path).getroot().findall("object")
    edges = ("xmin", "ymin", "xmax", "ymax")
    return [(o.findtext("name"), [int(o.findtext(f"bndbox/{e}")) for e in edges]) for o in objects]


def test_layout(data_set):
    lists = {s: (data_set / f"ImageSets/Main/{s}.txt").read_text().split() for s in toy_voc.SPLITS}

    assert {split: len(names) for split, names in lists.items()} == {"train": 60, "test": 20}
    names = {name for split in lists.values() for name in split}
    assert len(names) == 80
    assert {path.stem for path in (data_set / "JPEGImages").glob("*.jpg")} == names
    assert {path.stem for path in (data_set / "Annotations").glob("*.xml")} == names
    assert [path.name for path in data_set.parent.iterdir()] == ["toy"]  # no temporary folder left


def test_annotations_hold_voc_fields_only(data_set):
    for path in (data_set / "Annotations").iterdir():
        root = ET.parse(path).getroot()
        image = cv2.imread(str(data_set / "JPEGImages" / root.findtext("filename")))
        size = [int(root.findtext(f"size/{side}")) for side in ("height", "width", "depth")]
        assert tuple(size) == image.shape == (96, 96, 3)

        assert {field.tag for field in root} == {
            "folder", "filename", "size", "segmented", "object"
        }  # fmt: skip
        for item in root.findall("object"):
            tags = [field.tag for field in item]
            assert tags == ["name", "pose", "truncated", "difficult", "bndbox"]
            assert item.findtext("difficult") in ("0", "1")
        for name, (x1, y1, x2, y2) in read_objects(path):
            assert name in CLASSES
            assert 1 <= x1 < x2 <= 96
            assert 1 <= y1 < y2 <= 96


def test_boxes_count_from_one_and_include_the_last_pixel(tmp_path, monkeypatch):
    def white_on_black(rng, glyphs, style, size):
        canvas = np.zeros((size, size, 3), np.float32)
        shape = Sprite(np.ones((25, 15), np.float32), np.ones(3, np.float32), 30, 8, label=7)
        return Scene(canvas, (shape,), np.zeros((size, size, 1), np.float32))

    monkeypatch.setattr(toy_voc, "draw_scene", white_on_black)
    folder = make_toy_voc(tmp_path / "toy", **TINY)

    image = cv2.imread(str(folder / "JPEGImages/train_00000.jpg"), cv2.IMREAD_GRAYSCALE)
    rows, columns = np.nonzero(image > 127)
    seen = [columns.min() + 1, rows.min() + 1, columns.max() + 1, rows.max() + 1]
    assert read_objects(folder / "Annotations/train_00000.xml") == [("seven", seen)]


def test_no_handwriting_sample_is_in_both_splits():
    glyphs = load_glyphs()
    samples = {split: {g.tobytes() for c in glyphs[split] for g in c} for split in glyphs}

    assert [len(glyphs[split]) for split in ("train", "test")] == [10, 10]
    assert not samples["train"] & samples["test"]
    assert sum(len(c) for split in glyphs.values() for c in split) == 1797  # all of load_digits
    assert len(samples["train"]) == pytest.approx(0.7 * 1797, abs=10)


def test_rare_classes_live_in_hard_scenes(data_set):
    easy, hard = Counter(), Counter()
    for index in range(SMALL["num_train"]):
        counter = hard if is_hard(0, index, seed=0) else easy
        objects = read_objects(data_set / "Annotations" / f"train_{index:05d}.xml")
        counter.update(name for name, _ in objects)

    frequent, rare = CLASSES[:3], CLASSES[-3:]
    assert sum(easy[c] for c in frequent) > 5 * sum(easy[c] for c in rare)
    assert sum(hard[c] for c in rare) > 2 * sum(easy[c] for c in rare)
    total = easy + hard
    assert sum(total[c] for c in frequent) > 2 * sum(total[c] for c in rare)


def test_frequencies_are_a_long_tail():
    assert sum(EASY.frequencies) == pytest.approx(1)
    assert (np.diff(EASY.frequencies) < 0).all()
    # 0.72 ** 9 = 0.052: a nine is about twenty times rarer than a zero.
    assert EASY.frequencies[0] / EASY.frequencies[-1] == pytest.approx(19.2, abs=0.1)
    assert HARD.frequencies == (0.1,) * 10


def test_missing_scikit_learn_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)

    with pytest.raises(ImportError, match="pip install scikit-learn"):
        load_glyphs()
