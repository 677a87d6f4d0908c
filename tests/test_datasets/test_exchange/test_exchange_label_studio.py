"""Label Studio's tasks, as it exports and imports them."""

import json
import xml.etree.ElementTree as ET
from functools import partial

import pytest
from exchanged_labels import AWKWARD, BOXES, CLASSES, POSES

from mmal.datasets.exchange import ExchangeError, LabelStudio, labeling_config, local_files_url
from mmal.datasets.exchange.label_studio_urls import name_of_url
from mmal.structures import ImageLabels, LabelSchema, ObjectLabel

SIZE = {"original_width": 200, "original_height": 100, "image_rotation": 0}


def _box(region="hplPm0Szvc", label="cat", **value):
    place = {"x": 10.0, "y": 20.0, "width": 30.0, "height": 40.0, "rotation": 0}
    return {
        "id": region,
        "type": "rectanglelabels",
        "value": {**place, "rectanglelabels": [label], **value},
        "origin": "manual",
        "to_name": "image",
        "from_name": "bbox",
        **SIZE,
    }


def _joint(label, x=15.0, y=25.0, region="YuLAREYKpq", **further):
    return {
        "id": region,
        "type": "keypointlabels",
        "value": {"x": x, "y": y, "width": 0.2285263987391647, "keypointlabels": [label]},
        "origin": "manual",
        "to_name": "image",
        "from_name": "keypoints",
        **SIZE,
        **further,
    }


def _task(*results, data=None, **further):
    """A task of the export JSON, as Label Studio 1.18 writes it."""
    annotation = {
        "id": 11996,
        "completed_by": {"id": 1, "email": "a@b.example", "first_name": "", "last_name": ""},
        "result": list(results),
        "reviews": [],
        "was_cancelled": False,
        "ground_truth": False,
        "created_at": "2025-05-02T13:40:45.998046Z",
        "updated_at": "2025-05-02T14:46:24.793056Z",
        "lead_time": 172.763,
        "prediction": {},
        "result_count": len(results),
        "task": 10764,
        "project": 18,
    }
    task = {
        "id": 10764,
        "annotations": [annotation],
        "file_upload": "0a1b2c3d-image1.jpg",
        "drafts": [],
        "predictions": [],
        "data": {"image": "/data/upload/18/0a1b2c3d-image1.jpg"} if data is None else data,
        "meta": {},
        "created_at": "2025-04-29T12:31:07.919781Z",
        "inner_id": 1,
        "total_annotations": 1,
    }
    return task | further


def _read(tmp_path, *tasks, schema=BOXES):
    (tmp_path / "project-18.json").write_text(json.dumps(tasks))
    return LabelStudio().read(tmp_path / "project-18.json", schema)


def test_boxes(tmp_path):
    (image,) = _read(tmp_path, _task(_box()))

    box = ObjectLabel("cat", (20, 20, 80, 60))
    assert image == ImageLabels("image1.jpg", (200, 100), (box,), finished=True)


def test_joints_name_their_box_as_parent(tmp_path):
    """As Label Studio's own converter to YOLO poses takes it; the relations are passed over."""
    task = _task(
        _joint("nose", parentID="hplPm0Szvc"),
        _joint("auge #2", 70, 80, "qwGtX1L1Nm", parentID="hplPm0Szvc"),
        _box(label="person"),
        _box("other", "person"),
        {"type": "relation", "to_id": "hplPm0Szvc", "from_id": "YuLAREYKpq", "direction": "right"},
    )
    (image,) = _read(tmp_path, task, schema=POSES)

    joints = ((30, 25, 2), (0, 0, 0), (140, 80, 2))
    assert [item.keypoints for item in image.objects] == [joints, ()]


def test_joints_that_only_one_box_can_have(tmp_path):
    task = _task(
        _box(label="person"),
        _box("other", "person", x=12.0),
        _joint("nose", region="a"),
        _joint("nose", parentID="other", region="b"),
        _joint("left eye", 11, region="c"),
    )
    (image,) = _read(tmp_path, task, schema=POSES)

    first, second = (item.keypoints for item in image.objects)
    assert [v for _, _, v in first] == [2, 2, 0]
    assert [v for _, _, v in second] == [2, 0, 0]


