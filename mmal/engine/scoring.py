"""Scoring a pool with a model."""

import os
import pickle
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from itertools import islice

import numpy as np
import torch
from mmengine.dataset import pseudo_collate
from mmengine.dist import all_gather_object, get_dist_info
from mmengine.logging import print_log
from mmengine.model import is_model_wrapper
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, Subset

from mmal.datasets import PoolDataset
from mmal.models.scores import score_function
from mmal.structures import PoolScores, UnreadableImage
from mmal.utils import tracked, wait_for_all

from .score_shards import MemoryShards, Shard, ShardFolder, scoring_key, shard_size
from .unreadable import PoolImages, SkipUnreadable, refuse_many


def score_pool(
    model: nn.Module,
    dataset: PoolDataset,
    batch_size: int = 1,
    num_workers: int = 0,
    ids: Sequence[str] | None = None,
    group_score: str = "mean",
    names: Sequence[str] = ("pred_loss",),
    pretrained: nn.Module | None = None,
    unreadable: float = 0.0,
    folder: str | os.PathLike | None = None,
    settings: Mapping[str, object] | None = None,
) -> PoolScores:
    """Score unlabelled samples in one pass, with no more of the model than the scores need.

    The samples are cut into shards of whole batches, the same for any number of processes, which
    take them in turn. All processes return the whole, but for columns of vectors, which are large:
    the main process alone has these.

    With a folder, which all processes must see, each shard goes to the disk once it is scored.
    Scoring that was interrupted goes on with those that are missing, if model, samples and settings
    are the same. Columns of vectors are memory-mapped files then. Whoever calls removes the folder
    (:func:`~mmal.engine.score_shards.remove_shards`) once the picks are safe.

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
        unreadable: The share of the samples that may be left out, since their images cannot be
            read.
        folder: Where shards go; by default all is kept in memory.
        settings: With a folder, what scores depend on beside weights, samples and the arguments
            above: what the config says of model and pipeline.

    Returns:
        Scores with the columns ``names``, in the order of the data set, and what was skipped.

    Raises:
        TypeError: If the model cannot give a score, as a plain one no ``pred_loss``.
        ValueError: If there is no score of a name, or ``pretrained`` is missing.
        KeyError: If ``ids`` names samples that the data set does not have.
        UnreadableImagesError: If too many images cannot be read.
        StorageError: If the disk takes no more.
    """
    model = bare(model)
    score = score_function(model, names, pretrained)
    samples = _Samples(dataset, ids)
    store: MemoryShards | ShardFolder = MemoryShards()
    if folder is not None:
        rows = [samples.ids[owner] for owner in samples.owners.tolist()]
        key = scoring_key([model, pretrained], rows, names, batch_size, settings or {})
        store = ShardFolder(folder, key, PoolImages(dataset).unreadable)
    size = shard_size(len(samples.indices), batch_size)
    count = -(-len(samples.indices) // size)
    missing = store.missing(count)
    if len(missing) < count:
        done = f"{count - len(missing)} of {count} parts of the pool are scored already"
        print_log(f"{done}: {folder}", logger="current")
    rank, world_size = get_dist_info()
    mine = {n: samples.indices[n * size : (n + 1) * size] for n in missing[rank::world_size]}
    skipped: list[UnreadableImage] = []
    with _told_to_all(), evaluation_mode(model):
        for number, shard in _scored(model, score, dataset, mine, batch_size, num_workers):
            store.write(number, shard)
            skipped += shard.skipped
            refuse_many(skipped, len(samples.ids), unreadable)
    shards = store.collect(count)
    skipped = [image for shard in shards for image in shard.skipped]
    refuse_many(skipped, len(samples.ids), unreadable)
    return _joined(store, shards, samples, names, group_score)


class _Samples:
    """What is to be scored, and where in the data set it is.

    Attributes:
        ids: The N ids.
        paths: The N image files.
        indices: The M places in the data set, those of a sample (people of one image) together.
        owners: Which of the N each is of, shape (M,).
    """

    def __init__(self, dataset: PoolDataset, ids: Sequence[str] | None) -> None:
        wanted = None if ids is None else set(ids)
        numbers: dict[str, int] = {}
        owners, indices = [], []
        self.paths: list[str] = []
        for index in range(len(dataset)):
            sample_id, path = dataset.sample_name(index)
            if wanted is not None and sample_id not in wanted:
                continue
            owners.append(numbers.setdefault(sample_id, len(numbers)))
            indices.append(index)
            if len(numbers) > len(self.paths):
                self.paths.append(path)
        if wanted is not None and (unknown := wanted - numbers.keys()):
            raise KeyError(f"The data set has no samples of the ids {sorted(unknown)[:5]}.")
        self.ids = list(numbers)
        order = np.argsort(np.array(owners, np.int64), kind="stable")
        self.owners = np.array(owners, np.int64)[order]
        self.indices = np.array(indices, np.int64)[order]


def _scored(
    model: nn.Module,
    score: Callable[[dict], dict[str, Tensor]],
    dataset: PoolDataset,
    shards: Mapping[int, np.ndarray],
    batch_size: int,
    num_workers: int,
) -> Iterator[tuple[int, Shard]]:
    """Score shards, given as places in the data set by number, one after the other."""
    places = [index for part in shards.values() for index in part.tolist()]
    # All but the last shard of all are whole batches: none has samples of two.
    loader = _loader(SkipUnreadable(dataset), places, batch_size, num_workers, _readable)
    with closing(tracked(loader, "scoring")) as loaded:
        for number, part in shards.items():
            shard = Shard()
            found: dict[str, list[np.ndarray]] = {}
            for data, skipped in islice(loaded, -(-len(part) // batch_size)):
                shard.skipped += skipped
                if data is None:
                    continue
                data = model.data_preprocessor(data, False)
                for name, values in score(data).items():
                    found.setdefault(name, []).append(values.float().cpu().numpy())
                shard.ids += [sample.sample_id for sample in data["data_samples"]]
            shard.columns = {name: np.concatenate(values) for name, values in found.items()}
            yield number, shard


def _readable(items: list) -> tuple[dict | None, list[UnreadableImage]]:
    """Collate the samples of a batch that could be loaded; return the others beside them."""
    skipped = [item for item in items if isinstance(item, UnreadableImage)]
    loaded = [item for item in items if not isinstance(item, UnreadableImage)]
    return (pseudo_collate(loaded) if loaded else None), skipped


@contextmanager
def _told_to_all() -> Iterator[None]:
    """Let an error in one process reach those that wait for it at the end of the body."""
    failed = None
    try:
        yield
    except Exception as error:  # whatever a data set or a model stumbles over
        failed = error
    wait_for_all()
    told = [error for error in all_gather_object(_picklable(failed)) if error is not None]
    if told:
        raise failed or told[0]


def _picklable(error: Exception | None) -> Exception | None:
    """Return an error as other processes can raise it, too."""
    try:
        return pickle.loads(pickle.dumps(error))
    except Exception:  # whatever the constructors of others ask for
        return RuntimeError(f"{type(error).__name__}: {error}")


def _joined(
    store: MemoryShards | ShardFolder,
    shards: Sequence[Shard],
    samples: _Samples,
    names: Sequence[str],
    group_score: str,
) -> PoolScores:
    """Make columns of shards, a row a sample."""
    skipped = {image.id: image for shard in shards for image in shard.skipped}
    kept = [place for place, name in enumerate(samples.ids) if name not in skipped]
    filled = [shard for shard in shards if shard.ids]
    columns = {}
    for name in names:
        if not all(name in shard.columns for shard in filled):
            continue  # vectors, of which the main process has all
        is_vector = filled[0].columns[name].ndim > 1
        combine = np.mean if is_vector or group_score == "mean" else np.max
        parts = ((shard.ids, shard.columns.pop(name)) for shard in filled)
        columns[name] = store.join(name, _by_sample(parts, skipped, combine), len(kept))
    return PoolScores(
        [samples.ids[place] for place in kept],
        [samples.paths[place] for place in kept],
        columns,
        list(skipped.values()),
    )


def _by_sample(
    parts: Iterable[tuple[list[str], np.ndarray]],
    skipped: Mapping[str, UnreadableImage],
    combine: Callable[..., np.ndarray],
) -> Iterator[np.ndarray]:
    """Combine rows of one sample (people of an image), which follow each other.

    Args:
        parts: Ids and rows of shards, in order; a sample may go on in the next one.
        skipped: Samples of which no row counts.
        combine: Makes one row of several, along the first axis.

    Yields:
        Rows, one a sample.
    """
    open_ids: list[str] = []
    open_rows: list[np.ndarray] = []
    for ids, rows in parts:
        if skipped:
            good = [i for i, name in enumerate(ids) if name not in skipped]
            ids, rows = [ids[i] for i in good], rows[good]
        ids, rows = [*open_ids, *ids], np.concatenate([*open_rows, rows])
        starts = [i for i in range(len(ids)) if i == 0 or ids[i] != ids[i - 1]]
        end = starts[-1] if starts else 0
        yield _combined(rows[:end], starts[:-1], combine)
        open_ids, open_rows = ids[end:], [rows[end:]]
    yield _combined(open_rows[0], [0] if open_ids else [], combine)


def _combined(
    rows: np.ndarray, starts: Sequence[int], combine: Callable[..., np.ndarray]
) -> np.ndarray:
    if len(starts) == len(rows):
        return rows
    ends = [*starts[1:], len(rows)]
    return np.stack([combine(rows[a:b], axis=0) for a, b in zip(starts, ends, strict=True)])


def batches(
    dataset: Dataset,
    indices: Sequence[int],
    batch_size: int,
    num_workers: int,
    description: str = "scoring",
) -> Iterator[dict]:
    """Yield this process's share of the samples in batches, behind a progress bar."""
    rank, world_size = get_dist_info()
    share = list(indices)[rank::world_size]
    loader = _loader(dataset, share, batch_size, num_workers, pseudo_collate)
    yield from tracked(loader, description)


def _loader(
    dataset: Dataset, indices: list[int], batch_size: int, num_workers: int, collate: Callable
) -> DataLoader:
    return DataLoader(
        Subset(dataset, indices),
        batch_size=batch_size,
        num_workers=num_workers,
        collate_fn=collate,
    )


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
