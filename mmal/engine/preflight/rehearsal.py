"""A training and an evaluation, tried out on one batch each."""

import copy
import logging
import tempfile
from collections.abc import Sequence
from typing import Any

import torch
from mmengine.dataset import pseudo_collate
from mmengine.evaluator import Evaluator
from mmengine.hooks import CheckpointHook
from mmengine.logging import print_log
from mmengine.optim import AmpOptimWrapper
from mmengine.registry import DATASETS, HOOKS
from mmengine.runner import BaseLoop, EpochBasedTrainLoop, Runner, autocast
from torch import nn
from torch.utils.data import DataLoader

from mmal.models import LearningLossMixin
from mmal.utils import preserved_random_state, single_process, type_name, without_trace

from ..data_config import DataConfig
from ..scoring import bare, evaluation_mode
from .evaluator import evaluators_of, explained_errors
from .problems import PreflightError, Problems
from .samples import load_sample


def rehearse_training(runner: Runner, problems: Problems, trains: bool = True) -> None:
    """Try what a training loop does before its first step.

    Data set and preprocessor are copies: transforms may keep what they have seen (CachedMosaic),
    and the training must not notice that anything was tried.

    Args:
        runner: A runner whose training loop is built.
        trains: Whether the runner is going to train; of one that is thrown away the data set
            itself is tried, since large ones take minutes to be built.
        problems: Gets what would go wrong: no steps, a pipeline that fails, a head for another
            number of classes.
    """
    loader = runner.train_dataloader
    with problems.collect("train_dataloader"):
        check_steps(runner)
    with problems.collect("train_dataloader.dataset.pipeline"), preserved_random_state():
        preprocessor = copy.deepcopy(bare(runner.model).data_preprocessor)
        dataset = _fresh_dataset(runner, "train") if trains else loader.dataset
        preprocessor(first_batch(loader, dataset), True)
    children = {name for name, _ in bare(runner.model).named_children()}
    if children & {"bbox_head", "mask_head", "roi_head"}:  # a model of MMDetection
        with problems.collect("model"):
            HOOKS.build(dict(type="mmdet.NumClassCheckHook")).before_train_epoch(runner)


def _fresh_dataset(runner: Runner, stage: str) -> Any:
    """Build the data set of a stage once more; without a config the loader's own has to do."""
    loader = runner.cfg.get(f"{stage}_dataloader")
    if loader is None:
        return getattr(runner, f"{stage}_dataloader").dataset
    dataset = DATASETS.build(copy.deepcopy(loader["dataset"]))
    if hasattr(dataset, "full_init"):
        dataset.full_init()
    return dataset


def check_steps(runner: Runner) -> None:
    """Refuse a training without a step.

    Raises:
        PreflightError: If no process, or this one, would see a batch.
    """
    loader = runner.train_dataloader
    sampler = getattr(loader.batch_sampler, "sampler", loader.sampler)
    endless = "Infinite" in type(sampler).__name__
    if endless and isinstance(runner.train_loop, EpochBasedTrainLoop):
        raise PreflightError(
            f"train_dataloader.sampler is {type(sampler).__name__}, which never ends, but "
            "the training loop counts epochs: the first would not end either. Use DefaultSampler, "
            "or an IterBasedTrainLoop."
        )
    if runner.train_loop.max_iters < 1 and len(loader) > 0:
        raise PreflightError(
            f"train_cfg asks for {runner.train_loop.max_epochs} epochs, which is no step. Set "
            "max_epochs (or max_iters) to at least 1."
        )
    # An infinite sampler goes on until the batch is full.
    if endless or len(loader) > 1:
        return
    if len(loader) == 1:  # AspectRatioBatchSampler promises one that may never be full
        with preserved_random_state():
            if list(loader.batch_sampler):
                return
    size = loader.batch_sampler.batch_size
    raise PreflightError(
        f"train_dataloader gives no batch: {len(loader.dataset)} samples, of which this process "
        f"sees {len(sampler)}, do not fill one of batch size {size}, and drop_last leaves "
        "out the rest. A training would end without a step. Lower batch_size, set drop_last=False, "
        "or begin with more labels (active_learning.initial)."
    )


