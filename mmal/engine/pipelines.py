"""For callers that are going to use DataConfig."""

from mmengine.config import Config

from .data_config import DataConfig, leaf_datasets

__all__ = ["dataset_of", "labeled_test_dataset", "leaf_datasets", "test_pipeline"]


def dataset_of(cfg: Config, loader: str) -> dict:
    return DataConfig(cfg).dataset(loader.removesuffix("_dataloader"))


def test_pipeline(cfg: Config) -> list[dict]:
    return DataConfig(cfg).test_pipeline


def labeled_test_dataset(cfg: Config, loader: str = "test_dataloader") -> dict:
    return DataConfig(cfg).labeled_dataset(loader.removesuffix("_dataloader"))
