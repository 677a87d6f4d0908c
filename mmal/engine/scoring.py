"""Scoring a pool with a LearningLoss model."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from mmengine.dataset import pseudo_collate
from mmengine.dist import all_gather_object, get_dist_info
from mmengine.model import is_model_wrapper
from rich.progress import track
from torch import nn
from torch.utils.data import DataLoader, Dataset, Subset

from mmal.datasets import PoolDataset
from mmal.models import LearningLossMixin
from mmal.structures import PoolScores


def score_pool(
    model: nn.Module,
    dataset: PoolDataset,
    batch_size: int = 1,
    num_workers: int = 0,
    ids: Sequence[str] | None = None,
    group_score: str = "mean",
) -> PoolScores:
    """Predict the target loss of unlabelled samples: backbone, neck and loss prediction only.

    Under several processes each scores its share, and all return the whole; the number of samples
    need not divide by theirs.

    Args:
        model: A LearningLoss model, bare or wrapped for distribution. It scores in evaluation
            mode and gets its modes back.
        dataset: The unlabelled split of a pool, with the test pipeline.
        batch_size: Images a forward pass. Detectors pad the images of a batch to one size, which
            changes their features, so scores are those of the model's own evaluation only with
            the batch size of that evaluation.
        num_workers: Data loader workers.
        ids: Which samples to score; by default all of the split.
        group_score: ``mean`` or ``max``: the score of an image whose people are scored one by one,
            if the pool is one of images (``group_by='image'``).

    Returns:
        Scores with the column ``pred_loss``, in the order of the data set.

    Raises:
        TypeError: If the model has no loss prediction module.
        KeyError: If ``ids`` names samples that the data set does not have.
    """
    model = bare(model)
    if not isinstance(model, LearningLossMixin):
        raise TypeError(
            f"{type(model).__name__} has no loss prediction module. Wrap its config: "
            "model = dict(type='mmal.LearningLoss', target=<the model's config>, …)."
        )
    paths: dict[str, str] = {}
    places: dict[str, list[int]] = {}
    for i in range(len(dataset)):
        info = dataset.get_data_info(i)
        paths[info["sample_id"]] = info["img_path"]
        places.setdefault(info["sample_id"], []).append(i)
    wanted = set(paths if ids is None else ids)
    if unknown := wanted - paths.keys():
        raise KeyError(f"The data set has no samples of the ids {sorted(unknown)[:5]}.")
    chosen = [sample_id for sample_id in paths if sample_id in wanted]
    found: list[tuple[str, float]] = []
    with evaluation_mode(model):
        indices = [i for sample_id in chosen for i in places[sample_id]]
        for data in batches(dataset, indices, batch_size, num_workers):
            data = model.data_preprocessor(data, False)
            pred_loss = model.predict_loss(data["inputs"]).float().cpu().tolist()
            names = [sample.sample_id for sample in data["data_samples"]]
            found.extend(zip(names, pred_loss, strict=True))
    scores: dict[str, list[float]] = {}
    for part in all_gather_object(found):
        for sample_id, score in part:
            scores.setdefault(sample_id, []).append(score)
    combine = dict(mean=np.mean, max=np.max)[group_score]
    pred_loss = np.array([combine(scores[sample_id]) for sample_id in chosen], dtype=np.float32)
    return PoolScores(chosen, [paths[sample_id] for sample_id in chosen], dict(pred_loss=pred_loss))


def batches(
    dataset: Dataset,
    indices: Sequence[int],
    batch_size: int,
    num_workers: int,
    description: str = "scoring",
) -> Iterator[dict]:
    """Yield this process's share of the samples in batches, behind a progress bar."""
    rank, world_size = get_dist_info()
    share = Subset(dataset, list(indices)[rank::world_size])
    loader = DataLoader(
        share, batch_size=batch_size, num_workers=num_workers, collate_fn=pseudo_collate
    )
    yield from track(loader, description, transient=True, disable=rank != 0)


def bare(model: nn.Module) -> nn.Module:
    """Return the model inside a distributed wrapper."""
    return model.module if is_model_wrapper(model) else model


@contextmanager
def evaluation_mode(model: nn.Module) -> Iterator[None]:
    """Evaluate without gradient; give every submodule its training flag back afterwards."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module, mode in modes:
            module.training = mode
