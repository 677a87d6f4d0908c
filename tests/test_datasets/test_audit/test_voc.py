"""What XML files say, against what MMDetection makes of them."""

import json
import re
import shutil
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from mmdet.datasets import VOCDataset
from mmengine.registry import DATASETS

from mmal.datasets.audit import AuditReport, AuditSettings, DatasetError, audit_datasets

IMAGES = {"a": [("cat", 5, 6, 25, 26)], "b": [("dog", 1, 1, 9, 9)], "c": []}
LOAD = dict(type="mmdet.LoadAnnotations", with_bbox=True)
PACK = dict(type="mmdet.PackDetInputs")


@DATASETS.register_module()
class PngFolder(VOCDataset):
    """A user's reader of PNG files."""

    def parse_data_info(self, img_info: dict) -> dict:
        img_info["file_name"] = f"JPEGImages/{img_info['img_id']}.png"
        return super().parse_data_info(img_info)


@DATASETS.register_module()
class CountedFromZero(VOCDataset):
    """A user's reader of files that count pixels from 0."""

    def _parse_instance_info(self, raw_ann_info: object, minus_one: bool = True) -> list[dict]:
        return super()._parse_instance_info(raw_ann_info, minus_one=False)


@DATASETS.register_module()
class Animals(VOCDataset):
    """A user's reader that takes dogs for cats."""

    def _parse_instance_info(self, *args, **kwargs) -> list[dict]:
        return [{**i, "bbox_label": 0} for i in super()._parse_instance_info(*args, **kwargs)]


@pytest.fixture
def voc(write_voc, tmp_path) -> dict:
    return write_voc(tmp_path, IMAGES)


def xml_path(config: dict, name: str) -> Path:
    return Path(config["data_root"], "Annotations", f"{name}.xml")


def audit(config: dict, name: str = "train", **settings) -> AuditReport:
    return audit_datasets({name: [config]}, AuditSettings(**settings))


def kinds(report: AuditReport, *severities: str) -> dict[str, int]:
    """Findings by kind, of these severities or all."""
    return {
        g.kind.name: g.count for g in report.groups if not severities or g.severity in severities
    }


def errors(report: AuditReport) -> str:
    with pytest.raises(DatasetError) as caught:
        report.raise_errors()
    return str(caught.value)


def test_good_folders_pass(voc, write_voc, tmp_path):
    other = write_voc(tmp_path / "other", {"x": [("cat", 1, 2, 30, 31)]}, sub_dir="VOC2007/")
    report = audit_datasets({"train": [voc, other]})

    assert report.groups == []
    first, second = report.sets
    assert (first.images_stated, first.images, first.objects_stated, first.objects) == (3, 3, 2, 2)
    assert first.classes == {"cat": 1, "dog": 1}
    assert (second.images, second.classes) == (1, {"cat": 1, "dog": 0})


def test_configs_stay_as_they_are(voc):
    before = json.dumps(voc)
    audit(voc)

    assert json.dumps(voc) == before


@pytest.mark.parametrize("content", ["", "<annotation><object>", "{}", "\x00"])
def test_annotation_that_does_not_parse(voc, content):
    path = xml_path(voc, "a")
    path.write_text(content)

    assert f"{path}: it does not parse: " in errors(audit(voc))


@pytest.mark.parametrize(
    ("declared", "encoding", "says"),
    [
        ("utf-8", "gbk", "it is in another encoding than UTF-8, and read as utf-8"),
        (None, "gbk", "it is in another encoding than UTF-8, and read as utf-8"),
        ("GBK", "gbk", "it is in another encoding than UTF-8, and read as GBK"),
        ("GBK", "utf-8", "it is in UTF-8, and read as GBK"),
        ("utf-8", "utf-16", "it is in UTF-16, and read as utf-8"),
        ("utf-8", "utf-16-le", "it is in UTF-16, and read as utf-8"),
        ("utf-16", "utf-8", "it is in UTF-8, and read as utf-16"),
        ("utf-16", "utf-16", None),
        (None, "utf-16", None),
        ("utf-8", "utf-8", None),
        ("latin-1", "latin-1", None),
    ],
)
def test_encoding_of_an_annotation(voc, declared, encoding, says):
    path = xml_path(voc, "a")
    first = f'<?xml version="1.0" encoding="{declared}"?>' if declared else ""
    name = "caf\u00e9" if encoding == "latin-1" else "\u7ea2\u7ec6\u80de"
    text = path.read_text().replace("<size>", f"<source>{name}</source><size>")
    path.write_bytes(f"{first}{text}".encode(encoding))

    report = audit(voc)
    if says is None:
        assert report.groups == []
        assert len(DATASETS.build(voc)) == 3
    else:
        with pytest.raises((ET.ParseError, ValueError, LookupError)):
            DATASETS.build(voc)
        assert kinds(report) == {"unreadable": 1}
        assert f'{says}: save it in UTF-8, with encoding="utf-8" in its first' in errors(report)


