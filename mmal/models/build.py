"""Building the model of a config as a Runner does."""

import copy
import io
import os
from contextlib import redirect_stdout
from pickle import UnpicklingError

from mmengine.config import Config
from mmengine.device import get_device
from mmengine.runner import CheckpointLoader
from torch import Tensor, nn

from mmal.registry import MODELS
from mmal.utils import few, safe_loading


def build_model(cfg: Config) -> nn.Module:
    """Build ``cfg.model``, with the config's top-level data preprocessor if it has none."""
    model = copy.deepcopy(cfg.model)
    if cfg.get("data_preprocessor") is not None:
        # A copy: MMPretrain's classifiers write into it.
        model.setdefault("data_preprocessor", copy.deepcopy(cfg.data_preprocessor))
    return MODELS.build(model)


@safe_loading()
def trained_model(
    cfg: Config, checkpoint: str | os.PathLike, device: str | None = None, module: bool = True
) -> nn.Module:
    """Build ``cfg.model`` with the weights of a checkpoint.

    Args:
        cfg: The config.
        checkpoint: A checkpoint of it.
        device: Such as ``cpu`` or ``cuda:0``; by default what mmengine finds.
        module: Whether the loss prediction module, if the model has one, must be in it.

    Raises:
        ValueError: If the checkpoint does not fit the model, holds more than weights, or is none.
        FileNotFoundError: If there is none.
    """
    model = build_model(cfg)
    weights = _weights(checkpoint)
    expected = {key: value.shape for key, value in model.state_dict().items()}
    missing = [key for key in expected if key not in weights]
    if not module:
        missing = [key for key in missing if not key.startswith("loss_predictor.")]
    wrong = {
        "lacks": missing,
        "has beside": [key for key in weights if key not in expected],
        "has of another shape": [
            f"{key} {tuple(value.shape)} instead of {tuple(expected[key])}"
            for key, value in weights.items()
            if key in expected and value.shape != expected[key]
        ],
    }
    if any(wrong.values()):
        told = "; ".join(f"it {what} {few(keys, 3)}" for what, keys in wrong.items() if keys)
        raise ValueError(f"{checkpoint} does not fit the config's model: {told}.")
    model.load_state_dict(weights, strict=False)
    return model.to(device or get_device())


def _weights(checkpoint: str | os.PathLike) -> dict[str, Tensor]:
    try:
        with redirect_stdout(io.StringIO()):
            content = CheckpointLoader.load_checkpoint(str(checkpoint), map_location="cpu")
    except (FileNotFoundError, UnpicklingError):  # what torch refuses is told by safe_loading
        raise
    except Exception as error:  # of file formats, whatever they are
        raise ValueError(f"{checkpoint} is no checkpoint that PyTorch reads: {error}") from error
    weights = content.get("state_dict", content) if isinstance(content, dict) else None
    if not weights or not all(isinstance(value, Tensor) for value in weights.values()):
        raise ValueError(f"{checkpoint} holds no weights (state_dict).")
    return {key.removeprefix("module."): value for key, value in weights.items()}
