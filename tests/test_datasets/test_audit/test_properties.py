"""Whatever is done to an annotation file: an error names it, or the counts are right.

``MMAL_PROPERTY_EXAMPLES=2000 pytest …`` tries others, and more.
"""

import json
import os
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from damaged_files import CLASSES, HEIGHT, WIDTH, coco_files, keypoint_files, mpii_files, voc_files
from hypothesis import HealthCheck, given, settings
from mmengine.registry import DATASETS, init_default_scope

from mmal.datasets.audit import AuditReport, audit_datasets

many = settings(
    max_examples=int(os.environ.get("MMAL_PROPERTY_EXAMPLES", 60)),
    derandomize="MMAL_PROPERTY_EXAMPLES" not in os.environ,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
#: Of COCO's joints, people here have the first three.
METAINFO = dict(
    dataset_name="three",
    paper_info={},
    keypoint_info={
        i: dict(name=f"joint{i}", id=i, color=[0, 0, 0], type="upper", swap="") for i in range(3)
    },
    skeleton_info={},
    joint_weights=[1.0] * 3,
    sigmas=[0.1] * 3,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A folder with three images."""
    root = tmp_path_factory.mktemp("damaged")
    (root / "JPEGImages").mkdir()
    (root / "Annotations").mkdir()
    rng = np.random.default_rng(0)
    for number in (1, 2, 3):
        image = rng.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
        cv2.imwrite(str(root / "JPEGImages" / f"{number}.jpg"), image)
    return root


@pytest.fixture
def _pose() -> Iterator[None]:
    init_default_scope("mmpose")
    yield
    init_default_scope("mmdet")


def passes(report: AuditReport, *files: str) -> bool:
    """Whether there are no errors; if there are, one must name a file."""
    errors = "\n".join(str(finding) for group in report.of("error") for finding in group.examples)
    assert not errors or any(name in errors for name in files)
    "\n".join(map(str, report.groups)).encode()  # as a log or a terminal does
    return not errors


def number_of(report: AuditReport, kind: str) -> int:
    return sum(group.count for group in report.groups if group.kind.name == kind)


def objects(dataset: object) -> Counter:
    """What a data set hands out: image, class, corners and whether to be ignored."""
    dataset.full_init()
    infos = [dataset.get_data_info(i) for i in range(len(dataset))]
    return Counter(
        (
            Path(info["img_path"]).stem,
            CLASSES[item["bbox_label"]],
            tuple(round(float(v), 2) for v in item["bbox"]),
            bool(item["ignore_flag"]),
        )
        for info in infos
        for item in info["instances"]
    )


@many
@given(files=voc_files())
def test_voc(folder, files):
    for name, content in files.items():
        (folder / ("" if name == "train.txt" else "Annotations") / name).write_bytes(content)
    config = dict(
        type="mmdet.VOCDataset",
        data_root=str(folder),
        ann_file="train.txt",
        data_prefix=dict(sub_data_root=""),
        metainfo=dict(classes=CLASSES),
    )
    report = audit_datasets({"train": [config]})
    if not passes(report, *files):
        return
    stated = Counter()
    for name in files["train.txt"].decode().split():
        for item in ET.fromstring(files[f"{name}.xml"]).findall("object"):
            box = [
                float(item.find("bndbox").find(c).text) for c in ("xmin", "ymin", "xmax", "ymax")
            ]
            label = item.find("name").text
            ignored = item.findtext("difficult", "0").strip() not in ("0", "-0", "")
            stated[name, label, tuple(float(int(v) - 1) for v in box), ignored] += 1
    assert objects(DATASETS.build(config)) == stated
    counts = report.sets[0]
    assert counts.objects_stated == stated.total()
    assert counts.objects == sum(n for (*_, ignored), n in stated.items() if not ignored)


@many
@given(content=coco_files())
def test_coco(folder, content):
    (folder / "coco.json").write_bytes(content)
    config = dict(
        type="mmdet.CocoDataset",
        data_root=str(folder),
        ann_file="coco.json",
        data_prefix=dict(img="JPEGImages/"),
        metainfo=dict(classes=CLASSES),
    )
    report = audit_datasets({"train": [config]})
    if not passes(report, "coco.json"):
        return
    file = json.loads(content)
    names = {category["id"]: category["name"] for category in file["categories"]}
    images = {image["id"]: Path(image["file_name"]).stem for image in file["images"]}
    stated, left_out = Counter(), Counter()
    for item in file["annotations"]:
        if item["image_id"] not in images:
            left_out["orphan"] += 1
        elif item.get("ignore"):
            left_out["ignore"] += 1
        elif min(item["bbox"][2:]) < 1:
            left_out["box-below-pixel"] += 1
        else:
            x, y, width, height = item["bbox"]
            box = tuple(round(float(v), 2) for v in (x, y, x + width, y + height))
            label, crowd = names[item["category_id"]], bool(item.get("iscrowd"))
            stated[images[item["image_id"]], label, box, crowd] += 1
    assert objects(DATASETS.build(config)) == stated
    for kind in ("orphan", "box-below-pixel"):
        assert number_of(report, kind) == left_out[kind]
    counts = report.sets[0]
    crowds = sum(n for (*_, crowd), n in stated.items() if crowd)
    assert number_of(report, "flag-ignored") == crowds + left_out["ignore"]
    assert counts.objects_stated == len(file["annotations"]) - left_out["orphan"]
    assert counts.objects == stated.total() - crowds


def check_people(config: dict, report: AuditReport, stated: dict[int, list], crowds: int) -> None:
    """Compare people who are handed out with those stated, by id: joints with visibilities."""
    dataset = DATASETS.build(config)
    handed = {}
    for index in range(len(dataset)):
        info = dataset.get_data_info(index)
        ids = info["id"] if isinstance(info["id"], list) else [info["id"]]
        joints = np.dstack([info["keypoints"], info["keypoints_visible"]])
        handed.update(zip(ids, joints, strict=True))
    assert report.sets[0].objects == len(handed)
    assert report.sets[0].objects_stated == len(stated)
    visible = {key for key, joints in stated.items() if any(level > 0 for *_, level in joints)}
    assert len(visible - handed.keys()) <= crowds
    assert number_of(report, "no-joints") >= len(stated.keys() - handed.keys()) - crowds
    for key, joints in handed.items():
        expected = np.array(stated[key], dtype=np.float32)
        np.testing.assert_array_equal(joints, expected)


@pytest.mark.usefixtures("_pose")
@pytest.mark.parametrize("mode", ["topdown", "bottomup"])
@many
@given(content=keypoint_files())
def test_coco_keypoints(folder, mode, content):
    (folder / "people.json").write_bytes(content)
    config = dict(
        type="BaseCocoStyleDataset",
        data_root=str(folder),
        ann_file="people.json",
        data_prefix=dict(img="JPEGImages/"),
        data_mode=mode,
        metainfo=METAINFO,
    )
    report = audit_datasets({"train": [config]})
    if not passes(report, "people.json"):
        return
    file = json.loads(content)
    images = {image["id"] for image in file["images"]}
    listed = [item for item in file["annotations"] if item["image_id"] in images]
    assert number_of(report, "orphan") == len(file["annotations"]) - len(listed)
    crowds = [item for item in listed if item.get("iscrowd")]
    assert number_of(report, "flag-ignored") == len(crowds)
    stated = {}
    for item in listed:
        flat = item.get("keypoints", [])
        joints = [flat[i : i + 3] for i in range(0, len(flat), 3)]
        stated[item["id"]] = [(x, y, min(level, 1)) for x, y, level in joints]
    check_people(config, report, stated, len(crowds))


@pytest.mark.usefixtures("_pose")
@pytest.mark.parametrize("mode", ["topdown", "bottomup"])
@many
@given(content=mpii_files())
def test_mpii(folder, mode, content):
    (folder / "mpii.json").write_bytes(content)
    config = dict(
        type="MpiiDataset",
        data_root=str(folder),
        ann_file="mpii.json",
        data_prefix=dict(img="JPEGImages/"),
        data_mode=mode,
        metainfo=METAINFO,
    )
    report = audit_datasets({"train": [config]})
    if not passes(report, "mpii.json"):
        return
    stated = {
        number: [[*where, level] for where, level in zip(p["joints"], p["joints_vis"], strict=True)]
        for number, p in enumerate(json.loads(content))
    }
    check_people(config, report, stated, crowds=0)