def first_batch(loader: DataLoader, dataset: Any) -> Any:
    """Send as many samples of a data set as a loader's batch has through the pipeline.

    Raises:
        PreflightError: If the pipeline fails; the message names the image.
    """
    count = min(loader.batch_sampler.batch_size, len(dataset))
    collate = loader.collate_fn or pseudo_collate
    return collate([load_sample(dataset, i) for i in range(count)])


def rehearse_evaluation(
    runner: Runner, stage: str, wanted: Sequence[str], problems: Problems, short: bool = False
) -> None:
    """Evaluate one batch, untrained as the model is.

    Args:
        runner: A runner with a loop for the stage.
        stage: ``test`` or ``val``.
        wanted: Metrics that the evaluator has to give.
        problems: Gets what goes wrong, and the names that the evaluator does not give.
        short: Whether names may come without the metric's prefix.
    """
    loop = None
    with problems.collect(f"{stage}_dataloader or {stage}_evaluator"):
        loop = runner.test_loop if stage == "test" else runner.val_loop
        if not len(loop.dataloader.dataset):
            raise PreflightError(f"{stage}_dataloader.dataset is empty: nothing to evaluate.")
        if loop.dataloader.drop_last or getattr(loop.dataloader.batch_sampler, "drop_last", False):
            raise PreflightError(
                f"{stage}_dataloader.drop_last leaves out the images of the last batch. Remove it: "
                "a metric is of all images."
            )
    outputs = batch = None
    model = bare(runner.model)
    if loop is not None:
        with problems.collect(f"{stage}_dataloader.dataset.pipeline"), preserved_random_state():
            batch = first_batch(loop.dataloader, _fresh_dataset(runner, stage))
    if batch is not None:
        with problems.collect("model"), preserved_random_state(), evaluation_mode(model):
            outputs = model.test_step(batch)
    if outputs is None:
        return
    evaluator = getattr(loop, "evaluator", None)
    if type(evaluator) is not Evaluator:
        # Others, MultiDatasetsEvaluator, split by data sets what one batch does not have.
        print_log(
            f"{stage}_evaluator is a {type(evaluator).__name__}, which is not tried out before "
            "the training: an error in it shows at the first evaluation.",
            logger="current",
            level=logging.WARNING,
        )
        return
    with problems.collect(f"{stage}_evaluator"), preserved_random_state():
        with explained_errors(stage):
            metrics = _evaluate(runner, stage, loop, outputs, batch)
        if short:
            metrics |= {name.rpartition("/")[2]: value for name, value in metrics.items()}
        check_metric_names(metrics, wanted, stage)


def _evaluate(runner: Runner, stage: str, loop: BaseLoop, outputs: list, batch: Any) -> dict:
    """Evaluate by an evaluator of its own: metrics keep what they find in their first batch."""
    configs = copy.deepcopy(evaluators_of(runner.cfg, stage))
    with tempfile.TemporaryDirectory() as folder, single_process():
        for metric in configs:
            if metric.get("outfile_prefix") is not None:
                metric["outfile_prefix"] = f"{folder}/results"
        # Those write files, or compare what was not measured.
        skipped = ("Dump", "RankingAccuracy")
        configs = [metric for metric in configs if not type_name(metric).startswith(skipped)]
        if not configs:
            return {}
        evaluator = runner.build_evaluator(configs)
        evaluator.dataset_meta = loop.evaluator.dataset_meta
        evaluator.process(data_samples=outputs, data_batch=batch)
        # Each process by itself: were one to fail, the others would wait for it.
        return evaluator.evaluate(len(outputs))


def check_metric_names(metrics: dict, wanted: Sequence[str], stage: str) -> None:
    """Refuse names of metrics that an evaluator does not give.

    Args:
        metrics: What it gives; nothing where nothing was detected, which tells nothing.
        wanted: Names, whole.
        stage: ``test`` or ``val``.

    Raises:
        PreflightError: If there is no metric of a name.
    """
    for name in wanted:
        if metrics and name not in metrics:
            raise PreflightError(
                f"{stage}_evaluator has no metric called {name!r} (active_learning.metric, or "
                f"save_best of the checkpoint hook). It gives {list(metrics)}."
            )


