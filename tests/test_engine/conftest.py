"""A detector and a pool that train in a second."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config

CONFIG = """
_base_ = "mmdet::ssd/ssd300_coco.py"
custom_imports = dict(imports=["mmal"])
target = _base_.model
target.pop("neck")
target["backbone"] = dict(
    type="ResNet", depth=18, base_channels=4, norm_eval=False,
    num_stages=3, strides=(1, 2, 2), dilations=(1, 1, 1), out_indices=(1, 2),
)
target["bbox_head"].update(num_classes=2, in_channels=[8, 16])
target["bbox_head"]["anchor_generator"] = dict(
    type="SSDAnchorGenerator", scale_major=False, strides=[8, 16], ratios=[[2], [2]],
    min_sizes=[8, 16], max_sizes=[16, 32],
)
model = dict(
    _delete_=True,
    type="mmal.LearningLoss",
    target=target,
    loss_predictor=dict(type="mmal.LossPredictionNeck", in_channels=[8, 16], channels=8),
    ranking_loss=dict(type="mmal.PairwiseRankingLoss"),
)
folder = dict(
    type="VOCDataset", data_root="{root}", data_prefix=dict(sub_data_root=""),
    metainfo=dict(classes=("cat", "dog")),
)
resize = dict(type="Resize", scale=(48, 40), keep_ratio=False)
load = [dict(type="LoadImageFromFile"), dict(type="LoadAnnotations", with_bbox=True)]
flip = dict(type="RandomFlip", prob=0.5)
light = dict(type="PhotoMetricDistortion")
pack = dict(type="PackDetInputs")
train_dataloader = dict(
    batch_size=4, num_workers=2, batch_sampler=None,
    dataset=dict(
        _delete_=True, ann_file="ImageSets/Main/train.txt",
        pipeline=[*load, resize, flip, light, pack], **folder,
    ),
)
test_dataloader = dict(
    batch_size=2, num_workers=0, persistent_workers=False,
    dataset=dict(
        _delete_=True, ann_file="ImageSets/Main/test.txt", test_mode=True,
        pipeline=[load[0], resize, load[1], pack], **folder,
    ),
)
val_dataloader = test_dataloader
test_evaluator = dict(_delete_=True, type="VOCMetric", metric="mAP", eval_mode="area")
val_evaluator = test_evaluator
train_cfg = dict(max_epochs=3, val_interval=3)
optim_wrapper = dict(optimizer=dict(lr=1e-3))
param_scheduler = []
default_hooks = dict(checkpoint=dict(interval=1), logger=dict(interval=1))
custom_hooks = [dict(type="mmal.ActiveLearningHook", detach_epoch=2)]
active_learning = dict(rounds=3, initial=6, budget=4)
randomness = dict(seed=0)
work_dir = "{root}/work"
"""


def _boxes(rng: np.random.Generator) -> list:
    corners = [(int(rng.integers(1, 24)), int(rng.integers(1, 20))) for _ in range(2)]
    names = rng.choice(["cat", "dog"], 2)
    return [(name, x, y, x + 16, y + 16) for name, (x, y) in zip(names, corners, strict=True)]


@pytest.fixture
def config_file(tmp_path: Path, write_voc: Callable[..., dict]) -> Path:
    """A config for rounds on a pool of 16 images and 5 for testing, in files."""
    rng = np.random.default_rng(0)
    write_voc(tmp_path, {f"train_{i:02d}": _boxes(rng) for i in range(16)})
    write_voc(tmp_path, {f"test_{i:02d}": _boxes(rng) for i in range(5)}, split="test")
    path = tmp_path / "config.py"
    path.write_text(CONFIG.replace("{root}", str(tmp_path)))
    return path


@pytest.fixture
def cfg(config_file: Path) -> Config:
    """The config of :func:`config_file`."""
    return Config.fromfile(config_file)
