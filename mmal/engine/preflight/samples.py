"""Samples of data sets whose pipelines may fail."""

from typing import Any

from .problems import PreflightError


def load_sample(dataset: Any, index: int) -> Any:
    """Send a sample of a data set through its pipeline.

    Raises:
        PreflightError: If the pipeline fails; the message names the image.
    """
    try:
        return dataset[index]
    except Exception as error:  # whatever a transform stumbles over
        name = f" on sample {index}"
        if hasattr(dataset, "get_data_info"):
            name = f" on {dataset.get_data_info(index).get('img_path', name)}"
        what = f"{type(error).__name__}: {error}"
        raise PreflightError(f"the pipeline fails{name}: {what}") from error