def test_missing_annotation(voc):
    path = xml_path(voc, "a")
    path.unlink()

    list_file = Path(voc["data_root"], voc["ann_file"])
    assert f"{path}: a is listed in {list_file}" in errors(audit(voc))


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ("<difficult>0</difficult>", "<difficult>Unspecified</difficult>", "object 1, difficult"),
        ("<difficult>0</difficult>", "<difficult/>", "object 1, difficult"),
        ("<difficult>0</difficult>", "<difficult>0.5</difficult>", "object 1, difficult"),
        ("<width>48</width>", "<width>48.0</width>", "size/width"),
        ("<height>40</height>", "<height>many</height>", "size/height"),
        ("<width>48</width>", "", "size/width"),
        (r"<size>.*</size>", "<size/>", "size/width"),
        ("<xmin>5</xmin>", "<xmin>five</xmin>", "object 1, bndbox/xmin"),
        ("<xmin>5</xmin>", "<xmin>nan</xmin>", "object 1, bndbox/xmin"),
        ("<ymax>26</ymax>", "<ymax>inf</ymax>", "object 1, bndbox/ymax"),
        ("<ymax>26</ymax>", "", "object 1, bndbox/ymax"),
        (r"<bndbox>.*</bndbox>", "", "object 1, bndbox/xmin"),
        ("<name>cat</name>", "", "object 1: has no name"),
    ],
)
@pytest.mark.parametrize("test_mode", [False, True])
def test_value_that_loading_would_stumble_over(voc, old, new, place, test_mode):
    path = xml_path(voc, "a")
    path.write_text(re.sub(old, new, path.read_text()))
    with pytest.raises((ValueError, AttributeError, TypeError, OverflowError)):
        DATASETS.build(voc)

    message = errors(audit({**voc, "test_mode": test_mode}))
    assert f"{path}, {place}" in message
    assert kinds(audit(voc), "error").keys() <= {"value-wrong", "key-missing"}


def test_annotation_without_a_size_is_fine(voc):
    """MMDetection then reads the image."""
    path = xml_path(voc, "a")
    path.write_text(re.sub(r"<size>.*</size>", "", path.read_text()))

    assert audit(voc).groups == []


def test_size_of_zero_is_a_warning_unless_the_filter_drops_the_image(voc):
    path = xml_path(voc, "a")
    path.write_text(
        re.sub(
            r"<size>.*</size>", "<size><width>0</width><height>0</height></size>", path.read_text()
        )
    )

    assert kinds(audit(voc)) == {"size-unknown": 1}
    filtered = {**voc, "filter_cfg": dict(min_size=32)}
    assert len(DATASETS.build(filtered)) == 2
    report = audit(filtered)
    assert kinds(report, "error") == {"size-zero": 1}
    assert f"{path}: 0 x 0, min_size=32" in errors(report)


def test_images_that_the_filter_leaves_out_are_counted(voc):
    report = audit({**voc, "filter_cfg": dict(filter_empty_gt=True)})

    assert kinds(report) == {"image-filtered": 1}
    assert report.groups[0].severity == "info"
    assert (report.sets[0].images_stated, report.sets[0].images) == (3, 2)


def test_unknown_classes_are_counted(write_voc, tmp_path):
    bird, fish = ("bird", 1, 1, 9, 9), ("fish", 1, 1, 9, 9)
    images = {**IMAGES, "d": [fish, bird, bird], "e": [("cat", 1, 1, 9, 9), bird]}
    config = write_voc(tmp_path, images)

    message = errors(audit(config))
    assert "4 objects have a class that the config does not know" in message
    assert f"{tmp_path}/{config['ann_file']}: 'bird' (3), 'fish' (1)" in message
    assert "1 object has a class" in errors(audit(config, ignore_classes=["bird"]))
    left_out = audit(config, ignore_classes=("bird", "fish"))
    assert kinds(left_out) == {"class-ignored": 4}
    assert kinds(audit(config, accept=("class-unknown",)), "error") == {}


