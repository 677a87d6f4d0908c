"""Small image classifiers of MMPretrain, which need not be installed."""

import copy
import importlib.util
from collections.abc import Sequence

import pytest
import torch
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
