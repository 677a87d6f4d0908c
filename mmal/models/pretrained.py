"""The target's backbone as its pretrained weights made it."""

from collections.abc import Iterable

import torch
from mmengine.config import Config
from mmengine.runner import load_checkpoint
from torch import nn

from mmal.utils import preserved_random_state, quiet, safe_loading, type_name

from .build import build_model
from .cached_backbone import CachedBackbone
from .features import check_backbone, sources_of


def pretrained_backbone(cfg: Config, names: Iterable[str]) -> nn.Module | None:
    """Build the backbone that :func:`mmal.models.scores.score_function` reads some scores of.

    It has the weights that a training begins with: those of ``init_cfg``, then of ``load_from``.
    Where these leave something out, it is drawn by a seed of its own, so that it is the same in
    all rounds of all runs. No random state is moved.

    Args:
        cfg: A config with a model, plain or of learning loss.
        names: The scores.

    Returns:
        The backbone, in evaluation mode and frozen; None if no score is of the pretrained one.

    Raises:
        TypeError: If the model has no backbone.
        ValueError: If no weights are given for it.
    """
    if "pretrained" not in sources_of(names):
        return None
    model = pretrained_model(cfg)
    inits = [getattr(m, "init_cfg", None) for m in (model, *model.backbone.modules())]
    cached = isinstance(model.backbone, CachedBackbone)  # its features are of the weights
    if not cached and not cfg.get("load_from") and not any(map(has_weights, inits)):
        raise ValueError(
            "Features of the source 'pretrained' are those of a backbone with pretrained "
            f"weights, but the config names none for the {type(model.backbone).__name__}: "
            "neither its init_cfg nor that of the model is of type 'Pretrained', and there is "
            "no load_from. Name weights, or use features of another source."
        )
    return model.backbone


@safe_loading()
def pretrained_model(cfg: Config) -> nn.Module:
    """Build the model as its training begins, by a seed of its own; no random state is moved.

    Args:
        cfg: A config with a model, plain or of learning loss.

    Returns:
        The model, in evaluation mode and frozen.

    Raises:
        TypeError: If it has no backbone.
    """
    with preserved_random_state(), quiet():
        torch.manual_seed(0)
        model = build_model(cfg)
        check_backbone(model)
        model.init_weights()
        if cfg.get("load_from"):
            load_checkpoint(model, cfg.load_from, map_location="cpu", logger="current")
    model.eval()  # returns None where MMDetection's backbones override train
    return model.requires_grad_(False)


def is_pretrained_init(init_cfg: object) -> bool:
    """Whether an ``init_cfg`` loads a checkpoint."""
    named = isinstance(init_cfg, dict) and "checkpoint" in init_cfg and "type" in init_cfg
    return named and type_name(init_cfg).startswith("Pretrained")


def has_weights(init_cfg: object) -> bool:
    """Whether an ``init_cfg``, one or several, loads a checkpoint."""
    several = isinstance(init_cfg, list | tuple)
    return any(map(is_pretrained_init, init_cfg if several else [init_cfg]))
