"""Building the model of a config as a Runner does."""

import copy

from mmengine.config import Config
from torch import nn

from mmal.registry import MODELS


def build_model(cfg: Config) -> nn.Module:
    """Build ``cfg.model``, with the config's top-level data preprocessor if it has none."""
    model = copy.deepcopy(cfg.model)
    if cfg.get("data_preprocessor") is not None:
        # A copy: MMPretrain's classifiers write into it.
        model.setdefault("data_preprocessor", copy.deepcopy(cfg.data_preprocessor))
    return MODELS.build(model)