def test_joints_without_any_box(tmp_path):
    schema = LabelSchema("keypoints", ("person",), ("nose", "ear"))
    (image,) = _read(tmp_path, _task(_joint("nose")), schema=schema)

    assert image.objects == (ObjectLabel("person", None, ((30, 25, 2), (0, 0, 0))),)


def test_turned_boxes_are_read_as_the_upright_box_around_them(tmp_path):
    (image,) = _read(tmp_path, _task(_box(rotation=90)))

    # 60 by 40 from (20, 20), turned around that corner.
    assert image.objects[0].box == pytest.approx((-20, 20, 20, 80))


def test_what_became_of_a_task(tmp_path):
    def named(number, task):
        return task | {"data": {"image": f"{number}.jpg"}}

    cancelled = _task(_box())
    cancelled["annotations"][0]["was_cancelled"] = True
    images = _read(
        tmp_path,
        *(named(0, _task()), named(1, cancelled), named(2, _task(annotations=[]))),
        named(3, _task(annotations=[], predictions=[{"model_version": "m", "result": [_box()]}])),
        # Some exports have only the numbers of predictions.
        named(4, _task(annotations=[], predictions=[17])),
    )

    states = [(i.finished, i.skipped, len(i.objects), i.model) for i in images]
    assert states == [
        (True, False, 0, None),
        (False, True, 0, None),
        (False, False, 0, None),
        (False, False, 1, "m"),
        (False, False, 0, None),
    ]


def test_the_latest_annotation_counts(tmp_path):
    task = _task(_box())
    old, new, undated = (dict(task["annotations"][0], id=i) for i in range(3))
    new |= {"result": [], "updated_at": "2025-05-02T14:46:25+00:00"}
    undated |= {"result": [_box(), _box("b")], "updated_at": None, "created_at": None}
    (image,) = _read(tmp_path, task | {"annotations": [old, new, undated]})

    assert (image.objects, image.finished) == ((), True)
    assert LabelStudio().set_aside(tmp_path) == {"image1.jpg": 2}
    _read(tmp_path, task)
    assert LabelStudio().set_aside(tmp_path) == {}


def test_image_classes(tmp_path):
    def chosen(*classes):
        value = {"choices": list(classes)}
        return {"id": "x", "type": "choices", "value": value, "from_name": "choice"}

    (image,) = _read(tmp_path, _task(chosen("dog")), schema=CLASSES)
    assert (image.image_class, image.finished) == ("dog", True)
    (image,) = _read(tmp_path, _task(), schema=CLASSES)
    assert (image.image_class, image.finished) == (None, False)
    with pytest.raises(ExchangeError, match=r"the classes \['cat', 'dog'\] are chosen; expected"):
        _read(tmp_path, _task(chosen("cat", "dog")), schema=CLASSES)
    with pytest.raises(ExchangeError, match=r"the class 'cow' is not known"):
        _read(tmp_path, _task(chosen("cow")), schema=CLASSES)


def test_proposals(tmp_path):
    item = ObjectLabel("person", (1, 2, 3, 4), ((1, 2, 2), (3, 4, 1), (0, 0, 0)), score=0.25)
    proposed = ImageLabels(
        *("a.jpg", (8, 16), (item,)), priority=1.5, model="round_01", finished=False
    )
    files = LabelStudio().write([proposed], POSES, tmp_path)

    assert [file.name for file in files] == ["tasks.json", "labeling_config.xml"]
    assert LabelStudio().read(tmp_path, POSES) == [proposed]
    (task,) = json.loads(files[0].read_text())
    (prediction,) = task["predictions"]
    assert (prediction["model_version"], prediction["score"]) == ("round_01", 0.25)
    assert task["data"]["priority"] == 1.5
    parents = [(entry["type"], entry.get("parentID")) for entry in prediction["result"]]
    joints = [("keypointlabels", "b1"), ("keypointlabels", "b1"), ("choices", "b1")]
    assert parents == [("rectanglelabels", None), *joints]
    box = {"x": 12.5, "y": 12.5, "width": 25.0, "height": 12.5, "rotation": 0}
    assert prediction["result"][0]["value"] == {**box, "rectanglelabels": ["person"]}


