"""Small generated data sets."""

import gc
import json
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

CLASSES = ("cat", "dog")
#: Width and height of the images.
SIZE = (48, 40)
PIPELINE = [
    dict(type="LoadImageFromFile"),
    dict(type="mmdet.LoadAnnotations", with_bbox=True),
    dict(type="mmdet.PackDetInputs", meta_keys=("img_id", "img_path")),
]

#: Class name, then x1, y1, x2, y2 as a VOC file counts them: from 1, the last pixel included.
Box = tuple[str, int, int, int, int]
Images = Mapping[str, Sequence[Box]]


@pytest.fixture(scope="session", autouse=True)
def _cheap_garbage_collection() -> None:
    """Spare ``gc.collect``, which mmengine calls for each data set, all that torch imported."""
    gc.freeze()


@pytest.fixture
def write_voc() -> Callable[..., dict]:
    """Write a folder in VOC layout; see :func:`_write_voc`."""
    return _write_voc


@pytest.fixture
def write_coco() -> Callable[..., dict]:
    """Write images and a COCO file; see :func:`_write_coco`."""
    return _write_coco


def _write_voc(
    root: str | Path,
    images: Images,
    sub_dir: str = "",
    split: str = "train",
    sizes: Mapping[str, tuple[int, int]] | None = None,
    difficult: bool = False,
) -> dict:
    """Write images, annotations and a list; return the config of the data set.

    Args:
        root: The ``data_root``.
        images: The boxes of each image, in the order of the list.
        sub_dir: Folder of the layout below ``root``, such as ``VOC2007/``.
        split: Name of the list.
        sizes: Width and height of images that are not of the usual size.
        difficult: What the annotations say of all boxes.
    """
    base = Path(root, sub_dir)
    for name, boxes in images.items():
        size = (sizes or {}).get(name, SIZE)
        _write_image(base / "JPEGImages" / f"{name}.jpg", size)
        objects = "".join(
            f"<object><name>{label}</name><difficult>{difficult:d}</difficult><bndbox>"
            f"<xmin>{x1}</xmin><ymin>{y1}</ymin><xmax>{x2}</xmax><ymax>{y2}</ymax>"
            "</bndbox></object>"
            for label, x1, y1, x2, y2 in boxes
        )
        width, height = size
        _write(
            base / "Annotations" / f"{name}.xml",
            f"<annotation><size><width>{width}</width><height>{height}</height></size>{objects}"
            "</annotation>",
        )
    ann_file = f"{sub_dir}ImageSets/Main/{split}.txt"
    _write(Path(root, ann_file), "".join(f"{name}\n" for name in images))
    return dict(
        type="mmdet.VOCDataset",
        data_root=str(root),
        data_prefix=dict(sub_data_root=sub_dir),
        ann_file=ann_file,
        metainfo=dict(classes=CLASSES),
        pipeline=PIPELINE,
    )


def _write_coco(root: str | Path, images: Images, crowd: bool = False) -> dict:
    """Write ``images/*.jpg`` and ``instances.json``; return the config of the data set.

    Image ids count from 1 in the order of the names, categories in the order of their names.
    """
    boxes = [(name, *box) for name, found in images.items() for box in found]
    ids = {name: i for i, name in enumerate(sorted(images), 1)}
    categories = sorted({label for _, label, *_ in boxes} | set(CLASSES))
    annotations = [
        dict(
            id=i,
            image_id=ids[name],
            category_id=categories.index(label),
            bbox=[x1 - 1, y1 - 1, x2 - x1, y2 - y1],
            area=(x2 - x1) * (y2 - y1),
            iscrowd=int(crowd),
        )
        for i, (name, label, x1, y1, x2, y2) in enumerate(boxes)
    ]
    for name in images:
        _write_image(Path(root, "images", f"{name}.jpg"), SIZE)
    width, height = SIZE
    content = dict(
        images=[
            dict(id=ids[name], file_name=f"{name}.jpg", width=width, height=height)
            for name in images
        ],
        annotations=annotations,
        categories=[dict(id=i, name=name) for i, name in enumerate(categories)],
    )
    _write(Path(root, "instances.json"), json.dumps(content))
    return dict(
        type="mmdet.CocoDataset",
        data_root=str(root),
        data_prefix=dict(img="images/"),
        ann_file="instances.json",
        metainfo=dict(classes=CLASSES),
        pipeline=PIPELINE,
    )


def _write_image(path: Path, size: tuple[int, int]) -> None:
    """Write an image of one colour, which depends on its name alone."""
    width, height = size
    path.parent.mkdir(parents=True, exist_ok=True)
    colour = np.random.default_rng(zlib.crc32(path.name.encode())).integers(0, 256, 3)
    cv2.imwrite(str(path), np.full((height, width, 3), colour, np.uint8))


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
