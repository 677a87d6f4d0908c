"""Annotators that know the truth: the labels of a config's training data, image by image."""

from collections import defaultdict
from pathlib import Path

import numpy as np
from mmengine.config import Config
from mmengine.registry import DATASETS, init_default_scope
from PIL import Image

from mmal.engine import DataConfig
from mmal.engine.data_config import leaf_datasets
from mmal.structures import ImageLabels, LabelSchema, ObjectLabel


def true_labels(cfg: Config, root: Path, schema: LabelSchema) -> dict[str, ImageLabels]:
    """Return labels by the image's path below ``root``."""
    init_default_scope(cfg.default_scope)
    leaf = next(leaf_datasets(DataConfig(cfg).pool))
    dataset = DATASETS.build({**leaf, "lazy_init": True})
    objects = defaultdict(list)
    classes = {}
    for info in dataset.load_data_list():
        name = Path(info["img_path"]).relative_to(root).as_posix()
        if schema.kind == "classes":
            classes[name] = schema.classes[info["gt_label"]]
        elif schema.kind == "keypoints":
            objects[name].append(_person(info, schema))
        else:
            objects[name] += [
                ObjectLabel(schema.classes[box["bbox_label"]], tuple(map(float, box["bbox"])))
                for box in info["instances"]
            ]
    return {
        name: ImageLabels(
            name,
            Image.open(root / name).size,
            tuple(objects[name]),
            classes.get(name),
            finished=True,
        )
        for name in [*objects, *classes]
    }


def _person(info: dict, schema: LabelSchema) -> ObjectLabel:
    joints = zip(info["keypoints"][0], np.ravel(info["keypoints_visible"]), strict=True)
    points = tuple((float(x), float(y), 2 if visible else 0) for (x, y), visible in joints)
    box = tuple(map(float, info["bbox"][0]))
    return ObjectLabel(schema.classes[0], box, points)
