"""Scoring images with a trained model."""

import os

from mmengine.config import Config
from mmengine.registry import init_default_scope

from mmal.datasets.audit import AuditSettings, ImageCache, audit_datasets
from mmal.engine import DataConfig, score_pool
from mmal.engine.data_config import leaf_datasets
from mmal.engine.preflight import audit_settings, tell
from mmal.models import trained_model
from mmal.structures import PoolScores


def score_images(
    cfg: Config,
    checkpoint: str | os.PathLike,
    images: str | os.PathLike | None = None,
    pool: str | os.PathLike | None = None,
    device: str | None = None,
) -> PoolScores:
    """Predict the target loss of images with the model of a config and a checkpoint.

    Args:
        cfg: The config; its model is a LearningLoss model.
        checkpoint: A checkpoint of it, loss prediction module included.
        images: A folder of images; by default the config's training data.
        pool: A pool file of the training data: only what is unlabelled there is scored.
        device: Such as ``cpu`` or ``cuda:0``; by default what mmengine finds.

    Returns:
        Scores with the column ``pred_loss``, and the images that were left out as they cannot be
        read, up to the share ``active_learning.unreadable``.

    Raises:
        DatasetError: If more images are missing or do not decode.
        ValueError: If the checkpoint does not fit the model.
        FileNotFoundError: If a file or folder is missing.
    """
    init_default_scope(cfg.get("default_scope", "mmdet"))
    data = DataConfig(cfg)
    folder = dict(type="mmal.ImageFolder", data_root=str(images))
    source = data.pool if images is None else folder
    settings = audit_settings(cfg)
    _audit(source, settings)
    dataset = data.unlabeled_split(str(pool) if pool else None, source)
    model = trained_model(cfg, checkpoint, device)
    return score_pool(
        model,
        dataset,
        group_score=data.group_score,
        unreadable=settings.unreadable,
        **data.loading(),
    )


def _audit(source: dict, settings: AuditSettings) -> None:
    """Check what is going to be scored, before the model is built.

    Raises:
        DatasetError: If something in it is an error.
    """
    leaves = list(leaf_datasets(source))
    report = audit_datasets({"pool": leaves}, settings, ImageCache(), unlabeled=["pool"])
    report.raise_errors()
    tell(report)
