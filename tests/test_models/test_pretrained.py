"""The backbone that features of the source 'pretrained' are of."""

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from mmdet.testing import demo_mm_inputs
from mmengine.config import Config
from mmengine.registry import init_default_scope
from torch import nn

from mmal.models import build_model
from mmal.models.pretrained import pretrained_backbone
from mmal.models.scores import score_function

NAMES = ["pretrained_features", "backbone_features"]


@pytest.fixture
def weights(cfg: Config) -> str:
    """A file with weights of the whole model; no two of them are those of another draw."""
    init_default_scope("mmdet")
    torch.manual_seed(7)
    path = str(Path(cfg.work_dir).parent / "weights.pth")
    torch.save(build_model(cfg).state_dict(), path)
    return path


def of_backbone(path: str) -> dict[str, torch.Tensor]:
    state = torch.load(path)
    prefix = "backbone."
    return {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}


def same(backbone: nn.Module, expected: dict[str, torch.Tensor]) -> bool:
    state = backbone.state_dict()
    assert state.keys() == expected.keys()
    return all(torch.equal(state[key], value) for key, value in expected.items())


def by_backbone(cfg: Config, path: str) -> None:
    init = dict(type="Pretrained", checkpoint=path, prefix="backbone")
    cfg.model.target.backbone.init_cfg = init


def by_model(cfg: Config, path: str) -> None:
    cfg.model.target.init_cfg = dict(type="Pretrained", checkpoint=path)


def by_load_from(cfg: Config, path: str) -> None:
    cfg.load_from = path


@pytest.mark.parametrize("plain", [False, True])
@pytest.mark.parametrize("name_weights", [by_backbone, by_model, by_load_from])
def test_weights_are_those_that_a_training_begins_with(cfg, weights, name_weights, plain):
    name_weights(cfg, weights)
    if plain:
        cfg.model = cfg.model.target
    torch.manual_seed(3)
    state, numpy_state = torch.get_rng_state(), np.random.get_state()[1].copy()
    backbone = pretrained_backbone(cfg, NAMES)
    assert torch.equal(torch.get_rng_state(), state)
    np.testing.assert_array_equal(np.random.get_state()[1], numpy_state)
    assert same(backbone, of_backbone(weights))
    assert not any(module.training for module in backbone.modules())
    assert not any(parameter.requires_grad for parameter in backbone.parameters())


def test_where_to_go_on_from_overrules_where_to_begin(cfg, weights):
    other = weights.replace(".pth", "_other.pth")
    torch.save({key: value + 1 for key, value in torch.load(weights).items()}, other)
    by_backbone(cfg, weights)
    by_load_from(cfg, other)
    assert same(pretrained_backbone(cfg, NAMES), of_backbone(other))


def test_what_the_weights_leave_out_is_the_same_every_time(cfg, weights):
    part = {k: v for k, v in of_backbone(weights).items() if not k.startswith("layer3")}
    torch.save(part, weights)
    cfg.model.target.backbone.init_cfg = dict(type="Pretrained", checkpoint=weights)
    torch.manual_seed(1)
    first = pretrained_backbone(cfg, NAMES).state_dict()
    torch.manual_seed(2)
    assert same(pretrained_backbone(cfg, NAMES), first)


def test_nothing_is_built_that_is_not_asked_for(cfg):
    assert pretrained_backbone(cfg, ["features", "backbone_features", "pred_loss"]) is None
    cfg.model.target.backbone.init_cfg = dict(type="Kaiming", layer="Conv2d")
    message = r"names none for the ResNet: neither .* 'Pretrained', and there is no load_from"
    with pytest.raises(ValueError, match=message):
        pretrained_backbone(cfg, ["pretrained_features_unit"])


def test_training_does_not_change_the_features(cfg, weights):
    by_backbone(cfg, weights)
    pretrained = pretrained_backbone(cfg, NAMES)
    model = build_model(cfg)
    model.init_weights()
    data = model.data_preprocessor(demo_mm_inputs(2, [(3, 64, 64)] * 2, num_classes=2), False)

    @torch.no_grad()
    def scores() -> list[torch.Tensor]:
        return list(score_function(model.eval(), NAMES, pretrained)(data).values())

    first, untrained = scores()
    torch.testing.assert_close(first, untrained)

    optimizer = torch.optim.SGD(model.parameters(), lr=1e-2)
    losses = model.train().loss(data["inputs"], copy.deepcopy(data["data_samples"]))
    model.parse_losses(losses)[0].backward()
    optimizer.step()
    second, trained = scores()
    assert torch.equal(second, first)
    assert (trained - untrained).abs().max() > 1e-3 * untrained.abs().max()

    with torch.no_grad():
        alone = build_model(cfg).backbone
        alone.init_weights()
        alone.eval()
        expected = [level.mean(dim=(2, 3)) for level in alone(data["inputs"])]
    torch.testing.assert_close(second, torch.cat(expected, dim=1))
