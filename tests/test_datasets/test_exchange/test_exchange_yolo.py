"""YOLO's text files, as tools write them."""

import cv2
import numpy as np
import pytest
import yaml
from exchanged_labels import BOXES, CLASSES, POSES

from mmal.datasets.exchange import ExchangeError, Yolo
from mmal.structures import ImageLabels, ObjectLabel

SIZES = {"in/a.jpg": (200, 100), "b.jpg": (80, 60)}


def _files(tmp_path, **files):
    for name, text in files.items():
        path = tmp_path / name.replace("__", "/").replace("_txt", ".txt")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def _data(tmp_path, names=("cat",), **further):
    (tmp_path / "data.yaml").write_text(yaml.safe_dump({"names": list(names), **further}))
    return tmp_path


@pytest.mark.parametrize(
    "file", ["labels__train__in__a_txt", "labels__in__a_txt", "labels__0a1b2c3d-a_txt", "a_txt"]
)
def test_folders_of_tools(file, tmp_path):
    _files(_data(tmp_path), **{file: "0 0.5 0.5 0.5 0.2\n"})
    expected = ImageLabels("in/a.jpg", (200, 100), (ObjectLabel("cat", (50, 40, 150, 60)),))

    for path in (tmp_path, tmp_path / "data.yaml"):
        assert Yolo().read(path, BOXES, SIZES) == [expected]


@pytest.mark.parametrize("name", ["classes.txt", "obj.names"])
def test_classes_in_a_list(name, tmp_path):
    (tmp_path / name).write_text("zebra\ncat\n")
    _files(tmp_path, b_txt="1 0.5 0.5 0.5 0.5 0.75\n", train_txt="images/b.jpg\n")

    (image,) = Yolo().read(tmp_path, BOXES, SIZES)
    assert image.objects == (ObjectLabel("cat", (20, 15, 60, 45), score=0.75),)


def test_an_empty_file_may_be_of_an_image_that_nobody_has_looked_at(tmp_path):
    images = [
        ImageLabels("in/a.jpg", (200, 100), finished=True),
        ImageLabels("b.jpg", (80, 60), finished=False),
    ]
    Yolo().write(images, BOXES, tmp_path)

    assert Yolo().read(tmp_path, BOXES, SIZES) == [ImageLabels("in/a.jpg", (200, 100))]
    assert not (tmp_path / "labels" / "b.txt").exists()


def test_poses(tmp_path):
    """With a visibility, without one, and in another order."""
    _data(tmp_path, ["person"], kpt_shape=[3, 3], kpt_names={0: ["left eye", "auge #2", "nose"]})
    _files(tmp_path, labels__b_txt="0 .5 .5 .5 .5 .1 .2 2 .3 .4 1 0 0 0\n")
    (image,) = Yolo().read(tmp_path, POSES, SIZES)
    assert image.objects[0].keypoints == (
        (0, 0, 0),
        pytest.approx((8, 12, 2)),
        pytest.approx((24, 24, 1)),
    )

    _data(tmp_path, ["person"], kpt_shape=[3, 2])
    _files(tmp_path, labels__b_txt="0 .5 .5 .5 .5 .1 .2 .3 .4 0 0\n0 .5 .5 .5 .5\n")
    (image,) = Yolo().read(tmp_path, POSES, SIZES)
    assert [v for _, _, v in image.objects[0].keypoints] == [2, 2, 0]
    assert image.objects[1].keypoints == ()


def test_what_ultralytics_asks_for(tmp_path):
    person = ObjectLabel("Büste", (20, 15, 60, 45), ((8, 12, 2), (24, 24, 1), (0, 0, 0)))
    Yolo().write([ImageLabels("b.jpg", (80, 60), (person,))], POSES, tmp_path)

    content = yaml.safe_load((tmp_path / "data.yaml").read_text(encoding="utf-8"))
    assert content["names"] == {0: "person", 1: "Büste"}
    assert content["kpt_shape"] == [3, 3]
    text = (tmp_path / "labels" / "b.txt").read_text()
    assert text == "1 0.5 0.5 0.5 0.5 0.1 0.2 2 0.3 0.4 1 0 0 0\n"