def test_skipped_and_unlabelled_survive(tmp_path):
    images = [
        ImageLabels("a.jpg", finished=True),
        ImageLabels("b.jpg", skipped=True, finished=False),
        ImageLabels("c.jpg", finished=False),
        ImageLabels("d.jpg", finished=False, model="m"),
    ]
    LabelStudio().write(images, BOXES, tmp_path)
    assert LabelStudio().read(tmp_path, BOXES) == images


@pytest.mark.parametrize("schema", [BOXES, POSES, CLASSES])
def test_interface_has_the_controls_that_results_name(schema, tmp_path):
    root = ET.fromstring(labeling_config(schema))
    names = [*schema.classes, *schema.keypoints]
    values = [e.get("value") for e in root.iter() if e.tag in ("Label", "Choice")]
    assert set(names) <= set(values)

    labels = dict(image_class="cat")
    if schema.kind != "classes":
        joints = ((1, 2, 1),) * len(schema.keypoints)
        labels = dict(objects=(ObjectLabel(schema.classes[0], (1, 2, 3, 4), joints, True),))
    files = LabelStudio().write([ImageLabels("a.jpg", (8, 9), **labels)], schema, tmp_path)
    (task,) = json.loads(files[0].read_text())
    controls = {control.get("name"): control for control in root}
    for entry in task["annotations"][0]["result"]:
        control = controls[entry["from_name"]]
        assert control.tag.lower() == entry["type"]
        assert control.get("toName") == entry["to_name"] == root.find("Image").get("name")
        assert {child.get("value") for child in control} >= set(entry["value"][entry["type"]])
    assert root.find("Image").get("value") == "$image"
    assert "image" in task["data"]


def test_names_in_addresses():
    for name in AWKWARD:
        assert name_of_url(local_files_url(name)) == name
        assert name_of_url("http://localhost:8080" + local_files_url(name)) == name
        if "upload/" not in name:
            assert name_of_url(f"s3://bucket/{name}") == name


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("/data/local-files/?d=images/a%20b.jpg", "images/a b.jpg"),
        ("/data/local-files?d=a+b.jpg", "a+b.jpg"),
        ("/data/upload/3/0a1b2c3d-caf%C3%A9.jpg", "café.jpg"),
        ("/data/upload/3/cat.jpg", "cat.jpg"),
        ("upload/3/0a1b2c3d-cat.jpg", "cat.jpg"),
        ("http://localhost:8080/data/upload/3/0a1b2c3d-cat.jpg", "cat.jpg"),
        ("/storage-data/uploaded/?filepath=upload/3/0a1b2c3d-cat.jpg", "cat.jpg"),
        ("gs://bucket/pets/a#1.jpg", "pets/a#1.jpg"),
        ("https://bucket.s3.amazonaws.com/pets/a%20b.jpg?X-Amz-Signature=1", "pets/a b.jpg"),
        ("pets/a b.jpg", "pets/a b.jpg"),
    ],
)
def test_addresses_of_other_kinds(url, name, tmp_path):
    (image,) = _read(tmp_path, _task(data={"image": url}))
    assert image.name == name


def test_names_that_are_stated_go_first(tmp_path):
    data = {"image": "s3://bucket/x.jpg", "mmal_name": "in/a.jpg"}
    assert _read(tmp_path, _task(data=data))[0].name == "in/a.jpg"
    data = {"image": "s3://bucket/x.jpg"}
    assert _read(tmp_path, _task(data=data, meta={"mmal_name": "b.jpg"}))[0].name == "b.jpg"
    assert _read(tmp_path, _task(data={"picture": "?"}))[0].name == "image1.jpg"


def test_addresses_are_the_users(tmp_path):
    url_of = partial(local_files_url, prefix="photos")
    files = LabelStudio().write([ImageLabels("a b.jpg")], BOXES, tmp_path, url_of=url_of)
    (task,) = json.loads(files[0].read_text())
    assert task["data"]["image"] == "/data/local-files/?d=photos/a%20b.jpg"