def test_classes_of_another_spelling(voc):
    path = xml_path(voc, "a")
    path.write_text(path.read_text().replace("cat", " Cat\n"))

    report = audit(voc)
    assert kinds(report) == {"class-spelling": 1}
    message = errors(report)
    assert "train.txt: ' Cat\\n' in place of 'cat' (1)" in message
    assert "Write it in metainfo.classes as the annotation files do" in message


@pytest.mark.parametrize(
    "missing", ["JPEGImages", "Annotations", "ImageSets/Main/train.txt", "VOC2007"]
)
def test_missing_folder_is_the_only_complaint(write_voc, tmp_path, missing):
    config = write_voc(tmp_path, IMAGES, sub_dir="VOC2007/")
    path = tmp_path / (missing if missing == "VOC2007" else f"VOC2007/{missing}")
    path.rename(tmp_path / "elsewhere")

    report = audit(config)
    assert kinds(report).keys() == {"path-missing"}
    assert re.search(
        rf"{re.escape(str(path))}/?: data_root='{tmp_path}' .*VOCDataset", errors(report)
    )


@pytest.mark.parametrize(
    ("content", "place", "problem"),
    [
        ("\ufeffa\nb\n", "line 1", "begins with a byte order mark"),
        ("a\n\nb\n", "line 2", "is blank"),
        ("a\nb\n\n", "line 3", "is blank"),
        ("a 1\nb -1\n", "line 1", "has a second column"),
        ("a\nb \n", "line 2", "begins or ends with a blank"),
        ("a\nb.jpg\n", "line 2", "has the suffix .jpg"),
        ("a\nJPEGImages/b.JPG\n", "line 2", "has the folder JPEGImages and the suffix .JPG"),
        ("a\n./Annotations/b.xml\n", "line 2", "has the folder ./Annotations and the suffix .xml"),
        ("a\nJPEGImages\\b\n", "line 2", "has the folder JPEGImages"),
    ],
)
def test_line_of_the_list_that_is_no_name(voc, content, place, problem):
    path = Path(voc["data_root"], voc["ann_file"])
    path.write_text(content, encoding="utf-8")
    with pytest.raises(FileNotFoundError):
        DATASETS.build(voc)

    message = errors(audit(voc))
    assert re.search(rf"{re.escape(str(path))}, {place}: .* {problem}", message)


def test_windows_line_ends_and_names_with_blanks_are_fine(write_voc, tmp_path):
    config = write_voc(tmp_path, {"with space": [("cat", 5, 6, 25, 26)], "b": []})
    path = tmp_path / config["ann_file"]
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))

    assert len(DATASETS.build(config)) == 2
    assert audit(config).groups == []


@pytest.mark.parametrize("name", ["train", "test"])
def test_empty_list(voc, name):
    Path(voc["data_root"], voc["ann_file"]).write_text("")

    assert "the list is empty" in errors(audit(voc, name))


def test_list_that_is_no_text(voc):
    Path(voc["data_root"], voc["ann_file"]).write_bytes(b"\xff\xfe\x00a")

    assert f"{voc['ann_file']}: " in errors(audit(voc))


def test_name_that_is_listed_twice(voc):
    path = Path(voc["data_root"], voc["ann_file"])
    path.write_text("a\nb\nc\nb\n")

    report = audit(voc)
    assert kinds(report) == {"listed-twice": 1}
    assert f"{path}, line 4: b is on line 2" in errors(report)


def test_classes_without_a_comma(voc):
    voc["metainfo"] = dict(classes=("helmet"))  # as it is forgotten

    message = errors(audit(voc))
    assert "config gives classes as a string" in message
    assert "classes=('helmet',)" in message


@pytest.mark.parametrize("box", [(5, 6, 5, 26), (5, 26, 25, 26), (7, 7, 7.9, 9)])
def test_box_without_size_is_named_where_it_would_be_trained_on(write_voc, tmp_path, box):
    voc = write_voc(tmp_path, {**IMAGES, "d": [("cat", 5, 6, 25, 26), ("dog", *box)]})
    sizes = dict(type="mmdet.FilterAnnotations", min_gt_bbox_wh=(1, 1))

    report = audit({**voc, "pipeline": [LOAD, PACK]})
    assert kinds(report) == {"box-no-size": 1}
    as_read = [int(corner) for corner in box]
    assert f"{xml_path(voc, 'd')}, object 2: 'dog' {as_read}" in errors(report)
    assert kinds(audit({**voc, "pipeline": [LOAD, sizes, PACK]})) == {"box-filtered": 1}
    assert kinds(audit({**voc, "pipeline": [LOAD, PACK], "test_mode": True})) == {}
    # Inside a wrapper, whose pipeline may filter.
    assert kinds(audit({**voc, "pipeline": [LOAD]})) == {}


