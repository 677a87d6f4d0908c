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


def test_dataset(cfg: Config) -> dict:
    """Return the config of the test data set.

    Raises:
        ValueError: If there is none.
    """
    dataset = (cfg.get("test_dataloader") or {}).get("dataset")
    if dataset is None:
        raise ValueError(
            f"The config {cfg.filename or ''} has no test_dataloader.dataset: evaluation needs it, "
            "and scoring uses its pipeline. Set test_dataloader."
        )
    return dataset


def test_pipeline(cfg: Config) -> list[dict]:
    """Return the pipeline of the config's test data set, inside whatever wrappers."""
    return next(leaf_datasets(test_dataset(cfg)))["pipeline"]


def labeled_test_dataset(cfg: Config) -> dict:
    """Return the test data set's config with annotations in the coordinates of the input.

    MM test pipelines load annotations after resizing, since evaluation happens in the original
    image. The target loss needs boxes that were resized with the image.
    """
    dataset = copy.deepcopy(test_dataset(cfg))
    for leaf in leaf_datasets(dataset):
        pipeline = [t for t in leaf["pipeline"] if not _is(t, "LoadAnnotations")]
        load = [t for t in leaf["pipeline"] if _is(t, "LoadAnnotations")]
        images = [i for i, t in enumerate(pipeline) if _is(t, "LoadImage")]
        if not images:
            raise ValueError(f"The test pipeline {pipeline} has no transform that loads the image.")
        image = images[0]
        load = load or [dict(type="LoadAnnotations", with_bbox=True)]
        leaf["pipeline"] = pipeline[: image + 1] + load + pipeline[image + 1 :]
    return dataset


def _is(transform: dict, name: str) -> bool:
    return type_name(transform).startswith(name)
