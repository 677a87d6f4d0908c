"""Why samples were picked, by the vectors that the query read."""

import json
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from sklearn.decomposition import PCA
from torch import Tensor

from mmal.structures import PoolScores
from mmal.utils import atomic_path

#: In a round's folder.
EXPLANATION_FILE = "explanation.json"
#: Candidates that are counted as to which pick stands for them, at the most.
_COUNTED = 20_000
#: Candidates and labelled samples that the map shows, at the most.
_SHOWN, _SHOWN_LABELED = 2000, 500
#: Vectors whose distances to others are in memory at a time.
_CHUNK = 1024
#: Columns that are no place of a sample, but a factor of one.
_FACTORS = ("logit_gradient",)


def leave_explanation(
    scores: PoolScores,
    labeled: PoolScores | None,
    picks: Sequence[str],
    out_dir: str | os.PathLike,
) -> None:
    """Write what :func:`explain_picks` says into a round's folder, if it says something."""
    found = explain_picks(scores, labeled, picks)
    if found is None:
        return
    with atomic_path(Path(out_dir, EXPLANATION_FILE)) as tmp:
        tmp.write_text(json.dumps(found) + "\n", encoding="utf-8")


def explain_picks(
    scores: PoolScores, labeled: PoolScores | None, picks: Sequence[str]
) -> dict | None:
    """Say what picks are near to, and where they lie among the candidates.

    Args:
        scores: Scores of the candidates, picks among them.
        labeled: Scores of the labelled samples, if the query read them.
        picks: Ids of the picks, best first.

    Returns:
        None if the scores have no vectors, else what can be written as JSON: ``column``, the
        vectors that distances are of; ``candidates``, their number; ``picks``, a dict a pick with
        ``id``, ``stands_for`` (candidates nearer to it than to any other pick or labelled sample,
        itself not counted) and, where labelled samples are known, ``nearest`` (``id``,
        ``img_path`` and ``distance``, of which 1 is the median pick's); and ``map``, the first two
        principal components of candidates, labelled samples and picks, with ``explained``, their
        shares of the variance.
    """
    column = next((k for k, v in scores.fields.items() if v.ndim == 2 and k not in _FACTORS), None)
    if column is None or not picks:
        return None
    rows = {sample_id: i for i, sample_id in enumerate(scores.ids)}
    chosen = np.array([rows[i] for i in picks])
    others = np.setdiff1d(np.arange(len(scores)), chosen)
    vectors = scores.fields[column]
    known = None if labeled is None else labeled.fields[column]
    mean = vectors.mean(axis=0, dtype=np.float64).astype(np.float32)
    of_picks = torch.from_numpy(vectors[chosen] - mean).float()
    of_known = torch.zeros((0, vectors.shape[1]))
    if known is not None:
        of_known = torch.from_numpy(known - mean).float()
    counted = _spread(others, _COUNTED)
    stands_for = _stands_for(vectors, mean, counted, of_picks, of_known)
    share = len(others) / max(len(counted), 1)
    found = [
        dict(id=sample_id, stands_for=round(count * share))
        for sample_id, count in zip(picks, stands_for, strict=True)
    ]
    if len(of_known):
        places, distances = _nearest(of_picks, of_known)
        unit = float(np.median(distances)) or 1.0
        for entry, place, distance in zip(found, places, distances, strict=True):
            entry["nearest"] = dict(
                id=labeled.ids[place],
                img_path=labeled.img_paths[place],
                distance=round(float(distance) / unit, 3),
            )
    return dict(
        column=column,
        candidates=len(scores),
        picks=found,
        map=_map(vectors, known, chosen, others),
    )


def _stands_for(
    vectors: np.ndarray, mean: np.ndarray, rows: np.ndarray, picks: Tensor, known: Tensor
) -> np.ndarray:
    """Count for each pick the candidates that are nearest to it; shape (picks,)."""
    centers = torch.cat([picks, known])
    counts = np.zeros(len(centers), dtype=np.int64)
    for begin in range(0, len(rows), _CHUNK):
        part = torch.from_numpy(vectors[rows[begin : begin + _CHUNK]] - mean).float()
        nearest, _ = _nearest(part, centers)
        counts += np.bincount(nearest, minlength=len(centers))
    return counts[: len(picks)]


def _nearest(vectors: Tensor, centers: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Return the nearest of the centers to each vector, and how far it is."""
    closeness = vectors @ centers.T - centers.square().sum(dim=1) / 2
    places = closeness.argmax(dim=1)
    distances = torch.linalg.vector_norm(vectors - centers[places], dim=1)
    return places.numpy(), distances.numpy()


def _map(
    vectors: np.ndarray, known: np.ndarray | None, chosen: np.ndarray, others: np.ndarray
) -> dict:
    shown = vectors[_spread(others, _SHOWN)]
    of_known = (
        vectors[:0] if known is None else known[_spread(np.arange(len(known)), _SHOWN_LABELED)]
    )
    together = np.concatenate([shown, of_known, vectors[chosen]]).astype(np.float64)
    dimensions = min(2, *together.shape)
    pca = PCA(dimensions, svd_solver="randomized", random_state=0)
    if np.ptp(together, axis=0).any():
        places, explained = pca.fit_transform(together), pca.explained_variance_ratio_
    else:  # all the same
        places, explained = together[:, :dimensions] * 0, np.zeros(dimensions)
    places = np.pad(places, ((0, 0), (0, 2 - dimensions)))
    scale = np.abs(places).max() or 1.0
    rounded = np.round(places / scale, 4).tolist()
    ends = len(shown), len(shown) + len(of_known)
    return dict(
        explained=np.round(np.pad(explained, (0, 2 - dimensions)), 4).tolist(),
        candidates=rounded[: ends[0]],
        labeled=rounded[ends[0] : ends[1]],
        picks=rounded[ends[1] :],
    )


def _spread(values: np.ndarray, most: int) -> np.ndarray:
    """Take at most so many values, evenly spread."""
    if len(values) <= most:
        return values
    return values[np.linspace(0, len(values) - 1, most).round().astype(int)]
