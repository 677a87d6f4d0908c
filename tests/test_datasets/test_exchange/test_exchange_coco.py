"""COCO JSON, read by other packages and by ours."""

import json

import numpy as np
import pytest
from exchanged_labels import BOXES, CLASSES, POSES
from mmengine.registry import DATASETS, init_default_scope

from mmal.datasets.exchange import Coco, ExchangeError
from mmal.structures import ImageLabels, LabelSchema, ObjectLabel

CAT, DOG = BOXES.classes
BOXED = [
    ImageLabels("low.jpg", (64, 48), priority=0.5, finished=True),
    ImageLabels(
        *("a/high.jpg", (80, 60)),
        objects=(
            ObjectLabel(DOG, (1.5, 2.0, 30.25, 40.0), score=0.75),
            ObjectLabel(CAT, (10.0, 20.0, 20.0, 50.0), ignored=True),
        ),
        priority=2.5,
        model="round_03",
        finished=False,
    ),
]
POSED = [
    ImageLabels(
        *("p.jpg", (100, 90)),
        objects=(
            ObjectLabel("person", (1, 2, 51, 82), ((5, 6, 2), (7.5, 8, 1), (0, 0, 0))),
            ObjectLabel("person", (60, 2, 81, 82)),
            ObjectLabel("person", None, ((5, 6, 2), (7, 8, 2), (9, 9, 2))),
        ),
    )
]


def test_every_field_survives(tmp_path):
    refused = ImageLabels("r.jpg", skipped=True, finished=False, priority=-1.0)
    Coco().write([*BOXED, refused], BOXES, tmp_path)

    assert Coco().read(tmp_path / "coco.json", BOXES) == [BOXED[1], BOXED[0], refused]


def test_fields_of_image_classes_survive(tmp_path):
    images = [
        ImageLabels("a.jpg", (4, 3), image_class="dog", score=0.5, model="m", priority=3.0),
        ImageLabels("b.jpg", (4, 3), finished=True, priority=2.0),
        ImageLabels("c.jpg", image_class="cat", finished=True),
    ]
    Coco().write(images, CLASSES, tmp_path)

    assert Coco().read(tmp_path, CLASSES) == images
    content = json.loads((tmp_path / "coco.json").read_text())
    expected = [
        {"id": 1, "image_id": 1, "category_id": 2, "score": 0.5},
        {"id": 2, "image_id": 3, "category_id": 1},
    ]
    assert content["annotations"] == expected


def test_names_that_are_not_utf8_survive(tmp_path):
    name = b"caf\xe9.jpg".decode(errors="surrogateescape")
    Coco().write([ImageLabels(name)], BOXES, tmp_path)

    assert Coco().read(tmp_path, BOXES)[0].name == name


def test_pycocotools(tmp_path):
    coco_module = pytest.importorskip("pycocotools.coco")
    coco = coco_module.COCO(str(Coco().write(BOXED, BOXES, tmp_path)[0]))

    assert [image["file_name"] for image in coco.loadImgs([1, 2])] == ["a/high.jpg", "low.jpg"]
    assert [cat["name"] for cat in coco.loadCats(coco.getCatIds())] == [CAT, DOG]
    first, second = coco.loadAnns(coco.getAnnIds(imgIds=1))
    assert (first["bbox"], first["area"], first["score"]) == ([1.5, 2, 28.75, 38], 28.75 * 38, 0.75)
    assert (first["iscrowd"], second["iscrowd"]) == (0, 1)


def test_xtcocotools(tmp_path):
    coco_module = pytest.importorskip("xtcocotools.coco")
    coco = coco_module.COCO(str(Coco().write(POSED, POSES, tmp_path)[0]))

    person = coco.loadCats(1)[0]
    assert (person["keypoints"], person["skeleton"]) == (list(POSES.keypoints), [[1, 2], [2, 3]])
    counts = [entry.get("num_keypoints") for entry in coco.loadAnns(coco.getAnnIds())]
    assert counts == [2, None, 3]


def test_globox(tmp_path):
    globox = pytest.importorskip("globox")
    found = globox.AnnotationSet.from_coco(Coco().write(BOXED, BOXES, tmp_path)[0])

    boxes = [(box.label, *box.ltrb) for box in found["a/high.jpg"].boxes]
    assert boxes == [(DOG, 1.5, 2, 30.25, 40), (CAT, 10, 20, 20, 50)]
    assert found["low.jpg"].image_size == (64, 48)


