"""Vectors that describe an image: whose features, and how levels are scaled."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from .learning_loss import levels
from .necks.loss_prediction_neck import pooled

_UNIT = "_unit"
#: Where features may be from, and the score that they are.
SOURCES = dict(
    target="features",
    backbone="backbone_features",
    pretrained="pretrained_features",
    objects="object_features",
)
#: All scores that are features: as they are, and with every level scaled to unit length.
FEATURES = tuple(name + scaling for name in SOURCES.values() for scaling in ("", _UNIT))


def feature_column(source: str, unit_levels: bool) -> str:
    """Return the name of the score: one of :data:`FEATURES`, of a source in :data:`SOURCES`."""
    return SOURCES[source] + _UNIT * unit_levels


def sources_of(names: Iterable[str]) -> set[str]:
    """Return those of :data:`SOURCES` that the scores ``names`` are of; others are of none."""
    by_column = {column: source for source, column in SOURCES.items()}
    return {by_column[name.removesuffix(_UNIT)] for name in names if name in FEATURES}


def read_of_trained(names: Iterable[str]) -> list[str]:
    """Return those of the scores ``names`` that mean nothing before a model was trained.

    Images have features from the first on, if the backbone is pretrained. Whatever is predicted,
    losses and objects included, is noise.
    """
    return [n for n in names if n not in FEATURES or sources_of([n]) == {"objects"}]


def feature_vectors(feats: object, name: str) -> Tensor:
    """Average features over the positions and concatenate the levels.

    Args:
        feats: Features of the source of ``name``: a tensor, or nested lists and tuples of such,
            each of shape (N, C, H, W), (N, L, C) or (N, C).
        name: The score, of :data:`FEATURES`. It says whether each level is scaled to length 1, an
            image at a time; levels of length 0 stay.

    Returns:
        Vectors of shape (N, D), float32, D the channels of all levels together.
    """
    vectors = [pooled(feat) for feat in levels(feats)]
    if name.endswith(_UNIT):
        vectors = [normalize(vector, dim=1) for vector in vectors]
    return torch.cat(vectors, dim=1)


def check_backbone(model: nn.Module) -> None:
    """Check that ``model`` keeps a backbone where MM models do.

    Raises:
        TypeError: If it has none.
    """
    if not isinstance(getattr(model, "backbone", None), nn.Module):
        raise TypeError(
            f"{type(model).__name__} has no module called backbone, of which the features of the "
            "sources 'backbone' and 'pretrained' are. Leave the source out: features of the target "
            "are what its extract_feat returns."
        )