def test_difficult_box_without_size_is_not_trained_on(write_voc, tmp_path):
    voc = write_voc(tmp_path, {"a": [("cat", 5, 6, 5, 26), ("cat", 5, 6, 25, 26)]})
    path = xml_path(voc, "a")
    path.write_text(path.read_text().replace("<difficult>0", "<difficult>1", 1))

    assert kinds(audit({**voc, "pipeline": [LOAD, PACK]})) == {"flag-ignored": 1}


@pytest.mark.parametrize("name", ["train", "test"])
@pytest.mark.parametrize("box", [(25, 6, 5, 26), (5, 26, 25, 6)])
def test_inverted_box_is_an_error_whatever_the_pipeline_filters(write_voc, tmp_path, name, box):
    voc = write_voc(tmp_path, {**IMAGES, "d": [("cat", *box)]})
    sizes = dict(type="mmdet.FilterAnnotations", min_gt_bbox_wh=(1, 1))
    report = audit({**voc, "pipeline": [LOAD, sizes, PACK], "test_mode": name == "test"}, name)

    assert kinds(report) == {"box-inverted": 1}


@pytest.mark.parametrize(
    "change", [("<object>", "<Object>"), ("<annotation>", "<annotation xmlns='urn:x'>")]
)
def test_objects_that_are_not_read(voc, change):
    path = xml_path(voc, "a")
    text = path.read_text().replace(*change)
    path.write_text(text.replace("</object>", "</Object>") if "Object" in text else text)

    report = audit(voc)
    assert kinds(report) == {"object-lost": 1}
    assert f"{path}: 1 elements are objects by name" in errors(report)


def test_sets_without_an_object_that_is_used(write_voc, tmp_path):
    boxes = {"a": [("cat", 5, 6, 25, 26)]}
    assert "no-objects" in kinds(audit(write_voc(tmp_path / "1", boxes, difficult=True)))
    assert kinds(audit(write_voc(tmp_path / "2", {"a": [], "b": []}))) == {"no-objects": 1}


def test_boxes_as_width_and_height(write_voc, tmp_path):
    """Of 20 boxes most are inverted or stick out."""
    wide = {f"{i}": [("cat", 30, 20, 70, 60)] for i in range(20)}
    assert kinds(audit(write_voc(tmp_path, wide)), "error") == {"boxes-misplaced": 1}


def test_coordinate_beyond_all_images(voc):
    path = xml_path(voc, "a")
    path.write_text(path.read_text().replace("<xmax>25", "<xmax>1e30"))

    assert f"{path}, object 1, bndbox/xmax: is '1e30'" in errors(audit(voc))


def test_class_that_is_listed_twice(voc):
    report = audit({**voc, "metainfo": dict(classes=("cat", "dog", "cat"))})
    assert kinds(report) == {"class-twice": 1}


def test_classes_of_another_order_in_the_test_set(voc, write_voc, tmp_path):
    test = write_voc(tmp_path / "test", {"x": [("cat", 1, 2, 30, 31)]})
    turned = {**test, "metainfo": dict(classes=("dog", "cat"))}

    assert kinds(audit_datasets({"train": [voc], "test": [test]})) == {}
    report = audit_datasets({"train": [voc], "test": [turned]})
    assert kinds(report) == {"classes-differ": 1}
    assert "('dog', 'cat'); those of train are ('cat', 'dog')" in errors(report)


def test_a_users_list(voc, monkeypatch):
    """Only the packages' own lists are read as theirs."""

    def load(self) -> list[dict]:
        self.cat2label = {name: i for i, name in enumerate(self.metainfo["classes"])}
        names = [line.split(",")[0] for line in Path(self.ann_file).read_text().splitlines()]
        folder = f"{self.sub_data_root}/Annotations"
        return [
            self.parse_data_info(
                dict(img_id=n, file_name=f"JPEGImages/{n}.jpg", xml_path=f"{folder}/{n}.xml")
            )
            for n in names
        ]

    monkeypatch.setattr(CountedFromZero, "load_data_list", load)
    Path(voc["data_root"], voc["ann_file"]).write_text("a,train\nb,train\n")
    report = audit({**voc, "type": "CountedFromZero"})

    assert report.groups == []
    assert report.sets[0].images == 2


