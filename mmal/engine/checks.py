"""Checks of a model that cost little and spare much."""

from mmengine.dataset import pseudo_collate
from torch import nn

from mmal.datasets import PoolDataset
from mmal.utils import preserved_random_state

from .scoring import evaluation_mode


def check_batch_size(batch_size: int) -> None:
    """Refuse batches that have no pair.

    Raises:
        ValueError: If the batch size is below 2.
    """
    if batch_size < 2:
        raise ValueError(
            "The ranking loss compares the two samples of a pair, so train_dataloader.batch_size "
            f"must be at least 2 (a process). Got {batch_size} instead."
        )


def check_features(model: nn.Module, dataset: PoolDataset) -> None:
    """Send one image through the model, so that wrong ``in_channels`` are found at once.

    Raises:
        ValueError: If the features do not fit the loss prediction module.
    """
    with preserved_random_state(), evaluation_mode(model):
        data = model.data_preprocessor(pseudo_collate([dataset[0]]), False)
        model.predict_loss(data["inputs"])
