"""Pipelines, taken from where MM configs hide them."""

import copy
from collections.abc import Iterator

from mmengine.config import Config

from mmal.utils import type_name


def leaf_datasets(dataset: dict) -> Iterator[dict]:
    """Yield the configs of the data sets inside all wrappers of a data set config."""
    if "datasets" in dataset:
        for child in dataset["datasets"]:
            yield from leaf_datasets(child)
    elif "dataset" in dataset:
        yield from leaf_datasets(dataset["dataset"])
    else:
        yield dataset


def dataset_of(cfg: Config, loader: str) -> dict:
    """Return the config of the data set of a loader, such as ``test_dataloader``.

    Raises:
        ValueError: If there is none.
    """
    dataset = (cfg.get(loader) or {}).get("dataset")
    if dataset is None:
        raise ValueError(
            f"The config {cfg.filename or ''} has no {loader}.dataset, which evaluation needs, "
            f"and scoring the pipeline of the test data set. Set {loader}."
        )
    return dataset


def test_pipeline(cfg: Config) -> list[dict]:
    """Return the pipeline of the config's test data set, inside whatever wrappers."""
    return next(leaf_datasets(dataset_of(cfg, "test_dataloader")))["pipeline"]


def labeled_test_dataset(cfg: Config, loader: str = "test_dataloader") -> dict:
    """Return a test data set's config with annotations in the coordinates of the input.

    MMDetection's test pipelines load annotations after resizing, since evaluation happens in the
    original image; the target loss needs boxes that were resized with the image. MMPose's load
    keypoints first, but make no targets of them; how to is in the training pipeline.

    Args:
        cfg: The whole config.
        loader: Whose data set: ``test_dataloader`` or ``val_dataloader``.

    Raises:
        ValueError: If the pipelines are of neither kind.
    """
    dataset = copy.deepcopy(dataset_of(cfg, loader))
    for leaf in leaf_datasets(dataset):
        pose = any(_is(transform, "PackPoseInputs") for transform in leaf["pipeline"])
        labeled = _with_pose_targets if pose else _with_annotations_first
        leaf["pipeline"] = labeled(leaf["pipeline"], cfg)
        if pose:  # people that a detector found have no joints; those of the annotations do
            leaf.pop("bbox_file", None)
    return dataset


def _with_annotations_first(pipeline: list[dict], cfg: Config) -> list[dict]:
    """Load the annotations of a detection pipeline right after the image, as training does."""
    training = cfg.get("train_dataloader") or {}
    training = next(leaf_datasets(training.dataset))["pipeline"] if training else []
    # Test pipelines may load less than the loss needs: boxes, but no masks.
    load = [t for t in (*training, *pipeline) if _is(t, "LoadAnnotations")][:1]
    load = load or [dict(type="LoadAnnotations", with_bbox=True)]
    pipeline = [t for t in pipeline if not _is(t, "LoadAnnotations")]
    images = [i for i, t in enumerate(pipeline) if _is(t, "LoadImage")]
    if not images:
        raise ValueError(f"The test pipeline {pipeline} has no transform that loads the image.")
    return pipeline[: images[0] + 1] + load + pipeline[images[0] + 1 :]


def _with_pose_targets(pipeline: list[dict], cfg: Config) -> list[dict]:
    """Make targets in a pose pipeline as the training pipeline does, before packing."""
    training = next(leaf_datasets(cfg.train_dataloader.dataset))["pipeline"]
    targets = [t for t in training if _is(t, "GenerateTarget")]
    if not targets or not any(_is(t, "TopdownAffine") for t in pipeline):
        raise ValueError(
            "Rounds of bottom-up estimators are not supported: the target loss of test images "
            "needs a test pipeline with TopdownAffine and a training pipeline with GenerateTarget. "
            f"Got {[type_name(t) for t in pipeline]} and {[type_name(t) for t in training]} "
            "instead."
        )
    packing = next(i for i, t in enumerate(pipeline) if _is(t, "PackPoseInputs"))
    return [*pipeline[:packing], *targets, *pipeline[packing:]]


def _is(transform: dict, name: str) -> bool:
    return type_name(transform).startswith(name)
