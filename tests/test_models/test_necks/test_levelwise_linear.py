"""Layers of several levels in one, against as many of torch's own."""

import copy

import pytest
import torch
from torch import nn

from mmal.models.necks.levelwise_linear import LevelwiseLinear

CHANNELS = [3, 5, 2]


def pair(channels: list[int] = CHANNELS) -> tuple[nn.ModuleList, LevelwiseLinear]:
    """Layers a level, and one layer that begins with their weights: both draw the same."""
    torch.manual_seed(0)
    single = nn.ModuleList(nn.Linear(c, 4) for c in channels)
    torch.manual_seed(0)
    return single, LevelwiseLinear(channels, 4)


@pytest.mark.parametrize("channels", [CHANNELS, [3, 3, 3], [5]])
def test_trains_as_layers_of_their_own(channels: list[int]) -> None:
    single, joint = pair(channels)
    optimizers = [
        torch.optim.SGD(layer.parameters(), lr=0.1, momentum=0.9, weight_decay=0.01)
        for layer in (single, joint)
    ]
    for step in range(3):
        torch.manual_seed(step)
        levels = [torch.randn(6, c, requires_grad=True) for c in channels]
        copies = copy.deepcopy(levels)
        expected = torch.cat([fc(level) for fc, level in zip(single, levels, strict=True)], dim=1)
        found = joint(torch.cat(copies, dim=1))
        torch.testing.assert_close(found, expected)
        for output, optimizer in zip((expected, found), optimizers, strict=True):
            optimizer.zero_grad()
            output.square().sum().backward()
            optimizer.step()
        for level, other in zip(levels, copies, strict=True):
            torch.testing.assert_close(other.grad, level.grad)


@pytest.mark.parametrize("prefix", ["", "loss_predictor.embeddings."])
def test_reads_checkpoints_with_a_layer_a_level(prefix: str) -> None:
    single, _ = pair()
    torch.manual_seed(1)
    joint = LevelwiseLinear(CHANNELS, 4)
    model = joint
    for name in reversed(prefix.split(".")[:-1]):
        model = nn.ModuleDict({name: model})
    state = {f"{prefix}{name}": value for name, value in single.state_dict().items()}
    assert str(model.load_state_dict(state)) == "<All keys matched successfully>"

    levels = [torch.randn(6, c) for c in CHANNELS]
    expected = torch.cat([fc(level) for fc, level in zip(single, levels, strict=True)], dim=1)
    torch.testing.assert_close(joint(torch.cat(levels, dim=1)), expected)


def test_checkpoints_of_other_levels_are_not_taken() -> None:
    _, joint = pair()
    two = nn.ModuleList(nn.Linear(c, 4) for c in CHANNELS[:2])

    with pytest.raises(RuntimeError, match=r"Missing key.*weight"):
        joint.load_state_dict(two.state_dict())
