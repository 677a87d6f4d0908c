"""Checking the loss prediction module on labelled images."""

from typing import NamedTuple

import numpy as np
from mmengine.dataset import BaseDataset
from mmengine.dist import all_gather_object
from torch import nn

from mmal.utils import preserved_random_state

from .scoring import bare, batches, evaluation_mode


class MeasuredLosses(NamedTuple):
    """Losses of N labelled samples.

    Attributes:
        pred: Predicted losses, shape (N,).
        target: Target losses, shape (N,).
        img_paths: The image files, as the data set names them; of images in memory their places.
    """

    pred: np.ndarray
    target: np.ndarray
    img_paths: list[str]


def measure_losses(
    model: nn.Module, dataset: BaseDataset, batch_size: int = 1, num_workers: int = 0
) -> MeasuredLosses:
    """Predicted and true target losses of a labelled data set that was not trained on.

    A training that goes on afterwards does so as if nothing had been measured.

    Args:
        model: A LearningLoss model.
        dataset: A data set whose annotations are in the coordinates of the input, see
            :meth:`mmal.engine.DataConfig.labeled_dataset`.
        batch_size: Images a forward pass.
        num_workers: Data loader workers.

    Returns:
        Predicted and target losses, in no particular order.
    """
    model = bare(model)
    found: list[tuple[float, float, str]] = []
    with evaluation_mode(model), preserved_random_state():
        loader = batches(dataset, range(len(dataset)), batch_size, num_workers, "ranking")
        for data in loader:
            data = model.data_preprocessor(data, False)
            pred, target = model.measure_losses(data["inputs"], data["data_samples"])
            metas = [sample.metainfo for sample in data["data_samples"]]
            # Images in memory have no path, but a place in the data set.
            paths = [meta.get("img_path") or str(meta.get("sample_idx", "")) for meta in metas]
            found.extend(zip(pred.tolist(), target.tolist(), paths, strict=True))
    rows = [row for part in all_gather_object(found) for row in part]
    pred, target, paths = zip(*rows, strict=True)
    return MeasuredLosses(np.array(pred), np.array(target), list(paths))
