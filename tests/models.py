"""Small target models for tests, from MMDetection's own configs."""

import torch
from mmdet.testing import demo_mm_inputs
from mmengine.config import ConfigDict
from mmengine.hub import get_config
from mmengine.registry import MODELS, init_default_scope
from torch import nn

#: The dense heads of which per-sample losses are exact: MMDetection's config, channels of the
#: features, input size.
DENSE = {
    "SSD": ("ssd/ssd300_coco.py", [512, 1024, 512, 256, 256, 256], 300),
    "SSDLite": (
        "ssd/ssdlite_mobilenetv2-scratch_8xb24-600e_coco.py",
        [96, 1280, 512, 256, 256, 128],
        128,
    ),
    "RetinaNet": ("retinanet/retinanet_r18_fpn_1x_coco.py", [256] * 5, 128),
    "FCOS": ("fcos/fcos_r50-caffe_fpn_gn-head_1x_coco.py", [256] * 5, 128),
    "ATSS": ("atss/atss_r50_fpn_1x_coco.py", [256] * 5, 128),
    "YOLOX": ("yolox/yolox_tiny_8xb8-300e_coco.py", [96] * 3, 128),
    "RTMDet": ("rtmdet/rtmdet_tiny_8xb32-300e_coco.py", [96] * 3, 128),
}
FASTER_RCNN = ("faster_rcnn/faster-rcnn_r50_fpn_1x_coco.py", [256] * 5, 128)


def target_config(path: str) -> ConfigDict:
    """Return the model of one of MMDetection's configs, without downloads and shallow."""
    cfg = get_config(f"mmdet::{path}").model
    cfg.backbone.pop("init_cfg", None)
    make_shallow(cfg)
    cfg.data_preprocessor.pop("batch_augments", None)
    return cfg


def make_shallow(cfg: ConfigDict) -> None:
    """Make a ResNet-18 of a target's ResNet-50: its stages have a quarter of the channels."""
    if cfg.backbone.type != "ResNet" or cfg.backbone.depth != 50:
        return
    cfg.backbone.update(depth=18, style="pytorch")
    cfg.backbone.pop("dcn", None)
    necks = cfg.get("neck") or {}
    neck = necks[0] if isinstance(necks, list) else necks
    head = cfg.get("head") or cfg.get("panoptic_head") or {}
    follows = neck if "in_channels" in neck else head.get("pose_cfg", head)
    channels = follows.in_channels
    several = isinstance(channels, (list, tuple))
    follows.in_channels = [c // 4 for c in channels] if several else channels // 4


def build(path: str, channels: list[int] | None, seed: int = 0, **kwargs) -> nn.Module:
    """Build and initialise a target: plain without ``channels``, else with learning loss."""
    init_default_scope("mmdet")
    cfg = target_config(path)
    if channels is not None:
        cfg = learning_loss_config(cfg, channels, **kwargs)
    torch.manual_seed(seed)
    model = MODELS.build(cfg)
    model.init_weights()
    return model


def learning_loss_config(target: dict, channels: list[int], **kwargs) -> dict:
    """Wrap a target's config."""
    return dict(
        type="mmal.LearningLoss",
        target=target,
        loss_predictor=dict(type="mmal.LossPredictionNeck", in_channels=channels),
        ranking_loss=dict(type="mmal.PairwiseRankingLoss"),
        **kwargs,
    )


def batch(model: nn.Module, size: int, num_items: list[int], training: bool = True) -> dict:
    """Make a preprocessed batch of random images, with the given numbers of objects."""
    shapes = [(3, size, size)] * len(num_items)
    data = demo_mm_inputs(len(num_items), shapes, num_items=num_items, num_classes=80)
    return model.data_preprocessor(data, training)
