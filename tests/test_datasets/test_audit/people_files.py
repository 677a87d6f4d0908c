"""A small data set of people in COCO layout."""

import json
from pathlib import Path

import cv2
import numpy as np

WIDTH, HEIGHT = 60, 40


def keypoints(visibility: int = 2, dy: float = 0) -> list[float]:
    return [v for i in range(17) for v in (10 + i, 5.5 + dy + i, visibility)]


def person(number: int, image: int, dy: float = 0, **keys: object) -> dict:
    return dict(
        id=number,
        image_id=image,
        category_id=1,
        bbox=[5, 4, 30, 25.5],
        area=700,
        iscrowd=0,
        num_keypoints=17,
        keypoints=keypoints(dy=dy),
        segmentation=[[5, 4, 35, 4, 35, 29]],
        **keys,
    )


def write_people(tmp_path: Path) -> dict:
    """Write three people, two of them on the first of three images; return the config."""
    (tmp_path / "images").mkdir()
    rng = np.random.default_rng(0)
    for number in (1, 2, 3):
        image = rng.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
        cv2.imwrite(str(tmp_path / "images" / f"{number}.jpg"), image)
    images = [dict(id=i, file_name=f"{i}.jpg", width=WIDTH, height=HEIGHT) for i in (1, 2, 3)]
    content = dict(
        images=images,
        annotations=[person(7, 1), person(8, 1, dy=1), person(9, 2)],
        categories=[dict(id=1, name="person")],
    )
    (tmp_path / "people.json").write_text(json.dumps(content))
    return dict(
        type="CocoDataset",
        data_root=str(tmp_path),
        ann_file="people.json",
        data_prefix=dict(img="images/"),
    )
