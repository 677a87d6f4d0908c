"""Files, folders and archives, and which format they are of."""

import json
import zipfile

import pytest
from exchanged_labels import BOXES

from mmal.datasets.exchange import FORMATS, Coco, Cvat, ExchangeError, read_labels, recognise
from mmal.structures import ImageLabels, LabelSchema, ObjectLabel

IMAGES = [ImageLabels("a.jpg", (8, 9), (ObjectLabel("cat", (1, 2, 3, 4)),), finished=True)]
SIZES = {"a.jpg": (8, 9)}
GUESSED = [name for name in FORMATS if name != "voc1"]


@pytest.mark.parametrize("name", GUESSED)
def test_formats_are_found(name, tmp_path):
    FORMATS[name].write(IMAGES, BOXES, tmp_path)

    assert recognise(tmp_path) == name
    (image,) = read_labels(tmp_path, BOXES, sizes=SIZES)
    assert image.name == "a.jpg"


@pytest.mark.parametrize("name", GUESSED)
def test_the_wrong_format_is_told(name, tmp_path):
    FORMATS[name].write(IMAGES, BOXES, tmp_path)
    other = "cvat" if name != "cvat" else "coco"

    message = rf"is no {FORMATS[other].title}; it looks like .*: read it with format='{name}'"
    with pytest.raises(ExchangeError, match=message):
        read_labels(tmp_path, BOXES, format=other, sizes=SIZES)
    with pytest.raises(ExchangeError, match=rf"is no {FORMATS[other].title}\."):
        FORMATS[other].read(tmp_path, BOXES, SIZES)


def test_no_format(tmp_path):
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / "x.json").write_text('{"hello": 1}')
    (tmp_path / "x.xml").write_text("<View/>")

    assert recognise(tmp_path) is None
    with pytest.raises(ExchangeError, match=r"no labels in a known format: COCO JSON \(coco\); "):
        read_labels(tmp_path, BOXES)
    with pytest.raises(ExchangeError, match=r"format must be one of .* Got 'COCO' instead"):
        read_labels(tmp_path, BOXES, format="COCO")


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, r"holds no file that labels could be in"),
        ({"a.jpg": "\xff"}, r"holds no file that labels could be in"),
        ({"a.txt": "0 .5 .5 .1 .1"}, r"names of the classes is missing: put data.yaml"),
        ({"a.json": "{}\n"}, r"holds no labels at all: its files are empty"),
        ({"a.json": "", "b.xml": " "}, r"holds no labels at all: its files are empty"),
    ],
)
def test_what_an_unknown_delivery_lacks(files, message, tmp_path):
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(ExchangeError, match=message):
        read_labels(tmp_path, BOXES)


@pytest.mark.parametrize("name", GUESSED)
def test_what_is_wrong_with_one_image_refuses_that_one(name, tmp_path):
    other = ImageLabels("b.jpg", (8, 9), (ObjectLabel(BOXES.classes[1], (1, 2, 3, 4)),), None, True)
    FORMATS[name].write([*IMAGES, other], BOXES, tmp_path)
    fewer = LabelSchema("boxes", BOXES.classes[:1])
    sizes = {**SIZES, "b.jpg": (8, 9)}

    with pytest.raises(ExchangeError, match="is not known"):
        read_labels(tmp_path, fewer, sizes=sizes)
    refused = {}
    found = read_labels(tmp_path, fewer, sizes=sizes, refused=refused)
    assert [image.name for image in found] == ["a.jpg"]
    assert list(refused) == ["b.jpg"]
    assert "is not known" in refused["b.jpg"]


def test_one_broken_file_of_many_is_refused(tmp_path):
    images = [*IMAGES, ImageLabels("b.jpg", (8, 9), IMAGES[0].objects)]
    FORMATS["voc"].write(images, BOXES, tmp_path)
    (tmp_path / "a.xml").write_text("<annotation>")
    refused = {}
    (image,) = read_labels(tmp_path, BOXES, refused=refused)
    assert image.name == "b.jpg"
    assert list(refused) == ["a.xml"]
    with pytest.raises(ExchangeError, match=r"a.xml: it is no XML"):  # of one alone
        read_labels(tmp_path / "a.xml", BOXES, format="voc", refused={})


def test_no_file(tmp_path):
    with pytest.raises(ExchangeError, match=r"gone.json: there is no such file or folder"):
        read_labels(tmp_path / "gone.json", BOXES)


