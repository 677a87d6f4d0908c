"""Looking at the data that a config names, before it is trained on."""

import copy
import os
from dataclasses import replace

from mmengine.config import Config
from mmengine.registry import DATASETS, init_default_scope

from mmal.datasets.audit import AuditReport, ImageCache, audit_datasets
from mmal.engine import DataConfig
from mmal.engine.preflight import audit_settings, unlabeled_sets, unscored_sets
from mmal.utils import type_name
from mmal.visualization import plot_samples


def audit_config(
    cfg: Config, max_images: int | None = None, cache: ImageCache | None = None
) -> AuditReport:
    """Audit the data sets of a config.

    Args:
        cfg: The whole config.
        max_images: Decode so many images of a set, in place of what the config says.
        cache: Remembers images between runs; by default nothing is remembered.

    Returns:
        The report; see :meth:`mmal.datasets.audit.AuditReport.raise_errors`.

    Raises:
        ValueError: If the config has no training or test data set, or settings of the audit that
            cannot be.
    """
    settings = audit_settings(cfg)
    if max_images is not None:
        settings = replace(settings, max_images=max_images)
    init_default_scope(cfg.get("default_scope", "mmdet"))
    sets = DataConfig(cfg).leaves()
    return audit_datasets(sets, settings, cache, unscored_sets(cfg), unlabeled_sets(cfg))


def plot_training_samples(cfg: Config, path: str | os.PathLike, number: int = 12) -> list[str]:
    """Draw samples of the training set as its pipeline makes them; see :func:`plot_samples`.

    Args:
        cfg: The whole config.
        path: The image file; its ending says which format.
        number: How many samples.

    Returns:
        A line for each sample that the pipeline fails on.

    Raises:
        ValueError: If there is no training set, it cannot be built, or has no samples.
    """
    init_default_scope(cfg.get("default_scope", "mmdet"))
    try:
        config = _with_packed_joints(copy.deepcopy(DataConfig(cfg).all_labeled()))
        dataset = DATASETS.build(config)
        dataset.full_init()
    except Exception as error:  # whatever a data set class stumbles over
        says = f"{type(error).__name__}: {error}"
        raise ValueError(f"The training set cannot be built: {says}") from error
    return plot_samples(dataset, path, number)


def _with_packed_joints(node: object) -> object:
    """Let all pose pipelines, in whatever wrapper, pack where joints are in the input."""
    if isinstance(node, dict):
        if "type" in node and type_name(node).endswith("PackPoseInputs"):
            node["pack_transformed"] = True
        for child in node.values():
            _with_packed_joints(child)
    elif isinstance(node, (list, tuple)):
        for child in node:
            _with_packed_joints(child)
    return node