def test_mmdet_trains_on_it(tmp_path):
    file = Coco().write(BOXED, BOXES, tmp_path)[0]
    init_default_scope("mmdet")
    config = dict(
        type="mmdet.CocoDataset",
        ann_file=str(file),
        data_prefix=dict(img=""),
        metainfo=dict(classes=BOXES.classes),
        pipeline=[],
    )
    infos = {info["img_path"]: info for info in DATASETS.build(config)}

    instances = infos["a/high.jpg"]["instances"]
    assert [item["bbox"] for item in instances] == [[1.5, 2, 30.25, 40], [10, 20, 20, 50]]
    assert [item["bbox_label"] for item in instances] == [1, 0]
    assert [item["ignore_flag"] for item in instances] == [0, 1]
    assert (infos["low.jpg"]["width"], infos["low.jpg"]["height"]) == (64, 48)


def test_mmpose_trains_on_it(tmp_path):
    file = Coco().write(POSED, POSES, tmp_path)[0]
    joints = {
        i: dict(name=name, id=i, color=[0, 0, 0], type="upper", swap="")
        for i, name in enumerate(POSES.keypoints)
    }
    metainfo = dict(dataset_name="three", paper_info={}, keypoint_info=joints, skeleton_info={})
    metainfo |= dict(joint_weights=[1.0] * 3, sigmas=[0.1] * 3)
    init_default_scope("mmpose")
    config = dict(
        type="mmpose.CocoDataset", ann_file=str(file), metainfo=metainfo, data_mode="topdown"
    )
    (info,) = [info for info in DATASETS.build(config) if True]

    # MMPose leaves out people without joints, and those without a box.
    np.testing.assert_allclose(info["bbox"], [[1, 2, 51, 82]])
    np.testing.assert_allclose(info["keypoints"], [[[5, 6], [7.5, 8], [0, 0]]])
    np.testing.assert_allclose(info["keypoints_visible"], [[1, 1, 0]])


def _content(**changes):
    content = {
        "images": [{"id": 1, "file_name": "a.jpg", "width": 10, "height": 9}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4]}],
        "categories": [{"id": 1, "name": CAT}, {"id": 2, "name": "zebra"}],
    }
    return content | changes


def _annotation(**changes):
    entry = {"id": 7, "image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4]}
    return _content(annotations=[entry | changes])


def _read(tmp_path, content, schema=BOXES):
    file = tmp_path / "instances.json"
    file.write_text(json.dumps(content))
    return Coco().read(file, schema)


def test_what_another_tool_wrote(tmp_path):
    (image,) = _read(tmp_path, _content())

    assert image == ImageLabels("a.jpg", (10, 9), (ObjectLabel(CAT, (1, 2, 4, 6)),))


def test_joints_in_another_order(tmp_path):
    schema = LabelSchema("keypoints", ("person",), ("nose", "ear", "eye"))
    category = {"id": 1, "name": "person", "keypoints": ["ear", "nose"]}
    flat = [1, 2, 2, 3, 4, 1]
    content = _annotation(keypoints=flat) | {"categories": [category]}

    (image,) = _read(tmp_path, content, schema)
    assert image.objects[0].keypoints == ((3, 4, 1), (1, 2, 2), (0, 0, 0))


@pytest.mark.parametrize(
    ("stated", "name"),
    [
        ("/data/raw/a.jpg", "data/raw/a.jpg"),
        ("./a.jpg", "a.jpg"),
        ("C:\\photos\\raw\\a.jpg", "photos/raw/a.jpg"),
        ("d:/photos/a.jpg", "photos/a.jpg"),
    ],
)
def test_whole_paths_lose_what_is_in_front(stated, name, tmp_path):
    (image,) = _read(tmp_path, _content(images=[{"id": 1, "file_name": stated}]))

    assert image.name == name


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (_content(images=3), r"instances.json: 'images' is 3; expected a list"),
        (_content(images=[{"id": 1}]), r"image None: has no file name"),
        (_content(images=[{"id": [1]}]), r"image at place 0: the id is \[1\]; expected a whole"),
        (_content(images=[{"id": 1, "file_name": "../a.jpg"}]), r"leads out of the folder"),
        (_content(images=[{"id": 1, "file_name": "b\\a.jpg"}]), r"has a backslash"),
        (_content(images=[{"id": 1, "file_name": "b//a.jpg"}]), r"expected 'b/a.jpg'"),
        (_content(images=[{"id": 1, "file_name": "a\0.jpg"}]), r"null character"),
        (
            _content(images=[{"id": i, "file_name": "a.jpg"} for i in (1, 2)]),
            r"image 'a.jpg': it is there more than once",
        ),
        (_content(images=[{"id": 1, "file_name": "a.jpg"}] * 2), r"image 1: the id is there more"),
        (
            _content(images=[{"id": 1, "file_name": "a.jpg", "width": "10", "height": 9}]),
            r"width and height are \('10', 9\); expected whole numbers",
        ),
        (
            _content(images=[{"id": 1, "file_name": "a.jpg", "finished": "yes"}]),
            r"finished is 'yes'; expected true or false",
        ),
        (
            _content(images=[{"id": 1, "file_name": "a", "model": 3}]),
            r"model is 3; expected a name",
        ),
        (_content(annotations=["x"]), r"annotation at place 0: it is no object"),
        (_annotation(image_id=3), r"annotation 7: image_id is 3; expected an id of 'images'"),
        (_annotation(category_id="1"), r"category_id is '1'; expected an id of 'categories'"),
        (_annotation(category_id=2), r"annotation 7: the class 'zebra' is not known; the config"),
        (_annotation(bbox=[1, 2, 3]), r"annotation 7: bbox is \[1, 2, 3\]; expected left, top"),
        (_annotation(bbox=[1, 2, 3, "4"]), r"bbox is \[1, 2, 3, '4'\]"),
        (_annotation(bbox=[1, 2, 3, float("nan")]), r"bbox is \[1, 2, 3, nan\]"),
        (_annotation(bbox=None), r"bbox is None"),
        (_annotation(iscrowd=2), r"iscrowd is 2; expected 0 or 1"),
        (_annotation(score="high"), r"score is 'high'; expected a number"),
    ],
)
def test_what_is_wrong_is_named(content, message, tmp_path):
    with pytest.raises(ExchangeError, match=message):
        _read(tmp_path, content)


