"""Tests of running code without a trace."""

import random
from contextlib import nullcontext

import numpy as np
import pytest
import torch
from mmdet.utils import reduce_mean
from mmengine.dist import get_world_size
from torch import nn

from mmal.utils import preserved_random_state, single_process, without_trace


def draw() -> list[float]:
    return [random.random(), np.random.rand(), torch.rand(1).item()]


@pytest.mark.parametrize("error", [None, RuntimeError])
def test_random_numbers_go_on_as_if_nothing_had_been_drawn(error):
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)
    with preserved_random_state():
        expected = draw()

    with pytest.raises(error) if error else nullcontext(), preserved_random_state():
        draw()
        np.random.seed(5)
        if error:
            raise error
    assert draw() == expected


@pytest.fixture
def process_group(tmp_path, monkeypatch):
    """A group of one process; a reduction over it fails, so that one cannot go unseen."""

    def refuse(*args, **kwargs):
        raise AssertionError("reduced")

    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{tmp_path}/store", rank=0, world_size=1
    )
    monkeypatch.setattr(torch.distributed, "all_reduce", refuse)
    yield
    torch.distributed.destroy_process_group()


@pytest.mark.usefixtures("process_group")
def test_single_process_reduces_nothing():
    value = torch.tensor(3.0)
    with pytest.raises(AssertionError, match="reduced"):
        reduce_mean(value)

    with single_process():
        assert reduce_mean(value) == 3
        assert not torch.distributed.is_initialized()
        assert get_world_size() == 1

    assert torch.distributed.is_initialized()
    with pytest.raises(KeyError), single_process():
        raise KeyError
    assert torch.distributed.is_initialized()


class Counter(nn.Module):
    """Has every kind of state that a model keeps between calls."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(2)
        self.register_buffer("scale", torch.ones(2))
        self.steps = 0
        self.history = ["start"]
        self.by_name = {"start": 0}
        self.seen = {"start"}
        self.maybe = None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = self.norm(x) * self.scale
        self.scale += 1
        self.steps += 1
        self.history.append("step")
        self.by_name["step"] = self.steps
        self.by_name.pop("start", None)
        self.seen.add("step")
        self.maybe = out
        self.cache = out  # an attribute that was not there before
        return out


@pytest.mark.parametrize("error", [None, RuntimeError])
def test_module_is_as_before(error):
    module = Counter()
    held = dict(history=module.history, by_name=module.by_name, seen=module.seen)
    buffers = dict(module.named_buffers())
    state = {name: value.clone() for name, value in module.state_dict().items()}
    module.norm.eval()
    expected_keys = set(vars(module))

    with pytest.raises(error) if error else nullcontext(), without_trace(module), torch.no_grad():
        module.train()
        module(torch.rand(3, 2))
        assert (module.scale == 2).all()
        assert (module.norm.running_mean != 0).all()
        del module.steps
        if error:
            raise error

    assert module.training
    assert not module.norm.training
    assert set(vars(module)) == expected_keys
    assert (module.steps, module.maybe) == (0, None)
    assert (module.history, module.by_name, module.seen) == (["start"], {"start": 0}, {"start"})
    for name, container in held.items():
        assert getattr(module, name) is container, "others may hold the container itself"
    for name, buffer in module.named_buffers():
        assert buffer is buffers[name]
    torch.testing.assert_close(module.state_dict(), state, rtol=0, atol=0)


def test_body_runs_between_forward_and_backward():
    class Scale(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("scale", torch.full((2,), 3.0))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x * self.scale  # autograd keeps the buffer for the backward pass

    module, x = Scale(), torch.ones(2, requires_grad=True)
    out = module(x)
    with without_trace(module), torch.no_grad():
        module.scale += 1  # on the buffer itself, the backward pass below would raise
    out.sum().backward()

    assert x.grad.tolist() == [3, 3]