def test_globox(tmp_path):
    globox = pytest.importorskip("globox")
    image = ImageLabels("b.jpg", (80, 60), (ObjectLabel("cat", (20, 15.5, 60, 45)),))
    Yolo().write([image], BOXES, tmp_path)
    cv2.imwrite(str(tmp_path / "b.jpg"), np.zeros((60, 80, 3), np.uint8))
    (found,) = globox.AnnotationSet.from_yolo_v5(tmp_path / "labels", image_folder=tmp_path)

    (box,) = found.boxes
    assert box.ltrb == pytest.approx((20, 15.5, 60, 45), abs=1e-2)
    assert box.label == "0"


def test_names_that_are_not_utf8_survive(tmp_path):
    name = b"caf\xe9.jpg".decode(errors="surrogateescape")
    image = ImageLabels(name, (8, 9), (ObjectLabel("cat", (1, 2, 3, 4)),), finished=True)
    Yolo().write([image], BOXES, tmp_path)
    assert Yolo().read(tmp_path, BOXES, {name: (8, 9)})[0].name == name


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0 .5 .5 .5", r"b.txt, line 1: it has 4 numbers; expected 5$"),
        ("0 .5 .5 .5 .5 .5 .5", r"it has 7 numbers; expected 5 \(the outline of a segment"),
        ("0 .5 .5 .5 nan", r"'nan' is no finite number"),
        ("cat .5 .5 .5 .5", r"'cat' is no finite number"),
        ("\n3 .5 .5 .5 .5", r"line 2: the class 3 is none of the 2 in data.yaml"),
        ("1 .5 .5 .5 .5", r"the class 'Cat' is not known; did you mean 'cat'"),
        ("é", r"it is no text of numbers"),
    ],
)
def test_what_is_wrong_is_named(text, message, tmp_path):
    _files(_data(tmp_path, ["cat", "Cat"]), labels__b_txt=text)
    with pytest.raises(ExchangeError, match=message):
        Yolo().read(tmp_path, BOXES, SIZES)


def test_wrong_number_of_keypoints(tmp_path):
    _files(_data(tmp_path, ["person"]), labels__b_txt="0 .5 .5 .5 .5 .1 .2 2")
    with pytest.raises(ExchangeError, match=r"it has 8 numbers; expected 5 or 14 or 11"):
        Yolo().read(tmp_path, POSES, SIZES)


def test_no_image_or_two(tmp_path):
    _files(_data(tmp_path), labels__x_txt="")
    with pytest.raises(ExchangeError, match=r"labels/x.txt: its name fits no image of the data"):
        Yolo().read(tmp_path, BOXES, SIZES)
    with pytest.raises(ExchangeError, match=r"fits the images \['x.jpg', 'x.png'\] of the data"):
        Yolo().read(tmp_path, BOXES, {"x.jpg": (1, 1), "x.png": (1, 1)})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"names: [cat", r"data.yaml: it is no YAML: .*line 1"),
        (b"names: cat", r"data.yaml: names is 'cat'; expected the classes' names"),
        (b"- cat", r"names is None; expected"),
        ("names: [é]".encode("latin-1"), r"data.yaml: it is not in UTF-8"),
    ],
)
def test_wrong_class_files(content, message, tmp_path):
    (tmp_path / "data.yaml").write_bytes(content)
    with pytest.raises(ExchangeError, match=message):
        Yolo().read(tmp_path, BOXES, SIZES)


def test_sizes_are_needed(tmp_path):
    with pytest.raises(ExchangeError, match=r"read them with the sizes of the data set's images"):
        Yolo().read(_data(tmp_path), BOXES)


BOX = (1, 2, 3, 4)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        ([ImageLabels("a", objects=(ObjectLabel("person", BOX),))], r"its size is not known"),
        (
            [ImageLabels("a", (8, 9), (ObjectLabel("person", BOX, ignored=True),))],
            r"object 1 is ignored, which YOLO cannot say",
        ),
        (
            [ImageLabels("a", (8, 9), (ObjectLabel("person", None, ((1, 2, 2),) * 3),))],
            r"object 1 has no box",
        ),
        ([ImageLabels("a.jpg"), ImageLabels("a.png")], r"would be in a.txt, as those of 'a.jpg'"),
    ],
)
def test_labels_that_it_cannot_carry(images, message, tmp_path):
    with pytest.raises(ExchangeError, match=message):
        Yolo().write(images, POSES, tmp_path)


def test_image_classes_are_not_carried(tmp_path):
    with pytest.raises(ExchangeError, match=r"carry|carries boxes and keypoints, not classes"):
        Yolo().write([], CLASSES, tmp_path)
