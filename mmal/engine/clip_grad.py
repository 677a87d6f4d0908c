"""Gradient clipping of a target model beside its loss prediction module."""

import logging
from collections.abc import Callable
from typing import Any

from mmengine.logging import print_log
from mmengine.optim import OptimWrapper, OptimWrapperDict
from torch import Tensor, nn


def clip_separately(optim_wrapper: OptimWrapper | OptimWrapperDict, module: nn.Module) -> None:
    """Let an optimizer wrapper clip the gradients of ``module`` apart from all others.

    Clipping by the norm of all gradients together would let those of the loss prediction module
    shorten the target model's step, also where the features are detached.

    Args:
        optim_wrapper: The wrapper, or several; one without ``clip_grad`` is left alone.
        module: The loss prediction module.
    """
    if isinstance(optim_wrapper, OptimWrapperDict):
        for wrapper in optim_wrapper.values():
            clip_separately(wrapper, module)
        return
    if not getattr(optim_wrapper, "clip_grad_kwargs", None):
        return
    clip: Callable = optim_wrapper.clip_func
    own = {id(parameter) for parameter in module.parameters()}
    optimized = {id(p) for group in optim_wrapper.param_groups for p in group["params"]}
    if not own & optimized:  # FSDP flattens parameters into new ones
        print_log(
            "The optimizer does not hold the loss prediction module's own parameters: its "
            "gradient is clipped together with the target model's.",
            logger="current",
            level=logging.WARNING,
        )

    def clip_func(parameters: list[nn.Parameter], **kwargs: Any) -> Tensor | None:
        clip([p for p in parameters if id(p) in own], **kwargs)
        return clip([p for p in parameters if id(p) not in own], **kwargs)

    optim_wrapper.clip_func = clip_func
