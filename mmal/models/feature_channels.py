"""How many channels the features of a model have, found without running it on data."""

import copy
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from mmal.utils import preserved_random_state, single_process, without_trace

from .necks.loss_prediction_neck import pooled

#: Height and width of the images that are tried, in this order: SSD has no last level on small
#: ones, and some transformers take their own size alone.
_SIZES = ((512, 512), (224, 224), (32, 32))


class UnknownChannelsError(ValueError):
    """The model could not be run on any image that was tried."""


@torch.no_grad()
def feature_channels(model: nn.Module, shapes_alone: bool = False) -> list[int]:
    """Return the channels of each level that feeds a model's loss prediction module.

    A copy of the model without weights, on torch's ``meta`` device, computes shapes and nothing
    else. Operators that know no such device (deformable convolutions) let it fail; the model itself
    then runs once on an image of zeros. Weights, buffers and random state stay what they are.

    Args:
        model: A model with ``recorded_features`` and ``extract_feat``, built and not yet trained.
        shapes_alone: Whether to leave it at the copy without weights.

    Raises:
        UnknownChannelsError: If neither works for an image of any size that is tried.
    """
    reason = "it has parameters that take their shape from the first batch"
    if not any(is_lazy(parameter) for parameter in model.parameters()):
        runs = [_on_meta] if shapes_alone else [_on_meta, _on_zeros]
        reasons = []
        with preserved_random_state(), single_process():
            for run in runs:
                for shape in _input_shapes(model):
                    try:
                        return run(model, shape)
                    except Exception as error:  # whatever models of others raise on such an image
                        reasons.append((run, f"{type(error).__name__}: {error}"))
        # The first image is the likeliest; what meta does not know says nothing of the model.
        reason = next(text for run, text in reasons if run is runs[-1])
    raise UnknownChannelsError(
        f"The channels of the features of {type(model).__name__} cannot be found by itself: "
        f"{reason}\nGive them as loss_predictor.in_channels, a list with a number a level, or "
        "choose other features with feat_modules."
    )


def _input_shapes(model: nn.Module) -> Iterator[tuple[int, ...]]:
    """Yield shapes of one sample that the model may take, the likeliest first."""
    backbone = getattr(model, "backbone", None)
    own_shape = getattr(backbone, "input_shape", None)  # CachedBackbone's are no images
    if own_shape is not None:
        yield own_shape
        return
    # MM preprocessors hold a mean a channel; images without one are in colour.
    mean = getattr(getattr(model, "data_preprocessor", None), "mean", None)
    channels = len(mean) if mean is not None else 3
    own_size = getattr(backbone, "img_size", None)
    if isinstance(own_size, list | tuple) and len(own_size) == 2:
        yield (channels, *own_size)
    for size in _SIZES:
        yield (channels, *size)


def _on_meta(model: nn.Module, shape: tuple[int, ...]) -> list[int]:
    # What the copy is to share is named to deepcopy by memo: no weight is copied.
    tensors = (*model.parameters(), *model.buffers())
    shapes = {id(tensor): _without_data(tensor) for tensor in tensors}
    weightless = copy.deepcopy(model, shapes)
    weightless.eval()
    return _channels(weightless, torch.zeros(1, *shape, device="meta"))


def _without_data(tensor: Tensor) -> Tensor:
    empty = tensor.detach().to("meta")
    return nn.Parameter(empty, requires_grad=False) if isinstance(tensor, nn.Parameter) else empty


def _on_zeros(model: nn.Module, shape: tuple[int, ...]) -> list[int]:
    device = next((parameter.device for parameter in model.parameters()), None)
    with without_trace(model):
        model.eval()
        return _channels(model, torch.zeros(1, *shape, device=device))


def _channels(model: nn.Module, inputs: Tensor) -> list[int]:
    with model.recorded_features() as feats:
        model.extract_feat(inputs)
    return [pooled(level).shape[1] for level in feats.levels]
