"""Weights that a training would begin with."""

from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from torch import nn

from mmal.engine.preflight import Problems, check_pretrained
from mmal.models import build_model


@pytest.fixture
def model(cfg: Config) -> nn.Module:
    init_default_scope("mmdet")
    return build_model(cfg)


@pytest.fixture
def path(cfg: Config) -> str:
    return str(Path(cfg.work_dir).parent / "weights.pth")


def problems_of(cfg: Config) -> str:
    problems = Problems()
    state = torch.get_rng_state()
    check_pretrained(cfg, problems)
    assert torch.equal(torch.get_rng_state(), state)
    try:
        problems.raise_all()
    except ValueError as error:
        return str(error)
    return ""


def save(state: dict, path: str, prefix: str = "") -> None:
    """Save other weights than those that any model begins with."""
    torch.save({f"{prefix}{key}": value + 1 for key, value in state.items()}, path)


def test_weights_of_another_model_to_go_on_from(cfg: Config, model: nn.Module, path: str) -> None:
    cfg.load_from = path
    save(nn.Linear(2, 2).state_dict(), path)
    message = problems_of(cfg)
    assert message.startswith(f"load_from: no weight of '{path}' fits the LearningLoss")
    assert "the file has bias, weight, …, the model backbone." in message
    save(model.state_dict(), path, prefix="model.")
    assert "the file has model.backbone." in problems_of(cfg)
    save({**model.backbone.state_dict(), **nn.Linear(2, 2).state_dict()}, path, prefix="backbone.")
    assert problems_of(cfg) == ""  # in part


def test_weights_of_another_model_to_begin_with(cfg: Config, model: nn.Module, path: str) -> None:
    init = dict(type="Pretrained", checkpoint=path)
    cfg.model.target.backbone.init_cfg = init
    save(model.state_dict(), path)
    message = problems_of(cfg)
    key = "model.target.backbone.init_cfg"
    assert message.startswith(
        f"{key}: no weight of '{path}' fits the ResNet: the file has backbone"
    )
    cfg.model.target.backbone.init_cfg = dict(init, prefix="encoder")
    assert f"no weight of '{path}' under prefix='encoder' fits the ResNet" in problems_of(cfg)
    cfg.model.target.backbone.init_cfg = dict(init, prefix="backbone")
    assert problems_of(cfg) == ""
