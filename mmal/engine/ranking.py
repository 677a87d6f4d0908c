"""Checking the loss prediction module on labelled images."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from mmengine.dataset import BaseDataset
from mmengine.dist import all_gather_object
from torch import nn

from mmal.models.scores import score_function, yardsticks_of
from mmal.utils import preserved_random_state

from .scoring import bare, batches, evaluation_mode


class MeasuredLosses(NamedTuple):
    """Losses of N labelled samples.

    Attributes:
        pred: Predicted losses, shape (N,).
        target: Target losses, shape (N,).
        img_paths: The image files, as the data set names them; of images in memory their places.
        yardsticks: What a predicted loss should rank better than, each of shape (N,): scores of
            :data:`mmal.models.scores.YARDSTICKS`; none of models whose heads do not give them.
        dead_units: The share of the module's units that are 0 on all samples.
    """

    pred: np.ndarray
    target: np.ndarray
    img_paths: list[str]
    yardsticks: dict[str, np.ndarray]
    dead_units: float


def measure_losses(
    model: nn.Module, dataset: BaseDataset, batch_size: int = 1, num_workers: int = 0
) -> MeasuredLosses:
    """Predicted and true target losses of a labelled data set that was not trained on.

    In a second pass over each batch the model's own uncertainties and how many boxes it predicts,
    as a yardstick.

    A training that goes on afterwards does so as if nothing had been measured.

    Args:
        model: A LearningLoss model.
        dataset: A data set whose annotations are in the coordinates of the input, see
            :meth:`mmal.engine.DataConfig.labeled_dataset`.
        batch_size: Images a forward pass.
        num_workers: Data loader workers.

    Returns:
        Predicted and target losses, and yardsticks, in no particular order.
    """
    model = bare(model)
    found: list[tuple] = []
    names = yardsticks_of(model)
    measure = batch_measure(model)
    alive: np.ndarray | None = None
    with evaluation_mode(model), preserved_random_state():
        loader = batches(dataset, range(len(dataset)), batch_size, num_workers, "ranking")
        for data in loader:
            rows, units = measure(data)
            alive = units if alive is None else alive | units
            found.extend(rows)
    parts = all_gather_object((found, alive))
    rows = [row for part, _ in parts for row in part]
    # A process with no share of the samples has seen no unit.
    dead_units = 1 - np.mean(np.any([a for _, a in parts if a is not None], axis=0))
    pred, target, paths, *scores = zip(*rows, strict=True)
    yardsticks = {name: np.array(values) for name, values in zip(names, scores, strict=True)}
    return MeasuredLosses(
        np.array(pred), np.array(target), list(paths), yardsticks, float(dead_units)
    )


def batch_measure(model: nn.Module) -> Callable[[dict], tuple[list[tuple], np.ndarray]]:
    """Return what measures a collated batch, in evaluation mode and without gradient.

    Args:
        model: A LearningLoss model, bare.

    Returns:
        A function that returns a row a sample (predicted loss, target loss, image file, yardsticks
        in the order of their names), and which units of the module are not 0 on all of them.
    """
    score = score_function(model, ("embedding", *yardsticks_of(model)))

    def measure(data: dict) -> tuple[list[tuple], np.ndarray]:
        data = model.data_preprocessor(data, False)
        pred, target = model.measure_losses(data["inputs"], data["data_samples"])
        metas = [sample.metainfo for sample in data["data_samples"]]
        # Images in memory have no path, but a place in the data set.
        paths = [meta.get("img_path") or str(meta.get("sample_idx", "")) for meta in metas]
        scores = score(data)
        units = (scores.pop("embedding") != 0).any(dim=0).cpu().numpy()
        columns = [values.tolist() for values in scores.values()]
        return list(zip(pred.tolist(), target.tolist(), paths, *columns, strict=True)), units

    return measure