def test_images_in_order_of_priority(tmp_path):
    images = [ImageLabels(f"{p}.jpg", (8, 9), priority=p) for p in (None, 0.5, 3.0, -1.0)]
    for exchange in (Coco(), Cvat(), FORMATS["label_studio"]):
        exchange.write(images, BOXES, tmp_path / exchange.name)
        found = exchange.read(tmp_path / exchange.name, BOXES)
        assert [image.priority for image in found] == [3.0, 0.5, -1.0, None]


def _zip(tmp_path, members):
    path = tmp_path / "out.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def test_an_archive_with_other_files(tmp_path):
    (file,) = Coco().write(IMAGES, BOXES, tmp_path)
    members = {
        "annotations/instances_default.json": file.read_bytes(),
        "images/a.jpg": b"\xff\xd8",
        "__MACOSX/annotations/._instances_default.json": b"\0",
    }

    assert len(read_labels(_zip(tmp_path, members), BOXES)) == 1


@pytest.mark.parametrize("name", ["../x.json", "/x.json", "a/../../x.json", "C:/x.json"])
def test_an_archive_that_leads_out_of_itself(name, tmp_path):
    with pytest.raises(ExchangeError, match=r"leads out of it"):
        read_labels(_zip(tmp_path, {name: b"{}"}), BOXES)


def test_a_broken_archive(tmp_path):
    (tmp_path / "out.zip").write_bytes(b"PK\x03\x04 cut off")
    with pytest.raises(ExchangeError, match=r"is no ZIP archive that can be read.*Download it"):
        read_labels(tmp_path / "out.zip", BOXES)


def test_an_archive_that_unfolds_into_too_much(tmp_path, monkeypatch):
    monkeypatch.setattr("mmal.datasets.exchange.source.LARGEST", 10)
    with pytest.raises(ExchangeError, match=r"'a.json' is .* when unpacked; the most is"):
        read_labels(_zip(tmp_path, {"a.json": b" " * 11}), BOXES)


def test_malformed_json(tmp_path):
    path = tmp_path / "a.json"
    path.write_text('{"images": [],\n "annotations": [}')
    with pytest.raises(ExchangeError, match=r"a.json: it is no JSON: .* in line 2"):
        read_labels(path, BOXES)


def test_json_in_another_encoding(tmp_path):
    path = tmp_path / "a.json"
    path.write_bytes('{"images": ["é"]}'.encode("latin-1"))
    with pytest.raises(
        ExchangeError, match=r"a.json: it is not in UTF-8 .*at byte 13\): save it so"
    ):
        read_labels(path, BOXES)


def test_json_nested_too_deeply(tmp_path):
    path = tmp_path / "a.json"
    path.write_text('{"images": ' + "[" * 100_000)
    with pytest.raises(ExchangeError, match=r"nested too deeply"):
        read_labels(path, BOXES)


def test_a_byte_order_mark_is_passed_over(tmp_path):
    (file,) = Coco().write(IMAGES, BOXES, tmp_path)
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
    assert len(read_labels(file, BOXES)) == 1


def test_entities_are_refused(tmp_path):
    bomb = '<!DOCTYPE a [<!ENTITY x "ha"><!ENTITY y "&x;&x;">]><annotations>&y;</annotations>'
    outside = '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><annotations>&x;</annotations>'
    for text in (bomb, outside):
        (tmp_path / "a.xml").write_text(text)
        with pytest.raises(ExchangeError, match=r"a.xml: it declares the entity 'x'"):
            read_labels(tmp_path, BOXES)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('<annotations><image name="é"/></annotations>'.encode("latin-1"), r"it is not in UTF-8"),
        (b'<?xml version="1.0" encoding="klingon"?><annotations/>', r"klingon|unknown encoding"),
        (b"<annotations>\n<image>\n</annotations>", r"it is no XML: mismatched tag: line 3"),
    ],
)
def test_xml_that_cannot_be_read(content, message, tmp_path):
    (tmp_path / "a.xml").write_bytes(content)
    with pytest.raises(ExchangeError, match=message):
        read_labels(tmp_path, BOXES)


def test_xml_in_utf16(tmp_path):
    text = '<?xml version="1.0" encoding="utf-16"?><annotations><image name="é.jpg"/></annotations>'
    (tmp_path / "a.xml").write_bytes(text.encode("utf-16"))
    assert read_labels(tmp_path, BOXES)[0].name == "é.jpg"


def test_problems_are_told_at_once_but_not_all(tmp_path):
    images = [{"id": i, "file_name": f"../{i}.jpg", "width": i - 9} for i in range(9)]
    content = {"images": images, "annotations": [], "categories": []}
    (tmp_path / "a.json").write_text(json.dumps(content))
    with pytest.raises(ExchangeError, match=r"18 problems\.(?s:.*)and \d+ more like these"):
        read_labels(tmp_path, BOXES)
