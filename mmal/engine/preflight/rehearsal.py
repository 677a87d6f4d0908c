"""A training and an evaluation, tried out on one batch each."""

from collections.abc import Sequence
from typing import Any

from mmengine.dataset import pseudo_collate
from mmengine.evaluator import Evaluator
from mmengine.registry import DATASETS, HOOKS
from mmengine.runner import BaseLoop, IterBasedTrainLoop, Runner
from torch.utils.data import DataLoader

from mmal.models import LearningLossMixin
from mmal.utils import preserved_random_state, type_name

from ..pipelines import labeled_test_dataset
from ..scoring import bare, evaluation_mode
from .problems import PreflightError, Problems
from .samples import load_sample


def rehearse_training(runner: Runner, problems: Problems) -> None:
    """Try what a training loop does before its first step.

    Args:
        runner: A runner whose training loop is built.
        problems: Gets what would go wrong: no steps, a pipeline that fails, a head for another
            number of classes.
    """
    loader = runner.train_dataloader
    with problems.collect("train_dataloader"):
        check_steps(runner)
    with problems.collect("train_dataloader.dataset.pipeline"), preserved_random_state():
        bare(runner.model).data_preprocessor(first_batch(loader), True)
    children = {name for name, _ in bare(runner.model).named_children()}
    if children & {"bbox_head", "mask_head", "roi_head"}:  # a model of MMDetection
        with problems.collect("model"):
            HOOKS.build(dict(type="mmdet.NumClassCheckHook")).before_train_epoch(runner)


def check_steps(runner: Runner) -> None:
    """Refuse a training without a step.

    Raises:
        PreflightError: If no process, or this one, would see a batch.
    """
    loader = runner.train_dataloader
    # An infinite sampler goes on until the batch is full.
    iterations = isinstance(runner.train_loop, IterBasedTrainLoop)
    if len(loader) > 0 or (iterations and "Infinite" in type(loader.sampler).__name__):
        return
    size = loader.batch_sampler.batch_size
    raise PreflightError(
        f"train_dataloader gives no batch: {len(loader.dataset)} samples, of which this process "
        f"sees {len(loader.sampler)}, are fewer than the batch size ({size}), and drop_last leaves "
        "out the rest. A training would end without a step. Lower batch_size, set drop_last=False, "
        "or begin with more labels (active_learning.initial)."
    )


def first_batch(loader: DataLoader) -> Any:
    """Send as many samples as a batch has through the pipeline, without the loader's workers.

    Raises:
        PreflightError: If the pipeline fails; the message names the image.
    """
    count = min(loader.batch_sampler.batch_size, len(loader.dataset))
    collate = loader.collate_fn or pseudo_collate
    return collate([load_sample(loader.dataset, i) for i in range(count)])


def rehearse_evaluation(
    runner: Runner, stage: str, wanted: Sequence[str], problems: Problems
) -> None:
    """Evaluate one batch, untrained as the model is.

    Args:
        runner: A runner with a loop for the stage.
        stage: ``test`` or ``val``.
        wanted: Metrics that the evaluator has to give, with or without its prefix.
        problems: Gets what goes wrong, and the names that the evaluator does not give.
    """
    loop = None
    with problems.collect(f"{stage}_dataloader or {stage}_evaluator"):
        loop = runner.test_loop if stage == "test" else runner.val_loop
        if not len(loop.dataloader.dataset):
            raise PreflightError(f"{stage}_dataloader.dataset is empty: nothing to evaluate.")
    outputs = batch = None
    model = bare(runner.model)
    if loop is not None:
        with problems.collect(f"{stage}_dataloader.dataset.pipeline"), preserved_random_state():
            batch = first_batch(loop.dataloader)
    if batch is not None:
        with problems.collect("model"), preserved_random_state(), evaluation_mode(model):
            outputs = model.test_step(batch)
    # An evaluator waits for all processes.
    if problems.anywhere() or not isinstance(getattr(loop, "evaluator", None), Evaluator):
        return
    with problems.collect(f"{stage}_evaluator"), preserved_random_state():
        metrics = _evaluate(loop, outputs, batch)
        check_metric_names(metrics, wanted, stage)


def _evaluate(loop: BaseLoop, outputs: list, batch: Any) -> dict:
    metrics = loop.evaluator.metrics
    # Those write files, or compare what was not measured.
    loop.evaluator.metrics = [
        m for m in metrics if not type(m).__name__.startswith(("Dump", "RankingAccuracy"))
    ]
    try:
        loop.evaluator.process(data_samples=outputs, data_batch=batch)
        return loop.evaluator.evaluate(len(outputs))
    finally:
        for metric in metrics:
            metric.results.clear()
        loop.evaluator.metrics = metrics


def check_metric_names(metrics: dict, wanted: Sequence[str], stage: str) -> None:
    """Refuse names of metrics that an evaluator does not give.

    Args:
        metrics: What it gives; nothing where nothing was detected, which tells nothing.
        wanted: Names, with or without prefix.
        stage: ``test`` or ``val``.

    Raises:
        PreflightError: If there is no metric of a name.
    """
    given = {name for full in metrics for name in (full, full.rpartition("/")[2])}
    for name in wanted:
        if metrics and name not in given:
            raise PreflightError(
                f"{stage}_evaluator has no metric called {name!r} (active_learning.metric, or "
                f"save_best of the checkpoint hook). It gives {list(metrics)}."
            )


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
        dataset = DATASETS.build(labeled_test_dataset(runner.cfg))
        with preserved_random_state(), evaluation_mode(model):
            batch = pseudo_collate([load_sample(dataset, 0)])
            data = model.data_preprocessor(batch, False)
            model.measure_losses(data["inputs"], data["data_samples"])


def saved_best(runner: Runner) -> list[str]:
    """The metrics that the runner's checkpoint hooks look at to find the best checkpoint."""
    found = []
    for hook in runner.hooks:
        if type_name(dict(type=type(hook))) == "CheckpointHook" and hook.save_best:
            found += [name for name in hook.save_best if name != "auto"]
    return found
