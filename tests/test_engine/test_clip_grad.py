"""Tests of clipping the gradients of target and loss prediction module apart."""

import math

import pytest
import torch
from mmengine.logging import MessageHub
from mmengine.optim import OptimWrapper, OptimWrapperDict
from torch import nn

from mmal.engine.clip_grad import clip_separately

BY_NORM, BY_VALUE = dict(max_norm=0.1), dict(type="value", clip_value=0.01)
BATCH = torch.randn(8, 3, generator=torch.Generator().manual_seed(0))


class Model(nn.Module):
    """A target and a module beside it, of the same weights every time."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.target = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
        self.module = nn.Linear(3, 1)

    def target_loss(self) -> torch.Tensor:
        return (self.target(BATCH) - 3).square().mean()

    def module_loss(self) -> torch.Tensor:
        return (self.module(BATCH) - 3).square().mean()


def wrapper_of(part: nn.Module, clip_grad: dict | None) -> OptimWrapper:
    optimizer = torch.optim.SGD(part.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-3)
    return OptimWrapper(optimizer, clip_grad=dict(clip_grad) if clip_grad else None)


def train_together(clip_grad: dict | None, scale: float, separately: bool = True) -> Model:
    model = Model()
    wrapper = wrapper_of(model, clip_grad)
    if separately:
        clip_separately(wrapper, model.module)
    for _ in range(5):
        wrapper.update_params(model.target_loss() + scale * model.module_loss())
    return model


def train_alone(clip_grad: dict | None, scale: float) -> Model:
    """Train target and module, each with an optimizer of its own."""
    model = Model()
    target, module = (wrapper_of(part, clip_grad) for part in (model.target, model.module))
    for _ in range(5):
        target.update_params(model.target_loss())
        module.update_params(scale * model.module_loss())
    return model


def same_weights(a: nn.Module, b: nn.Module) -> bool:
    pairs = zip(a.parameters(), b.parameters(), strict=True)
    return all(torch.equal(first, second) for first, second in pairs)


@pytest.mark.parametrize("clip_grad", [BY_NORM, BY_VALUE], ids=["norm", "value"])
@pytest.mark.parametrize("scale", [0.0, 1e-4, 1.0, 1e6])
def test_each_part_trains_as_if_alone(clip_grad, scale):
    together, alone = train_together(clip_grad, scale), train_alone(clip_grad, scale)

    assert same_weights(together.target, alone.target)
    assert same_weights(together.module, alone.module)
    assert not same_weights(together.target, Model().target)
    unclipped = train_together(None, scale)  # clipping is at work
    assert not same_weights(together.target, unclipped.target)


def test_clipping_together_would_let_the_module_shorten_the_targets_step():
    together = train_together(BY_NORM, 1.0, separately=False)

    assert not same_weights(together.target, train_alone(BY_NORM, 1.0).target)


def test_nothing_of_the_module_to_clip():
    model = Model()
    for parameter in model.module.parameters():
        parameter.requires_grad_(False)
    wrapper = wrapper_of(model, BY_NORM)
    clip_separately(wrapper, model.module)
    for _ in range(5):
        wrapper.update_params(model.target_loss())

    assert same_weights(model.target, train_alone(BY_NORM, 1.0).target)
    assert same_weights(model.module, Model().module)


def test_both_norms_are_within_the_limit():
    model = Model()
    wrapper = wrapper_of(model, BY_NORM)
    clip_separately(wrapper, model.module)
    wrapper.backward(model.target_loss() + 1e6 * model.module_loss())
    wrapper.step()

    for part in (model.target, model.module):
        assert norm_of(part) == pytest.approx(0.1, rel=1e-4)


def test_logged_norm_is_the_targets():
    model = Model()
    wrapper = wrapper_of(model, BY_NORM)
    wrapper.message_hub = MessageHub("norm")
    clip_separately(wrapper, model.module)
    wrapper.backward(model.target_loss() + 1e6 * model.module_loss())
    expected = norm_of(model.target)
    wrapper.step()

    norm = wrapper.message_hub.get_scalar("train/grad_norm")
    assert norm.current() == pytest.approx(expected, rel=1e-5)
    assert expected > 0.1


def test_no_norm_is_logged_when_clipping_by_value():
    model = Model()
    wrapper = wrapper_of(model, BY_VALUE)
    wrapper.message_hub = MessageHub("value")
    clip_separately(wrapper, model.module)
    wrapper.update_params(model.target_loss() + model.module_loss())

    assert wrapper.message_hub.log_scalars == {}


def test_without_clipping_the_wrapper_is_untouched():
    model = Model()
    wrapper = wrapper_of(model, None)
    before = dict(vars(wrapper))
    clip_separately(wrapper, model.module)

    assert vars(wrapper) == before
    assert same_weights(train_together(None, 1.0).target, train_alone(None, 1.0).target)


def norm_of(part: nn.Module) -> float:
    return math.sqrt(sum(x * x for p in part.parameters() for x in p.grad.flatten().tolist()))


def test_each_of_several_wrappers_is_told() -> None:
    model = Model()
    wrappers = OptimWrapperDict(a=wrapper_of(model, BY_NORM), b=wrapper_of(model, None))
    bare = torch.nn.utils.clip_grad_norm_
    clip_separately(wrappers, model.module)
    assert wrappers["a"].clip_func is not bare
    assert not hasattr(wrappers["b"], "clip_func")
