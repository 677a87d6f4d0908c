"""CVAT for images 1.1, as CVAT exports and uploads it."""

import xml.etree.ElementTree as ET

import pytest
from exchanged_labels import BOXES, CLASSES, POSES

from mmal.datasets.exchange import Cvat, ExchangeError, cvat_labels
from mmal.structures import ImageLabels, LabelSchema, ObjectLabel

#: As CVAT exports a task: the documented example of boxes and tags, and a skeleton as its exporter
#: writes one (``group_id`` is left out where it is 0).
EXPORT = """<?xml version="1.0" encoding="utf-8"?>
<annotations>
  <version>1.1</version>
  <meta>
    <task>
      <id>4</id><name>pets</name><size>2</size><mode>annotation</mode>
      <labels><label><name>cat</name><type>any</type><attributes></attributes></label></labels>
      <owner><username>admin</username><email></email></owner>
    </task>
    <dumped>2024-03-02 11:21:32.013000+00:00</dumped>
  </meta>
  <image id="0" name="in/a.jpg" width="1600" height="1200">
    {shapes}
  </image>
  <image id="1" name="b.jpg" subset="default" task_id="4" width="640" height="480">
  </image>
</annotations>
"""
BOX = (
    '<box label="cat" source="manual" occluded="0" '
    'xtl="1.00" ytl="2.50" xbr="30.00" ybr="40.00" z_order="0">{}</box>'
)
JOINT = '<points label="{}" source="manual" outside="{}" occluded="{}" points="{}"></points>'
SKELETON = '<skeleton label="person" source="manual" z_order="0"{}>{}</skeleton>'
JOINTS = "".join(
    (
        JOINT.format("left eye", 0, 1, "10.25,20.00"),
        JOINT.format("nose", 0, 0, "5.00,6.00"),
        JOINT.format("auge #2", 1, 0, "7.00,7.00"),
    )
)


def _read(tmp_path, shapes, schema=BOXES):
    (tmp_path / "annotations.xml").write_text(EXPORT.format(shapes=shapes), encoding="utf-8")
    return Cvat().read(tmp_path, schema)


def test_boxes(tmp_path):
    first, second = _read(tmp_path, BOX.format('<attribute name="ignored">true</attribute>'))

    expected = ObjectLabel("cat", (1, 2.5, 30, 40), ignored=True)
    assert first == ImageLabels("in/a.jpg", (1600, 1200), (expected,), finished=True)
    assert second == ImageLabels("b.jpg", (640, 480), finished=None)


def test_turned_boxes_are_read_as_the_upright_box_around_them(tmp_path):
    turned = BOX.format("").replace('z_order="0"', 'rotation="90.00" z_order="0"')
    (item,) = _read(tmp_path, turned)[0].objects

    # 29 by 37.5 around (15.5, 21.25) becomes 37.5 by 29.
    assert item.box == pytest.approx((-3.25, 6.75, 34.25, 35.75))


@pytest.mark.parametrize("source", ["auto", "file"])
def test_shapes_that_nobody_has_touched_do_not_finish_an_image(source, tmp_path):
    untouched = BOX.format("").replace("manual", source)

    assert _read(tmp_path, untouched)[0].finished is None
    assert _read(tmp_path, untouched + BOX.format(""))[0].finished is True


def test_skeletons(tmp_path):
    joints = ((5, 6, 2), (10.25, 20, 1), (0, 0, 0))
    (first, _) = _read(tmp_path, SKELETON.format("", JOINTS), POSES)
    assert first.objects == (ObjectLabel("person", None, joints),)

    box = BOX.format("").replace('"cat"', '"person box" group_id="3"')
    (first, _) = _read(tmp_path, box + SKELETON.format(' group_id="3"', JOINTS), POSES)
    assert first.objects == (ObjectLabel("person", (1, 2.5, 30, 40), joints),)


def test_tags(tmp_path):
    tag = '<tag label="dog" source="manual"></tag>'
    first, second = _read(tmp_path, tag, CLASSES)

    assert (first.image_class, first.finished) == ("dog", True)
    assert (second.image_class, second.finished) == (None, None)
    # A tag beside boxes is none of the boxes' business.
    assert _read(tmp_path, tag + BOX.format(""))[0].image_class is None


def test_proposals(tmp_path):
    proposed = ImageLabels(
        *("a.jpg", (8, 9), (ObjectLabel("cat", (1, 2, 3, 4), score=0.5),)),
        priority=1.5,
        model="round_01",
    )
    Cvat().write([proposed], BOXES, tmp_path)

    assert Cvat().read(tmp_path, BOXES) == [proposed]
    box = ET.parse(tmp_path / "annotations.xml").getroot().find("image/box")
    assert (box.get("source"), box.findtext("attribute[@name='score']")) == ("auto", "0.5")