def test_a_part_by_indices(voc, write_voc, tmp_path):
    """Two parts of one list have nothing in common."""
    parts = {"train": [{**voc, "indices": [0, 2]}], "val": [{**voc, "indices": [1]}]}
    report = audit_datasets(parts)

    assert kinds(report, "error") == {}
    assert [counts.images for counts in report.sets] == [2, 1]


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ((60, 5, 70, 9), "box-outside"),
        ((-20, -20, -1, -1), "box-outside"),
        ((5, 5, 60, 20), "box-sticks-out"),
        ((0.1, 0.2, 0.7, 0.9), "box-shares"),
        ((1, 1, 48, 40), None),
        ((0, 0, 48, 40), None),  # by a tool that counts from 0
        ((1, 1, 49, 41), None),
    ],
)
def test_where_boxes_lie(write_voc, tmp_path, box, expected):
    """The image is 48 x 40."""
    voc = write_voc(tmp_path, {"a": [("cat", *box)]})
    report = audit({**voc, "pipeline": [LOAD, PACK]})

    assert kinds(report) == ({expected: 1} if expected else {})
    if expected:
        assert str(xml_path(voc, "a")) in str(report.groups[0])


def test_boxes_below_a_least_size_are_counted(voc):
    report = audit({**voc, "filter_cfg": dict(bbox_min_size=15)})

    assert kinds(report) == {"box-min-size": 1}
    assert report.sets[0].objects == 1


def test_a_users_reader_of_png_files(voc):
    for path in Path(voc["data_root"], "JPEGImages").iterdir():
        path.rename(path.with_suffix(".png"))
    assert kinds(audit(voc)) == {"image-missing": 3}

    assert audit({**voc, "type": "PngFolder"}).groups == []


def test_a_users_reader_that_counts_from_zero(voc):
    report = audit({**voc, "type": "CountedFromZero"})

    assert report.groups == []
    assert report.sets[0].objects == 2


def test_a_users_reader_that_changes_classes_is_a_warning(voc):
    report = audit({**voc, "type": "Animals"})

    assert kinds(report, "error") == {}
    assert kinds(report, "warning") == {"changed-by-subclass": 1}
    assert "'dog' becomes 'cat' (1)" in str(report.groups[0])


def test_a_users_reader_that_fails_names_the_file(voc, monkeypatch):
    def fail(self, img_info):
        raise RuntimeError(f"not {img_info['img_id']}")

    monkeypatch.setattr(PngFolder, "parse_data_info", fail)
    report = audit({**voc, "type": "PngFolder"})

    assert f"{xml_path(voc, 'b')}: PngFolder says RuntimeError('not b')" in errors(report)


def test_wider_face(write_voc, tmp_path):
    """Its own layout: images in a folder of the annotation's, coordinates from 0."""
    write_voc(tmp_path, {"a": [("face", 0, 0, 12, 14)], "b": [("face", 3, 4, 20, 21)]})
    for path in tmp_path.glob("Annotations/*.xml"):
        path.write_text(path.read_text().replace("<annotation>", "<annotation><folder>7</folder>"))
    shutil.move(tmp_path / "JPEGImages", tmp_path / "7")
    config = dict(
        type="mmdet.WIDERFaceDataset",
        data_root=str(tmp_path),
        data_prefix=dict(img=""),
        ann_file="ImageSets/Main/train.txt",
        pipeline=[],
    )

    report = audit(config)
    assert report.groups == []
    assert report.sets[0].classes == {"face": 2}


def test_objects_that_are_there_twice(write_voc, tmp_path):
    cat, dog = ("cat", 5, 6, 25, 26), ("dog", 5, 6, 25, 26)
    voc = write_voc(tmp_path, {"a": [cat, dog, cat, cat], "b": [cat, ("cat", 5, 6, 25, 27)]})

    report = audit(voc)
    assert kinds(report) == {"object-twice": 2}
    assert report.groups[0].severity == "warning"
    assert "train.txt: 'cat' (2)" in str(report.groups[0])
    says = "object 3: 'cat' [4, 5, 24, 25] on a of 48 x 40 pixels, as object 1"
    assert f"{xml_path(voc, 'a')}, {says}" in str(report.groups[0])
