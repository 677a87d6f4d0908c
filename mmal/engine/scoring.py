"""Scoring a pool with a model."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from mmengine.dataset import pseudo_collate
from mmengine.dist import all_gather_object, get_dist_info, is_main_process
from mmengine.model import is_model_wrapper
from rich.progress import track
from torch import nn
from torch.utils.data import DataLoader, Dataset, Subset

from mmal.datasets import PoolDataset
from mmal.models.scores import score_function
from mmal.structures import PoolScores
from mmal.utils import gather_on_main, shows_progress, wait_for_all


def score_pool(
    model: nn.Module,
    dataset: PoolDataset,
    batch_size: int = 1,
    num_workers: int = 0,
    ids: Sequence[str] | None = None,
    group_score: str = "mean",
    names: Sequence[str] = ("pred_loss",),
    pretrained: nn.Module | None = None,
) -> PoolScores:
    """Score unlabelled samples in one pass, with no more of the model than the scores need.

    Under several processes each scores its share, and all return the whole, but for columns of
    vectors, which are large: the main process alone has these. The number of samples need not
    divide by theirs.

    Args:
        model: A model, bare or wrapped for distribution. It scores in evaluation mode and gets its
            modes back.
        dataset: The unlabelled split of a pool, with the test pipeline.
        batch_size: Images a forward pass. Detectors pad the images of a batch to one size, which
            changes their features, so scores are those of the model's own evaluation only with
            the batch size of that evaluation.
        num_workers: Data loader workers.
        ids: Which samples to score; by default all of the split.
        group_score: ``mean`` or ``max``: the score of an image whose people are scored one by one,
            if the pool is one of images (``group_by='image'``). Vectors are always averaged.
        names: Which scores; see :func:`mmal.models.scores.score_function`.
        pretrained: For features of the pretrained backbone, that backbone; see there.

    Returns:
        Scores with the columns ``names``, in the order of the data set.

    Raises:
        TypeError: If the model cannot give a score, as a plain one no ``pred_loss``.
        ValueError: If there is no score of a name, or ``pretrained`` is missing.
        KeyError: If ``ids`` names samples that the data set does not have.
    """
    model = bare(model)
    score = score_function(model, names, pretrained)
    paths: dict[str, str] = {}
    places: dict[str, list[int]] = {}
    for i in range(len(dataset)):
        sample_id, path = dataset.sample_name(i)
        paths[sample_id] = path
        places.setdefault(sample_id, []).append(i)
    wanted = set(paths if ids is None else ids)
    if unknown := wanted - paths.keys():
        raise KeyError(f"The data set has no samples of the ids {sorted(unknown)[:5]}.")
    chosen = [sample_id for sample_id in paths if sample_id in wanted]
    scored_ids: list[str] = []
    parts: dict[str, list[np.ndarray]] = {name: [] for name in names}
    with evaluation_mode(model):
        indices = [i for sample_id in chosen for i in places[sample_id]]
        for data in batches(dataset, indices, batch_size, num_workers):
            data = model.data_preprocessor(data, False)
            for name, values in score(data).items():
                parts[name].append(values.float().cpu().numpy())
            scored_ids += [sample.sample_id for sample in data["data_samples"]]
    wait_for_all()
    vectors = {name for name, found in parts.items() if found and found[0].ndim > 1}
    # A process without a share has seen no vector, and has to know which columns are.
    vectors = set().union(*all_gather_object(vectors))
    numbers = {name: found for name, found in parts.items() if name not in vectors}
    gathered = all_gather_object((scored_ids, numbers))
    large = gather_on_main({name: parts.pop(name) for name in vectors})
    if not is_main_process():
        vectors = set()
    rows: dict[str, list[int]] = {}
    for row, sample_id in enumerate(i for scored, _ in gathered for i in scored):
        rows.setdefault(sample_id, []).append(row)
    columns = {}
    for name in names:
        if name in numbers:
            found = [part for _, share in gathered for part in share[name]]
        elif name in vectors:
            found = [part for share in large for part in share.pop(name)]
        else:
            continue
        values = np.concatenate(found)
        del found
        combine = np.mean if values.ndim > 1 or group_score == "mean" else np.max
        columns[name] = np.stack([combine(values[rows[i]], axis=0) for i in chosen])
    return PoolScores(chosen, [paths[sample_id] for sample_id in chosen], columns)


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
    yield from track(loader, description, transient=True, disable=not shows_progress())


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
