"""Batches of noise with made-up labels, for measuring models without data."""

import random

import numpy as np
import torch
from mmdet.structures import DetDataSample
from mmdet.structures.mask import BitmapMasks
from mmengine.config import Config
from mmengine.dataset import Compose, pseudo_collate
from mmengine.structures import InstanceData
from mmpose.datasets.datasets.utils import parse_pose_metainfo
from mmpose.structures import bbox_xywh2xyxy
from torch import nn

from mmal.engine import DataConfig
from mmal.engine.data_config import leaf_datasets
from mmal.registry import DATASETS
from mmal.utils import preserved_random_state, registered_class

#: What data sets of MMPose hand on to each sample.
_OF_THE_POSE_SET = (
    "dataset_name",
    "upper_body_ids",
    "lower_body_ids",
    "flip_pairs",
    "flip_indices",
    "dataset_keypoint_weights",
    "skeleton_links",
)


def random_batch(cfg: Config, model: nn.Module, batch_size: int, max_size: int) -> dict:
    """Make a batch of noise that a model can be trained on, always the same.

    Args:
        cfg: The model's config, of MMDetection, MMPose or MMPretrain.
        model: Its data preprocessor is run.
        batch_size: N.
        max_size: Images are of the test pipeline's size, if it says one, but no side is longer than
            this; those of a pose estimator are of its own size.

    Raises:
        ValueError: If a pose estimator's training pipeline makes no sample of a single image.

    Returns:
        ``inputs``, of shape (N, 3, H, W), and ``data_samples``, the N data samples.
    """
    scope = cfg.get("default_scope", "mmdet")
    with preserved_random_state():
        random.seed(0)
        np.random.seed(0)
        torch.manual_seed(0)
        if scope == "mmpose":
            data = pseudo_collate(_people(cfg, batch_size))
        else:
            size = _image_size(cfg, max_size)
            make = _detected if scope == "mmdet" else _classified
            data = make(cfg, batch_size, size)
        return model.data_preprocessor(data, training=True)


def _image_size(cfg: Config, max_size: int) -> tuple[int, int]:
    """Height and width of the test pipeline's images, cut to ``max_size``."""
    width = height = max_size
    for step in DataConfig(cfg).test_pipeline:
        if found := step.get("crop_size", step.get("scale")):  # a crop comes last
            width, height = found if isinstance(found, list | tuple) else (found, found)
    return min(height, max_size), min(width, max_size)


def _noise(size: tuple[int, int]) -> torch.Tensor:
    return torch.randint(0, 256, (3, *size), dtype=torch.uint8)


def _detected(cfg: Config, batch_size: int, size: tuple[int, int]) -> dict:
    """Three boxes an image, the mean of PASCAL VOC."""
    height, width = size
    training = next(leaf_datasets(cfg.train_dataloader.dataset))["pipeline"]
    with_masks = any(step.get("with_mask") for step in training)
    samples = []
    for _ in range(batch_size):
        corners = torch.rand(3, 2, 2).sort(dim=1).values
        corners[:, 1] += 0.05  # no empty boxes
        boxes = corners.clamp(max=1).flatten(1) * torch.tensor([width, height] * 2)
        labels = torch.zeros(3, dtype=torch.long)  # every detector has a first class
        metainfo = dict(img_shape=size, ori_shape=size, scale_factor=(1.0, 1.0))
        # CenterNet's pipelines pad images and say where.
        metainfo["border"] = np.array([0, height, 0, width])
        sample = DetDataSample(metainfo=metainfo)
        sample.gt_instances = InstanceData(bboxes=boxes, labels=labels)
        if with_masks:  # some heads use them where there are any
            sample.gt_instances.masks = _filled_boxes(boxes, size)
        sample.ignored_instances = InstanceData(bboxes=boxes[:0], labels=labels[:0])
        samples.append(sample)
    return dict(inputs=[_noise(size) for _ in samples], data_samples=samples)


def _filled_boxes(boxes: torch.Tensor, size: tuple[int, int]) -> BitmapMasks:
    masks = np.zeros((len(boxes), *size), dtype=np.uint8)
    for mask, (left, top, right, bottom) in zip(masks, boxes.int().tolist(), strict=True):
        mask[top:bottom, left:right] = 1
    return BitmapMasks(masks, *size)


def _people(cfg: Config, batch_size: int) -> list[dict]:
    """One person an image, by the training pipeline, which makes what the head learns from."""
    dataset, steps = cfg.train_dataloader.dataset, []
    while True:
        steps = [*(dataset.get("pipeline") or []), *steps]  # those of wrappers come last
        inner = dataset.get("dataset") or next(iter(dataset.get("datasets") or []), None)
        if inner is None:
            break
        dataset = inner
    metainfo = dataset.get("metainfo") or registered_class(dataset, DATASETS).METAINFO
    metainfo = parse_pose_metainfo(metainfo)
    pipeline = Compose(steps)
    height, width, joints = 256, 192, metainfo["num_keypoints"]
    box = np.array([[width / 4, height / 4, width / 2, height / 2]], dtype=np.float32)
    made = []
    for i in range(batch_size):
        person = dict(
            img=np.random.randint(0, 256, (height, width, 3), dtype=np.uint8),
            img_id=i,
            id=i,
            img_path="",
            ori_shape=(height, width),
            img_shape=(height, width),
            bbox=bbox_xywh2xyxy(box),
            bbox_score=np.ones(1, dtype=np.float32),
            keypoints=box[:, None, :2] + box[:, None, 2:] * np.random.rand(1, joints, 2),
            keypoints_visible=np.ones((1, joints), dtype=np.float32),
            category_id=1,
            **{key: metainfo[key] for key in _OF_THE_POSE_SET},
        )
        person["keypoints"] = person["keypoints"].astype(np.float32)
        made.append(_packed(pipeline, person, cfg))
    return made


def _packed(pipeline: Compose, person: dict, cfg: Config) -> dict:
    try:
        found = pipeline(person)
    except (TypeError, KeyError) as error:  # Mosaic and MixUp look for a data set
        found, why = None, f" ({type(error).__name__}: {error})"
    else:
        why = ""
    if not isinstance(found, dict) or "inputs" not in found:
        raise ValueError(
            f"{cfg.filename}: its training pipeline makes no sample of one image{why}. The "
            "benchmark needs one that does: leave out what mixes images."
        )
    return found


def _classified(cfg: Config, batch_size: int, size: tuple[int, int]) -> dict:
    """A class an image: the first, which every classifier has."""
    from mmpretrain.structures import DataSample  # an extra, that a config of MMPretrain needs

    samples = [
        DataSample(metainfo=dict(img_shape=size, ori_shape=size)).set_gt_label(0)
        for _ in range(batch_size)
    ]
    return dict(inputs=[_noise(size) for _ in samples], data_samples=samples)
