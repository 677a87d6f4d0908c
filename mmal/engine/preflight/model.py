"""Checks of a model that cost little and spare much."""

from collections.abc import Sequence
from typing import Any

from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.device import get_device
from mmengine.dist import get_world_size, is_distributed
from mmengine.registry import DATASETS
from torch import nn

from mmal.datasets import PoolDataset
from mmal.models import LearningLossMixin
from mmal.models.scores import score_function
from mmal.structures import UnreadableImage
from mmal.tasks import task_of
from mmal.utils import preserved_random_state, type_name

from ..data_config import DataConfig, leaf_datasets
from ..scoring import evaluation_mode
from ..unreadable import SkipUnreadable
from .evaluator import evaluators_of
from .problems import PreflightError
from .samples import load_sample


def check_batch_size(model: LearningLossMixin, batch_size: int) -> None:
    """Refuse batches that have no pair.

    Args:
        model: The model; its ranking loss may pair the images of several processes.
        batch_size: Images a process.

    Raises:
        PreflightError: If fewer than 2 images are paired.
    """
    across_gpus = getattr(model.ranking_loss, "across_gpus", False)
    processes = get_world_size() if across_gpus else 1
    if batch_size * processes < 2:
        raise PreflightError(
            "The ranking loss compares the two samples of a pair, so train_dataloader.batch_size "
            f"must be at least 2 (a process). Got {batch_size} instead. With several processes, "
            "ranking_loss=dict(type=…, across_gpus=True) pairs the images of all of them."
        )


def check_sync_batchnorm(model: nn.Module) -> None:
    """Refuse normalisation over several processes that only GPUs have.

    In a single process mmengine takes the usual one in its place.

    Raises:
        PreflightError: If the model has it, and processes share CPUs.
    """
    found = [name for name, m in model.named_modules() if isinstance(m, nn.SyncBatchNorm)]
    if found and is_distributed() and get_device() == "cpu":
        raise PreflightError(
            f"The model has {len(found)} SyncBatchNorm layers, such as {found[0]}, which need "
            f"GPUs, but {get_world_size()} processes run on CPUs. Use norm_cfg=dict(type='BN') and "
            "no sync_bn, or a single process."
        )


def check_scores(
    model: nn.Module,
    dataset: PoolDataset,
    names: Sequence[str],
    pretrained: nn.Module | None = None,
) -> None:
    """Score one image, so that what the model cannot give is found at once.

    Args:
        model: The model.
        dataset: The unlabelled split of a pool, with the test pipeline.
        names: Which scores; with a LearningLoss model the predicted loss is tried in any case.
        pretrained: For features of the pretrained backbone, that backbone.

    Raises:
        ValueError: If the features do not fit the loss prediction module, there is no score of
            a name, or ``pretrained`` is missing.
        TypeError: If the model cannot give a score.
    """
    if isinstance(model, LearningLossMixin):
        names = list(dict.fromkeys(["pred_loss", *names]))
    score = score_function(model, names, pretrained)
    if not names:
        return
    with preserved_random_state(), evaluation_mode(model):
        score(model.data_preprocessor(pseudo_collate([_readable_sample(dataset)]), False))


def _readable_sample(dataset: PoolDataset) -> Any:
    """Load the first sample of a pool whose image can be read.

    Raises:
        PreflightError: If there is none, or the pipeline fails for other reasons.
    """
    sample = None
    for index in range(len(dataset)):
        sample = load_sample(SkipUnreadable(dataset), index)
        if not isinstance(sample, UnreadableImage):
            return sample
    raise PreflightError(f"No image of the pool can be read: {sample}.")


def check_labels(model: nn.Module, cfg: Config) -> None:
    """Refuse a model for other labels than the training data has.

    Args:
        model: The model.
        cfg: The whole config.

    Raises:
        ValueError: If they do not fit; the message has both.
    """
    metrics = [type_name(metric) for metric in evaluators_of(cfg, "test")]
    for leaf in leaf_datasets(DataConfig(cfg).dataset("train")):
        dataset = DATASETS.build({**leaf, "lazy_init": True})
        task_of(dataset).check_model(model, dataset, metrics)
