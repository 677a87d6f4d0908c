"""What the model predicts in the samples that a report shows."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from mmal.datasets import PoolDataset
from mmal.structures import ImageLabels, ObjectLabel, PoolScores
from mmal.tasks import Task, is_topdown
from mmal.utils import atomic_path, preserved_random_state, single_process
from mmal.visualization.report import MOST_OTHERS, MOST_PICKS

from ..scoring import bare, batches, evaluation_mode

#: In a round's folder: predictions of picks and candidates by id, of test images by path.
POOL_FILE, TEST_FILE = "predictions.json", "predictions_test.json"


def predict_samples(
    model: nn.Module,
    dataset: Any,
    names: Sequence[str],
    task: Task,
    batch_size: int = 1,
    num_workers: int = 0,
) -> dict[str, list[ImageLabels]]:
    """Predict in some samples, by this process alone, leaving no trace in a training.

    Args:
        model: A model, bare or wrapped for distribution.
        dataset: A data set with the test pipeline.
        names: Of a :class:`PoolDataset` ids, of others image files, or, of images in memory, their
            places.
        task: The data set's task.
        batch_size: Images a forward pass.
        num_workers: Data loader workers.

    Returns:
        What is predicted by name; several entries where samples share it, as people an image.
    """
    wanted = dict.fromkeys(names)
    by_place = [(i, name) for i in range(len(dataset)) if (name := _name(dataset, i)) in wanted]
    model = bare(model)
    found: dict[str, list[ImageLabels]] = {name: [] for name in wanted}
    with single_process(), preserved_random_state(), evaluation_mode(model):
        indices = [i for i, _ in by_place]
        loader = batches(dataset, indices, batch_size, num_workers, "predicting")
        results = [sample for data in loader for sample in model.test_step(data)]
    for (_, name), sample in zip(by_place, results, strict=True):
        found[name].append(task.predicted(sample, _metainfo(dataset)))
    return {name: labels for name, labels in found.items() if labels}


def leave_pool_predictions(
    model: nn.Module,
    dataset: PoolDataset,
    picks: Sequence[str],
    scores: PoolScores | None,
    out_dir: str | os.PathLike,
    batch_size: int = 1,
    num_workers: int = 0,
) -> None:
    """Predict in the picks, and in the candidates of least predicted loss; write the file of it.

    Only so many as a report shows. To be called by the main process alone.

    Args:
        model: The round's model.
        dataset: Unlabelled samples with the test pipeline, picks and candidates among them.
        picks: Ids of the picks, best first.
        scores: Scores of the candidates; None if nothing was scored.
        out_dir: The round's folder.
        batch_size: Images a forward pass.
        num_workers: Data loader workers.
    """
    names = [*picks[:MOST_PICKS], *(scores.ids[i] for i in easiest(scores))]
    found = predict_samples(model, dataset, names, dataset.task, batch_size, num_workers)
    zoom = is_topdown(dataset.leaves[0]) and dataset.group_by == "sample"
    write_predictions(Path(out_dir, POOL_FILE), found, _skeleton(dataset), zoom)


def leave_test_predictions(
    model: nn.Module,
    dataset: Any,
    task: Task,
    losses: Mapping[str, Sequence],
    out_dir: str | os.PathLike,
    batch_size: int = 1,
    num_workers: int = 0,
) -> None:
    """Predict in the test images whose loss was predicted worst; write the file of it.

    To be called by the main process alone.

    Args:
        model: The round's model.
        dataset: The test data set.
        task: Its task.
        losses: ``img_path``, ``pred_loss`` and ``target_loss`` of its samples.
        out_dir: The round's folder.
        batch_size: Images a forward pass.
        num_workers: Data loader workers.
    """
    pred, target = (np.asarray(losses[name], float) for name in ("pred_loss", "target_loss"))
    names = [losses["img_path"][i] for i, *_ in most_wrong(pred, target)]
    found = predict_samples(model, dataset, names, task, batch_size, num_workers)
    write_predictions(Path(out_dir, TEST_FILE), found, _skeleton(dataset))


def easiest(scores: PoolScores | None, most: int = MOST_OTHERS) -> list[int]:
    """Return the places of the candidates of least predicted loss, the least first."""
    if scores is None or "pred_loss" not in scores.fields:
        return []
    return np.argsort(scores.fields["pred_loss"], kind="stable")[:most].tolist()


def most_wrong(
    pred: np.ndarray, target: np.ndarray, most: int = MOST_OTHERS
) -> list[tuple[int, int, int]]:
    """Find the samples whose predicted loss ranks farthest from the true one.

    Args:
        pred: Predicted losses of shape (N,).
        target: Target losses of shape (N,).
        most: How many, at the most.

    Returns:
        Place, rank of the predicted loss and rank of the true one, 1 for the largest, of each. What
        is not finite, or ranks as it should, is left out.
    """
    kept = np.flatnonzero(np.isfinite(pred) & np.isfinite(target))
    ranks = []
    for values in (pred[kept], target[kept]):
        rank = np.empty(len(kept), dtype=int)
        rank[np.argsort(-values, kind="stable")] = np.arange(1, len(kept) + 1)
        ranks.append(rank)
    error = np.abs(ranks[0] - ranks[1])
    order = np.argsort(-error, kind="stable")[:most]
    return [(int(kept[i]), int(ranks[0][i]), int(ranks[1][i])) for i in order if error[i]]


def write_predictions(
    path: str | os.PathLike,
    samples: Mapping[str, Sequence[ImageLabels]],
    skeleton: Sequence[tuple[int, int]] = (),
    zoom: bool = False,
) -> None:
    """Write predictions by name as JSON, atomically.

    Args:
        path: The file.
        samples: What is predicted.
        skeleton: Pairs of joints that a line is drawn between.
        zoom: Whether a sample is a person, not an image.
    """
    content = dict(
        skeleton=[list(link) for link in skeleton],
        zoom=zoom,
        samples={name: [_compact(labels) for labels in found] for name, found in samples.items()},
    )
    with atomic_path(path) as tmp:
        tmp.write_text(json.dumps(content) + "\n", encoding="utf-8")


def read_predictions(
    path: str | os.PathLike,
) -> tuple[dict[str, tuple[ImageLabels, ...]], tuple[tuple[int, int], ...], bool]:
    """Read what :func:`write_predictions` wrote: samples, links of the skeleton, ``zoom``."""
    content = json.loads(Path(path).read_text(encoding="utf-8"))
    samples = {
        name: tuple(_labels(entry) for entry in found) for name, found in content["samples"].items()
    }
    return samples, tuple((a, b) for a, b in content["skeleton"]), bool(content["zoom"])


def _compact(labels: ImageLabels) -> dict:
    found = dict(name=labels.name, image_class=labels.image_class, score=labels.score)
    found["objects"] = [
        dict(
            name=thing.name,
            score=None if thing.score is None else round(thing.score, 4),
            box=thing.box and [round(float(v), 1) for v in thing.box],
            keypoints=[[round(x, 1), round(y, 1), v] for x, y, v in thing.keypoints],
        )
        for thing in labels.objects
    ]
    return found


def _labels(entry: dict) -> ImageLabels:
    objects = tuple(
        ObjectLabel(
            thing["name"],
            thing["box"] and tuple(thing["box"]),
            tuple(tuple(joint) for joint in thing["keypoints"]),
            score=thing["score"],
        )
        for thing in entry["objects"]
    )
    return ImageLabels(
        entry["name"], objects=objects, image_class=entry["image_class"], score=entry["score"]
    )


def _skeleton(dataset: Any) -> list[tuple[int, int]]:
    return [(int(a), int(b)) for a, b in _metainfo(dataset).get("skeleton_links") or ()]


def _metainfo(dataset: Any) -> dict:
    metainfo = dataset.metainfo
    return metainfo[0] if isinstance(metainfo, (list, tuple)) else metainfo


def _name(dataset: Any, index: int) -> str:
    if isinstance(dataset, PoolDataset):
        return dataset.sample_name(index)[0]
    info = dataset.get_data_info(index)
    return info.get("img_path") or str(index)
