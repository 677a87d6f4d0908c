"""Gradient clipping of a target model beside its loss prediction module."""

from collections.abc import Callable
from typing import Any

from mmengine.optim import OptimWrapper
from torch import Tensor, nn


def clip_separately(optim_wrapper: OptimWrapper, module: nn.Module) -> None:
    """Let an optimizer wrapper clip the gradients of ``module`` apart from all others.

    Clipping by the norm of all gradients together would let those of the loss prediction module
    shorten the target model's step, also where the features are detached.

    Args:
        optim_wrapper: The wrapper; without ``clip_grad`` it is left alone.
        module: The loss prediction module.
    """
    if not getattr(optim_wrapper, "clip_grad_kwargs", None):
        return
    clip: Callable = optim_wrapper.clip_func
    own = {id(parameter) for parameter in module.parameters()}

    def clip_func(parameters: list[nn.Parameter], **kwargs: Any) -> Tensor | None:
        clip([p for p in parameters if id(p) in own], **kwargs)
        return clip([p for p in parameters if id(p) not in own], **kwargs)

    optim_wrapper.clip_func = clip_func
