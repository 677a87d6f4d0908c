"""Pascal VOC XML, as tools and MMDetection read and write it."""

import zipfile

import pytest
from exchanged_labels import BOXES, POSES
from mmengine.registry import DATASETS, init_default_scope

from mmal.datasets.exchange import ExchangeError, PascalVoc
from mmal.structures import ImageLabels, ObjectLabel

CAT, DOG = BOXES.classes
IMAGE = ImageLabels(
    *("in/a b.jpg", (80, 60)),
    objects=(
        ObjectLabel(CAT, (0, 2, 30, 40)),
        ObjectLabel(DOG, (10.5, 20, 20, 50), ignored=True),
    ),
)
#: As LabelImg saves it.
LABELIMG = """<annotation>
	<folder>my pictures</folder>
	<filename>a.jpg</filename>
	<path>/home/someone/my pictures/a.jpg</path>
	<source>
		<database>Unknown</database>
	</source>
	<size>
		<width>80</width>
		<height>60</height>
		<depth>3</depth>
	</size>
	<segmented>0</segmented>
	<object>
		<name>cat</name>
		<pose>Unspecified</pose>
		<truncated>0</truncated>
		<difficult>1</difficult>
		<bndbox>
			<xmin>1</xmin>
			<ymin>2</ymin>
			<xmax>30</xmax>
			<ymax>40</ymax>
		</bndbox>
	</object>
</annotation>
"""


def test_labelimg(tmp_path):
    (tmp_path / "a.xml").write_text(LABELIMG)

    expected = ObjectLabel("cat", (1, 2, 30, 40), ignored=True)
    for path in (tmp_path, tmp_path / "a.xml"):
        (image,) = PascalVoc().read(path, BOXES)
        assert image == ImageLabels("a.jpg", (80, 60), (expected,))


def test_folders_of_tools(tmp_path):
    """Label Studio names a folder of its own; CVAT puts the folders into the file name."""
    archive = tmp_path / "out.zip"
    with zipfile.ZipFile(archive, "w") as file:
        studio = LABELIMG.replace("my pictures</folder>", "images</folder>")
        file.writestr("Annotations/in/a.xml", studio)
        file.writestr("Annotations/x/b.xml", LABELIMG.replace(">a.jpg<", ">x/b.jpg<"))
        file.writestr("images/a.jpg", b"\xff\xd8")

    assert [image.name for image in PascalVoc().read(archive, BOXES)] == ["in/a.jpg", "x/b.jpg"]


def test_proposals_that_nobody_has_seen(tmp_path):
    proposed = ImageLabels(
        *("a.jpg", (8, 9), (ObjectLabel(CAT, (1, 2, 3, 4), score=0.5),)),
        priority=1.5,
        model="round_01",
    )
    PascalVoc().write([proposed], BOXES, tmp_path)

    assert PascalVoc().read(tmp_path, BOXES) == [proposed]


def test_an_image_without_objects_may_not_have_been_looked_at(tmp_path):
    PascalVoc().write([ImageLabels("a.jpg", (8, 9), finished=True)], BOXES, tmp_path)

    assert PascalVoc().read(tmp_path, BOXES)[0].finished is None


@pytest.mark.parametrize(("first_pixel", "off"), [(1, 0), (0, -1)])
def test_mmdet_subtracts_one(first_pixel, off, tmp_path):
    """MMDetection takes 1 off, and whole numbers: what counts from 1 is read as it was meant."""
    exchange = PascalVoc(first_pixel)
    (file,) = exchange.write([IMAGE], BOXES, tmp_path / "Annotations")
    (tmp_path / "list.txt").write_text("in/a b")
    init_default_scope("mmdet")
    config = dict(
        type="mmdet.XMLDataset",
        data_root=str(tmp_path),
        ann_file="list.txt",
        data_prefix=dict(sub_data_root="."),
        metainfo=dict(classes=BOXES.classes),
        pipeline=[],
    )
    (info,) = DATASETS.build(config)

    boxes = [[v + off for v in box] for box in ([0, 2, 30, 40], [10, 20, 20, 50])]
    assert [item["bbox"] for item in info["instances"]] == boxes
    assert [item["ignore_flag"] for item in info["instances"]] == [0, 1]
    assert [item["bbox_label"] for item in info["instances"]] == [0, 1]
    assert file.name == "a b.xml"
    assert exchange.read(tmp_path, BOXES)[0].objects == IMAGE.objects


def test_globox(tmp_path):
    globox = pytest.importorskip("globox")
    PascalVoc().write([IMAGE], BOXES, tmp_path)
    (found,) = globox.AnnotationSet.from_pascal_voc(tmp_path, recursive=True)

    assert found.image_size == (80, 60)
    boxes = [(box.label, *box.ltrb) for box in found.boxes]
    assert boxes == [(CAT, 0, 2, 30, 40), (DOG, 10.5, 20, 20, 50)]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (">cat<", ">Cat<", r"a.xml, object 1: the class 'Cat' is not known; did you mean 'cat'"),
        ("<name>cat</name>", "", r"the class is None; expected a name"),
        (">30<", ">nan<", r"bndbox/xmax is 'nan'; expected a number"),
        (">30<", ">x<", r"bndbox/xmax is 'x'"),
        ("<xmax>30</xmax>", "", r"bndbox/xmax is None"),
        (">1</difficult>", ">yes</difficult>", r"difficult is 'yes'; expected 0 or 1"),
        (">80<", ">-3<", r"its size is \['-3', '60'\]"),
        ("<filename>a.jpg</filename>", "", r"a.xml: it has no filename"),
        (">a.jpg<", ">../a.jpg<", r"leads out of the folder"),
        ("</annotation>", "", r"a.xml: it is no XML: no element found: line 27"),
    ],
)
def test_what_is_wrong_is_named(old, new, message, tmp_path):
    assert old in LABELIMG
    (tmp_path / "a.xml").write_text(LABELIMG.replace(old, new))

    with pytest.raises(ExchangeError, match=message):
        PascalVoc().read(tmp_path, BOXES)


def test_two_images_with_one_file(tmp_path):
    with pytest.raises(ExchangeError, match=r"'a.png': its labels would be in a.xml, as those of"):
        PascalVoc().write([ImageLabels("a.jpg"), ImageLabels("a.png")], BOXES, tmp_path)


@pytest.mark.parametrize(
    ("name", "message"),
    [("caf\udce9.jpg", r"not UTF-8, which XML cannot hold"), ("a\x07.jpg", r"character '\\x07'")],
)
def test_names_that_xml_cannot_hold(name, message, tmp_path):
    with pytest.raises(ExchangeError, match=message):
        PascalVoc().write([ImageLabels(name)], BOXES, tmp_path)


def test_poses_are_not_carried(tmp_path):
    with pytest.raises(ExchangeError, match=r"Pascal VOC XML carries boxes, not keypoints"):
        PascalVoc().write([], POSES, tmp_path)
    with pytest.raises(ExchangeError, match=r"not keypoints. Use another format, such as coco"):
        PascalVoc().read(tmp_path, POSES)


def test_first_pixel_is_checked():
    with pytest.raises(ValueError, match=r"must be 0 or 1. Got 2 instead"):
        PascalVoc(2)
