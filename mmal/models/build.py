"""Building the model of a config as a Runner does."""

import copy
import os

from mmengine.config import Config
from mmengine.device import get_device
from mmengine.runner import load_checkpoint
from torch import nn

from mmal.registry import MODELS
from mmal.utils import safe_loading


def build_model(cfg: Config) -> nn.Module:
    """Build ``cfg.model``, with the config's top-level data preprocessor if it has none."""
    model = copy.deepcopy(cfg.model)
    if cfg.get("data_preprocessor") is not None:
        # A copy: MMPretrain's classifiers write into it.
        model.setdefault("data_preprocessor", copy.deepcopy(cfg.data_preprocessor))
    return MODELS.build(model)


@safe_loading()
def trained_model(
    cfg: Config, checkpoint: str | os.PathLike, device: str | None = None
) -> nn.Module:
    """Build ``cfg.model`` with the weights of a checkpoint.

    Args:
        cfg: The config.
        checkpoint: A checkpoint of it, loss prediction module included if it has one.
        device: Such as ``cpu`` or ``cuda:0``; by default what mmengine finds.

    Raises:
        ValueError: If the checkpoint does not fit the model, or holds more than weights.
        FileNotFoundError: If there is none.
    """
    model = build_model(cfg)
    try:
        load_checkpoint(model, str(checkpoint), map_location="cpu", strict=True)
    except RuntimeError as error:
        reason = str(error).strip().splitlines()
        raise ValueError(
            f"{checkpoint} does not fit the config's model: {' '.join(reason[:2])}"
        ) from error
    return model.to(device or get_device())