def test_capitals_are_told_and_problems_are_counted(tmp_path):
    entries = [dict(_annotation()["annotations"][0], id=i) for i in range(5)]
    content = _content(annotations=entries, categories=[{"id": 1, "name": "Cat"}])

    with pytest.raises(
        ExchangeError, match=r"5 problems(?s:.*)and 4 more places: .*did you mean 'cat'"
    ):
        _read(tmp_path, content)


@pytest.mark.parametrize(
    ("keypoints", "names", "message"),
    [
        ([1, 2, 2], None, r"keypoints has 3 numbers; expected 9: x, y, visibility of 3 keypoints"),
        ([1, 2, 3] * 3, None, r"a keypoint is \(1, 2, 3\); expected finite x and y"),
        (["1", 2, 2] * 3, None, r"a keypoint is \('1', 2, 2\)"),
        ([1, 2, 2], ["Nose"], r"the keypoint 'Nose' is not known; did you mean 'nose'"),
        ([1, 2, 2], 3, r"its category's keypoints are 3; expected names"),
        ("x", None, r"keypoints has 'x' numbers"),
    ],
)
def test_wrong_keypoints(keypoints, names, message, tmp_path):
    content = _annotation(keypoints=keypoints)
    content["categories"] = [{"id": 1, "name": "person", "keypoints": names}]

    with pytest.raises(ExchangeError, match=message):
        _read(tmp_path, content, POSES)


def test_an_image_of_two_classes(tmp_path):
    entries = [{"id": i, "image_id": 1, "category_id": i} for i in (1, 2)]
    categories = [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}]

    with pytest.raises(ExchangeError, match=r"has the classes \['cat', 'dog'\]; expected one"):
        _read(tmp_path, _content(annotations=entries, categories=categories), CLASSES)


BOX = (1.0, 2.0, 3.0, 4.0)


@pytest.mark.parametrize(
    ("image", "schema", "message"),
    [
        (ImageLabels("a", objects=(ObjectLabel("Cat", BOX),)), BOXES, r"did you mean 'cat'"),
        (ImageLabels("a", objects=(ObjectLabel(CAT),)), BOXES, r"object 1: it has neither box nor"),
        (ImageLabels("a", objects=(ObjectLabel("cat", BOX),)), CLASSES, r"schema is of classes"),
        (ImageLabels("a", image_class="cat"), BOXES, r"the schema is of boxes"),
        (ImageLabels("a", image_class="cow"), CLASSES, r"the class 'cow' is not known"),
        (ImageLabels("a", priority=float("nan")), BOXES, r"priority or score is nan"),
        (
            ImageLabels("a", objects=(ObjectLabel(CAT, (1, 2, 3, float("inf"))),)),
            *(BOXES, r"no finite number"),
        ),
        (
            ImageLabels("a", objects=(ObjectLabel("person", BOX, ((1, 2, 2),)),)),
            *(POSES, r"it has 1 keypoints; expected 3"),
        ),
        (
            ImageLabels("a", objects=(ObjectLabel("person", BOX, ((1, 2, 3),) * 3),)),
            *(POSES, r"the visibility of a keypoint is none of 0, 1 and 2"),
        ),
        (ImageLabels("../a"), BOXES, r"Labels for COCO JSON: 1 problem.\n  image '../a': its name"),
    ],
)
def test_labels_that_do_not_fit_are_not_written(image, schema, message, tmp_path):
    with pytest.raises(ExchangeError, match=message):
        Coco().write([image], schema, tmp_path)
    assert not list(tmp_path.iterdir())