def rehearse_hooks(runner: Runner, problems: Problems) -> None:
    """Let the hooks of other packages in ``custom_hooks`` begin, as a training lets them.

    They may keep what they begin with: the runner must be one that is thrown away. The default
    hooks, which write logs, and those of mmal are left out.

    Args:
        runner: A runner whose training loop and optimizer are built.
        problems: Gets what goes wrong, such as an EMAHook of an average that does not exist.
    """
    names = {type_name(hook) for hook in runner.cfg.get("custom_hooks") or []}
    for hook in runner.hooks:
        name = type(hook).__name__
        if name not in names or type(hook).__module__.startswith("mmal."):
            continue
        with problems.collect(f"custom_hooks, {name}"), preserved_random_state():
            hook.before_run(runner)
            hook.before_train(runner)


def rehearse_losses(runner: Runner, problems: Problems) -> None:
    """Measure predicted and target loss of one test image, as every round does.

    Args:
        runner: A runner with a LearningLoss model.
        problems: Gets what goes wrong.
    """
    model = bare(runner.model)
    if not isinstance(model, LearningLossMixin):
        return
    with problems.collect("test_dataloader.dataset.pipeline (target losses)"):
        dataset = DATASETS.build(DataConfig(runner.cfg).labeled_dataset())
        with preserved_random_state(), evaluation_mode(model):
            batch = pseudo_collate([load_sample(dataset, 0)])
            data = model.data_preprocessor(batch, False)
            model.measure_losses(data["inputs"], data["data_samples"])


def rehearse_precision(runner: Runner, problems: Problems) -> None:
    """Compute the losses of two training samples in the precision of a mixed precision training.

    Not all heads and operators know it: accuracies of MMPose's heads go through NumPy, which has no
    bfloat16; mmcv's operators are made for single and half precision.

    Args:
        runner: A runner whose training loop and optimizer wrapper are built.
        problems: Gets what goes wrong.
    """
    wrapper = runner.optim_wrapper
    if not isinstance(wrapper, AmpOptimWrapper):
        return
    model, dataset = bare(runner.model), runner.train_dataloader.dataset
    with problems.collect(), preserved_random_state(), evaluation_mode(model):
        batch = pseudo_collate([load_sample(dataset, i) for i in range(min(2, len(dataset)))])
        data = copy.deepcopy(model.data_preprocessor)(batch, True)
        try:
            with autocast(dtype=wrapper.cast_dtype):
                _compute_losses(model, data["inputs"], data["data_samples"])
        except torch.cuda.OutOfMemoryError:
            raise
        except Exception as error:
            raise PreflightError(_not_in(wrapper.cast_dtype, error)) from error


def _compute_losses(model: nn.Module, inputs: Any, data_samples: list) -> None:
    if isinstance(model, LearningLossMixin):
        model.measure_losses(inputs, data_samples)
        return
    with without_trace(model), single_process():
        for module in model.modules():
            module.training = module is model or hasattr(module, "loss")
        model.loss(inputs, data_samples)


def _not_in(dtype: torch.dtype | None, error: Exception) -> str:
    reason = (str(error).strip() or repr(error)).splitlines()[0]
    others = "" if dtype in (None, torch.float16) else "dtype='float16', or "
    text = (
        f"optim_wrapper is an AmpOptimWrapper with dtype={dtype}, in which the losses cannot be "
        f"computed: {type(error).__name__}: {reason}. Use {others}OptimWrapper."
    )
    if "ScalarType" in reason:  # what torch says of numbers that NumPy does not have
        text += (
            " If it is the accuracy of one of MMPose's heatmap heads, train_cfg=dict(compute_acc="
            "False) in the (target) model leaves it out."
        )
    return text


def saved_best(runner: Runner) -> list[str]:
    """The metrics that the runner's checkpoint hooks look at to find the best checkpoint."""
    hooks = [hook for hook in runner.hooks if isinstance(hook, CheckpointHook)]
    return [name for hook in hooks for name in hook.save_best or () if name != "auto"]
