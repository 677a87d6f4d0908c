"""Where a data set's images are loaded from."""

from mmengine.dataset import BaseDataset


def backend_args_of(dataset: BaseDataset) -> dict | None:
    """Where the pipeline loads images from; without a pipeline, where the annotations are."""
    for transform in getattr(dataset.pipeline, "transforms", ()):
        if getattr(transform, "backend_args", None) is not None:
            return transform.backend_args
    return getattr(dataset, "backend_args", None)
