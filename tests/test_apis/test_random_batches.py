"""Batches of noise: that models of each package train on them."""

from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope

from mmal.apis.random_batches import random_batch
from mmal.models import build_model
from tests.classifiers import needs_mmpretrain

ROOT = Path(__file__).parents[2]


def config(path: str) -> Config:
    cfg = Config.fromfile(ROOT / "configs" / path)
    init_default_scope(cfg.default_scope)
    cfg.model.target.backbone.init_cfg = None
    return cfg


@pytest.mark.parametrize(
    ("path", "side"),
    [
        ("detection/ssdlite_mobilenetv2_bccd.py", 64),
        ("pose/mobilenetv2_lspet.py", 128),  # its own size, whatever is asked for
        pytest.param("classification/resnet18_cifar10.py", 64, marks=needs_mmpretrain),
    ],
)
def test_models_train_on_them(path: str, side: int) -> None:
    cfg = config(path)
    model = build_model(cfg)
    state = torch.get_rng_state()
    data = random_batch(cfg, model, 4, 64)
    assert torch.get_rng_state().equal(state)
    assert data["inputs"].shape == (4, 3, side, side)
    assert data["inputs"].std() > 0.5

    again = random_batch(cfg, model, 4, 64)
    assert again["inputs"].equal(data["inputs"])
    losses = model.loss(**data)
    assert losses["loss_rank"].isfinite()
    assert losses["rank_invalid"] == 0  # every sample has labels that make a loss
    model.parse_losses(losses)[0].backward()


def test_pipelines_of_wrappers_come_after_those_inside() -> None:
    cfg = config("pose/mobilenetv2_lspet.py")
    inside = cfg.train_dataloader.dataset
    model = build_model(cfg)
    expected = random_batch(cfg, model, 2, 64)["inputs"]
    wrapped = dict(type="CombinedDataset", datasets=[inside], pipeline=inside.pipeline[3:])
    inside.pipeline = inside.pipeline[:3]
    cfg.train_dataloader.dataset = wrapped
    assert random_batch(cfg, model, 2, 64)["inputs"].equal(expected)


def test_what_mixes_images_is_refused() -> None:
    cfg = config("pose/mobilenetv2_lspet.py")
    mosaic = dict(type="Mosaic", img_scale=(64, 64), pre_transform=[])
    cfg.train_dataloader.dataset.pipeline.insert(1, mosaic)
    with pytest.raises(ValueError, match=r"mobilenetv2_lspet\.py: its training pipeline makes no"):
        random_batch(cfg, build_model(cfg), 2, 64)
