"""Small image classifiers of MMPretrain, which need not be installed."""

import copy
import importlib.util
import pickle
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope
from torch import Tensor, nn

from tests.models import learning_loss_config

#: Only a missing package is skipped: a broken one fails.
needs_mmpretrain = pytest.mark.skipif(
    importlib.util.find_spec("mmpretrain") is None,
    reason="mmpretrain is not installed: requirements/classification.txt says what it takes",
)
#: Channels of the backbone's last stage, and classes.
CHANNELS, CLASSES = 32, 5
STAGES = [4, 8, 16, 32]
PACK = dict(type="PackInputs")
GAP = dict(type="GlobalAveragePooling")
LINEAR = dict(type="LinearClsHead", num_classes=CLASSES, in_channels=CHANNELS)


class Pair(nn.Module):
    """A neck that hands out two vectors an image, as backbones with two branches or tokens do."""

    def forward(self, feats: tuple[Tensor]) -> tuple:
        vectors = feats[-1].mean(dim=(2, 3))
        return ((vectors, vectors.square()),)


def target_config(head: dict, neck: dict | nn.Module | None = GAP, **preprocessor) -> dict:
    """Return the config of a ResNet-18 of few channels, in :data:`STAGES`, with the given head."""
    return dict(
        type="ImageClassifier",
        backbone=dict(type="ResNet", depth=18, stem_channels=4, base_channels=4),
        neck=neck,
        head=copy.deepcopy(head),
        data_preprocessor=dict(
            mean=[127.0] * 3, std=[64.0] * 3, num_classes=CLASSES, **preprocessor
        ),
    )


def build_classifier(
    head: dict, neck: dict | nn.Module | None = GAP, plain: bool = False, **preprocessor
) -> nn.Module:
    """Build a classifier in evaluation mode, plain or with learning loss on its last features."""
    init_default_scope("mmpretrain")
    cfg = target_config(head, neck, **preprocessor)
    torch.manual_seed(0)
    channels = [CHANNELS] * (2 if isinstance(neck, Pair) else 1)
    model = MODELS.build(cfg if plain else learning_loss_config(cfg, channels))
    model.init_weights()
    spread(model)
    return model.eval()


def spread(model: nn.Module) -> None:
    """Let scores differ: some heads start with zeros, which give every image one loss."""
    generator = torch.Generator().manual_seed(1)
    for parameter in model.head.parameters():
        if parameter.dim() > 1:
            nn.init.normal_(parameter, std=parameter.shape[1] ** -0.5, generator=generator)


def images(labels: Sequence[int | Sequence[int]], size: int = 32) -> dict:
    """Return a batch of random images as a data loader hands it out, with one label or several."""
    from mmpretrain.structures import DataSample

    generator = torch.Generator().manual_seed(2)
    shape = (3, size, size)
    inputs = [torch.randint(0, 256, shape, generator=generator).byte() for _ in labels]
    return dict(inputs=inputs, data_samples=[DataSample().set_gt_label(y) for y in labels])


#: A classifier and a pool of images in folders that train in a second.
TINY_CONFIG = """
_base_ = "mmpretrain::_base_/default_runtime.py"
custom_imports = dict(imports=["mmal"])
target = dict(
    type="ImageClassifier",
    backbone=dict(type="ResNet_CIFAR", depth=18, stem_channels=4, base_channels=4),
    neck=dict(type="GlobalAveragePooling"),
    head=dict(type="LinearClsHead", num_classes=2, in_channels=32, topk=(1,)),
)
model = dict(
    type="mmal.LearningLoss",
    target=target,
    feat_modules=["backbone.layer1", "backbone.layer4"],
    loss_predictor=dict(type="mmal.LossPredictionNeck", in_channels=[4, 32], channels=8),
    ranking_loss=dict(type="mmal.PairwiseRankingLoss"),
)
data_preprocessor = dict(num_classes=2, mean=[127.0] * 3, std=[64.0] * 3, to_rgb=True)
load = [dict(type="LoadImageFromFile"), dict(type="Resize", scale=16)]
flip = dict(type="RandomFlip", prob=0.5)
pack = dict(type="PackInputs")
folder = dict(type="CustomDataset", data_root="{root}", metainfo=dict(classes=("cat", "dog")))
train_dataloader = dict(
    batch_size=4, num_workers=0, sampler=dict(type="DefaultSampler", shuffle=True),
    dataset=dict(data_prefix="train", pipeline=[*load, flip, pack], **folder),
)
test_dataloader = dict(
    batch_size=2, num_workers=0, sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(data_prefix="test", pipeline=[*load, pack], **folder),
)
test_evaluator = dict(type="Accuracy", topk=(1,))
train_cfg = dict(by_epoch=True, max_epochs=2, val_interval=2)
test_cfg = dict()
optim_wrapper = dict(optimizer=dict(type="SGD", lr=0.01))
custom_hooks = [dict(type="mmal.ActiveLearningHook", detach_epoch=1)]
active_learning = dict(rounds=3, initial=6, budget=4)
randomness = dict(seed=0)
work_dir = "{root}/work"
"""


def write_folders(root: Path, counts: Mapping[str, int]) -> None:
    """Write noise, so many images a class, into a folder a class."""
    for name, count in counts.items():
        rng = np.random.default_rng(zlib.crc32(f"{root.name}/{name}".encode()))
        (root / name).mkdir(parents=True)
        for number in range(count):
            image = rng.integers(0, 256, (20, 24, 3), dtype=np.uint8)
            cv2.imwrite(str(root / name / f"{number}.png"), image)


def rounds_config(root: Path) -> Config:
    """Write a pool of 16 images and 5 for testing; return a config of rounds on them."""
    write_folders(root / "train", dict(cat=9, dog=7))
    write_folders(root / "test", dict(cat=3, dog=2))
    path = root / "config.py"
    path.write_text(TINY_CONFIG.replace("{root}", str(root)))
    return Config.fromfile(path)


def tiny_cifar(root: Path) -> dict:
    """Write images of 10 classes as CIFAR-10 keeps them, in memory and without names.

    Returns:
        The config of MMPretrain's data set, but for what is its own: 16 images for training and 5
        for testing, whose checksums are not those of CIFAR-10.
    """
    from mmpretrain.datasets import CIFAR10

    class TinyCIFAR(CIFAR10):
        train_list: ClassVar = [("data_batch_1", None)]
        test_list: ClassVar = [("test_batch", None)]

    (root / CIFAR10.base_folder).mkdir(parents=True)
    rng = np.random.default_rng(0)
    for name, count in (("data_batch_1", 16), ("test_batch", 5)):
        images = rng.integers(0, 256, (count, 3 * 32 * 32), dtype=np.uint8)
        content = dict(data=images, labels=[i % 10 for i in range(count)])
        (root / CIFAR10.base_folder / name).write_bytes(pickle.dumps(content))
    return dict(type=TinyCIFAR, data_root=str(root))