@pytest.mark.parametrize(
    ("task", "message"),
    [
        (_task(_box(label="Cat")), r"image 'image1.jpg', region 1: the class 'Cat' .*'cat'\?"),
        (_task(_box(x="10")), r"region 1: x is '10'; expected a number of percent"),
        (_task(_box(x=float("nan"))), r"x is nan; expected a number"),
        (_task(_box(rotation="x")), r"rotation is 'x'; expected a number"),
        (_task(_box() | {"score": "x"}), r"score is 'x'; expected a number"),
        (_task(_box() | {"original_width": None}), r"original_width and .* \(None, 100\)"),
        (_task(_box() | {"image_rotation": 90}), r"was turned by 90 degrees when it was drawn"),
        (_task(_box(rectanglelabels=["cat", "x"])), r"its labels are \['cat', 'x'\]; expected one"),
        (_task(_box(), _box()), r"the id 'hplPm0Szvc' is there more than once"),
        (_task(_box() | {"type": "polygonlabels"}), r"type is 'polygonlabels'; expected rectangle"),
        (_task(_joint("nose")), r"type is 'keypointlabels'; expected rectanglelabels\."),
        (_task({"type": "choices", "value": {}}), r"choices is None; expected a list"),
        (_task("x"), r"region 1: it is 'x'; expected an object with a value"),
        (_task(data={"image": 3}, file_upload=None), r"task 10764: data.image is 3; expected"),
        (_task(data={"image": "../a.jpg"}), r"leads out of the folder"),
        (_task(data=[]), r"task 1: data is \[\]; expected an object"),
        (_task(annotations={}), r"annotations is \{\}; expected a list"),
        (_task(annotations=[{"result": 1}]), r"result is 1; expected a list"),
        ({"annotation_id": 3, "image": "a.jpg"}, r"export JSON-MIN.*; export JSON"),
    ],
)
def test_what_is_wrong_is_named(task, message, tmp_path):
    with pytest.raises(ExchangeError, match=message):
        _read(tmp_path, task)


def test_a_task_that_is_none_and_an_image_twice(tmp_path):
    with pytest.raises(ExchangeError, match=r"task 2: it is 3; expected an object of JSON"):
        _read(tmp_path, _task(), 3)
    with pytest.raises(ExchangeError, match=r"image 'image1.jpg': it is there more than once"):
        _read(tmp_path, _task(), _task())


@pytest.mark.parametrize(
    ("results", "message"),
    [
        ([_joint("Nose")], r"the keypoint 'Nose' is not known; did you mean 'nose'"),
        ([_joint("nose")], r"keypoint 'nose': it belongs to no box: drag it onto its box"),
        (
            [_box(label="person"), _joint("nose", parentID="hplPm0Szvc"), _joint("nose", 99)],
            r"keypoint 'nose': it belongs to no box",
        ),
        (
            [_box(label="person"), *[_joint("nose", parentID="hplPm0Szvc")] * 2],
            r"keypoint 'nose': its box has one already",
        ),
    ],
)
def test_wrong_joints(results, message, tmp_path):
    with pytest.raises(ExchangeError, match=message):
        _read(tmp_path, _task(*results), schema=POSES)


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (ImageLabels("caf\udce9.jpg"), r"is not UTF-8, which Label Studio cannot serve"),
        (ImageLabels("a", objects=(ObjectLabel("person", (1, 2, 3, 4)),)), r"size is not known"),
        (
            ImageLabels("a", (8, 9), (ObjectLabel("person", None, ((1, 2, 2),) * 3),)),
            r"object 1 has no box, which holds its keypoints together",
        ),
    ],
)
def test_labels_that_it_cannot_carry(image, message, tmp_path):
    with pytest.raises(ExchangeError, match=message):
        LabelStudio().write([image], POSES, tmp_path)


def test_names_that_xml_cannot_hold():
    with pytest.raises(ExchangeError, match=r"the name 'a\\x00' .* XML cannot hold"):
        labeling_config(LabelSchema("boxes", ("a\0",)))