def test_what_the_loader_of_cvat_asks_for(tmp_path):
    """Its loader takes these attributes without asking whether they are there."""
    person = ObjectLabel("person", (1, 2, 3, 4), ((1, 2, 2), (3, 4, 1), (0, 0, 0)))
    Cvat().write([ImageLabels("a.jpg", (8, 9), (person,))], POSES, tmp_path)
    root = ET.parse(tmp_path / "annotations.xml").getroot()

    assert [child.tag for child in root] == ["version", "meta", "image"]
    assert {"id", "name"} <= set(root.find("image").keys())
    for shape in root.iter("box"):
        assert {"label", "xtl", "ytl", "xbr", "ybr"} <= set(shape.keys())
    points = [p.attrib for p in root.iter("points")]
    assert [(p["outside"], p["occluded"]) for p in points] == [("0", "0"), ("0", "1"), ("1", "0")]
    assert [len(p["points"].split(",")) for p in points] == [2, 2, 2]
    assert [group.get("group_id") for group in root.find("image")] == ["1", "1"]


def test_definitions_of_labels(tmp_path):
    person, bueste, *boxes = cvat_labels(POSES)

    assert (person["type"], bueste["name"]) == ("skeleton", "Büste")
    assert [joint["name"] for joint in person["sublabels"]] == list(POSES.keypoints)
    assert [(label["name"], label["type"]) for label in boxes] == [
        ("person box", "rectangle"),
        ("Büste box", "rectangle"),
    ]
    svg = ET.fromstring(f"<svg>{person['svg']}</svg>")
    assert [c.get("data-label-name") for c in svg.iter("circle")] == list(POSES.keypoints)
    edges = [(e.get("data-node-from"), e.get("data-node-to")) for e in svg.iter("line")]
    assert edges == [("1", "2"), ("2", "3")]

    Cvat().write([], POSES, tmp_path)
    labels = ET.parse(tmp_path / "annotations.xml").getroot().findall("meta/task/labels/label")
    parents = [label.findtext("parent") for label in labels]
    assert parents == [None, *["person"] * 3, None, *["Büste"] * 3, None, None]


def test_globox(tmp_path):
    globox = pytest.importorskip("globox")
    image = ImageLabels("in/a b.jpg", (80, 60), (ObjectLabel("cat", (0, 2.5, 30, 40)),))
    files = Cvat().write([image], BOXES, tmp_path)
    (found,) = globox.AnnotationSet.from_cvat(files[0])

    assert (found.image_id, found.image_size) == ("in/a b.jpg", (80, 60))
    assert [(box.label, *box.ltrb) for box in found.boxes] == [("cat", 0, 2.5, 30, 40)]


PERSON = BOX.format("").replace('"cat"', '"person box" group_id="3"')


@pytest.mark.parametrize(
    ("shapes", "schema", "message"),
    [
        (BOX.replace("cat", "Cat"), BOXES, r"image 'in/a.jpg', box 1: the class 'Cat' .*'cat'\?"),
        (BOX.replace("1.00", "one"), BOXES, r"xtl is 'one'; expected a number"),
        (BOX.replace('xbr="30.00"', ""), BOXES, r"xbr is None"),
        (BOX.replace("30.00", "inf"), BOXES, r"xbr is 'inf'"),
        ('<polygon label="cat" points="1,2;3,4"/>', BOXES, r"a polygon is drawn; expected box\."),
        ('<mask label="person"/>', POSES, r"a mask is drawn; expected box or skeleton"),
        (SKELETON.format("", JOINTS + JOINTS), POSES, r"the keypoint 'left eye' is there twice"),
        (
            SKELETON.format("", JOINT.format("Nose", 0, 0, "1,2")),
            *(POSES, r"'Nose' is not known; did you mean 'nose'"),
        ),
        (
            SKELETON.format("", JOINT.format("nose", 0, 0, "1")),
            *(POSES, r"points of 'nose' is '1'; expected x,y"),
        ),
        (PERSON + PERSON, POSES, r"the group 3 has more than one box of 'person'"),
        (
            '<tag label="cat"/><tag label="dog"/>',
            *(CLASSES, r"it has the tags \['cat', 'dog'\]; expected one"),
        ),
        (
            '</image><image id="2" name="in/a.jpg">',
            *(BOXES, r"image 'in/a.jpg': it is there more than once"),
        ),
        (
            '</image><image name="c.jpg" width="x" height="3">',
            *(BOXES, r"width and height are \['x', '3'\]"),
        ),
        ("</image><image>", BOXES, r"image None: has no file name"),
        ('</image><track id="0"/><image name="c">', BOXES, r"CVAT for video; export the task as"),
    ],
)
def test_what_is_wrong_is_named(shapes, schema, message, tmp_path):
    with pytest.raises(ExchangeError, match=message):
        _read(tmp_path, shapes, schema)


def test_names_that_xml_cannot_hold(tmp_path):
    with pytest.raises(ExchangeError, match=r"not UTF-8, which XML cannot hold"):
        Cvat().write([ImageLabels("caf\udce9.jpg")], BOXES, tmp_path)
    with pytest.raises(ExchangeError, match=r"the name 'a\\x00b'.*XML cannot hold"):
        Cvat().write([], LabelSchema("boxes", ("a\0b",)), tmp_path)


def test_a_class_that_is_the_label_of_a_box(tmp_path):
    schema = LabelSchema("keypoints", ("person", "person box"), ("nose",))
    with pytest.raises(ExchangeError, match=r"class 'person': CVAT's label of its box is 'person"):
        Cvat().write([], schema, tmp_path)
