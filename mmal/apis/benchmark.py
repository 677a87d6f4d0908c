"""What learning loss costs: time, memory and operators beside the plain target model."""

import copy
import random
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.logging import MessageHub
from mmengine.model import revert_sync_batchnorm
from mmengine.registry import init_default_scope
from torch import nn

from mmal.models import LearningLossMixin, build_model
from mmal.utils import type_name
from mmal.utils.operators import OperatorCount, kernel_launches
from mmal.utils.peak_memory import peak_memory
from mmal.utils.record import with_own_containers

from .random_batches import random_batch

#: What is timed, in the order of the table.
TIMED = ("step", "step_learning_loss", "features", "scoring", "inference")
#: Ratios of the table: name, numerator, denominator.
RATIOS = (
    ("training step, learning loss / plain", "step_learning_loss", "step"),
    ("scoring images a second / features alone", "features", "scoring"),
    ("scoring time / inference time", "scoring", "inference"),
    ("memory of a step, learning loss / plain", "memory_learning_loss", "memory"),
    ("operators of a step, learning loss / plain", "operators_learning_loss", "operators"),
)
#: On a GPU, too.
LAUNCHES = (
    "kernel launches of a step, learning loss / plain",
    "launches_learning_loss",
    "launches",
)


@dataclass(frozen=True)
class Benchmark:
    """Measurements of one model.

    Attributes:
        name: The model's name.
        size: Height and width of the images, in pixels.
        batch_size: Images a batch.
        device: Where it ran.
        samples: Of every repetition, by name as in :data:`TIMED`, the seconds, on a CPU those of
            all threads, and as ``memory`` and ``memory_learning_loss`` the bytes that a training
            step took at its peak. As ``operators`` and ``operators_learning_loss`` how many
            operators a step consists of
            (:class:`~mmal.utils.operators.OperatorCount`), once; on a GPU as ``launches`` and
            ``launches_learning_loss`` how many kernels and copies that are.
    """

    name: str
    size: tuple[int, int]
    batch_size: int
    device: str
    samples: dict[str, list[float]]

    @property
    def ratios(self) -> tuple[tuple[str, str, str], ...]:
        """Those of the table: :data:`RATIOS`, on a GPU also :data:`LAUNCHES`."""
        return (*RATIOS, LAUNCHES) if LAUNCHES[1] in self.samples else RATIOS

    def ratio(self, numerator: str, denominator: str) -> tuple[float, float, float]:
        """Median, lower and upper quartile of the ratio, repetition by repetition."""
        pairs = zip(self.samples[numerator], self.samples[denominator], strict=True)
        ratios = [a / b for a, b in pairs]
        if len(ratios) == 1:
            return ratios[0], ratios[0], ratios[0]
        low, median, high = statistics.quantiles(ratios, n=4, method="inclusive")
        return median, low, high


def benchmark(
    cfg: Config,
    batch_size: int = 8,
    max_size: int = 320,
    repetitions: int = 7,
    device: str = "cpu",
    amp: bool = False,
    progress: Callable[[], None] = lambda: None,
) -> Benchmark:
    """Measure a model with and without learning loss, in turns.

    Images and labels are random, weights as initialised. Every repetition runs each variant once,
    in an order drawn anew, so that a change of the machine's speed falls on all of them.

    Args:
        cfg: A config of MMDetection, MMPose or MMPretrain, its model plain or a LearningLoss model.
        batch_size: Images a batch.
        max_size: Images are of the config's test size, but no side is longer than this; those of a
            pose estimator are of its own size.
        repetitions: How often each variant is measured, after one that does not count.
        device: Such as ``cpu`` or ``cuda:0``.
        amp: Whether training steps run in mixed precision.
        progress: Called after every repetition.
    """
    init_default_scope(cfg.get("default_scope", "mmdet"))
    model = _learning_loss_model(cfg, device)
    plain = _plain_model(cfg, model, device)
    data = random_batch(cfg, model, batch_size, max_size)
    size = tuple(data["inputs"].shape[2:])
    variants = _variants(plain, model, data, device, amp)
    steps = {"": "step", "_learning_loss": "step_learning_loss"}
    samples: dict[str, list[float]] = {name: [] for name in variants}
    # Heads such as TOOD's ask how far the training is.
    MessageHub.get_current_instance().update_info("epoch", 0)
    order = random.Random(0)
    for repetition in range(repetitions + 1):
        for name in order.sample(list(variants), len(variants)):
            _set_modes(name, plain, model)
            seconds = _seconds(variants[name], device)
            if repetition:
                samples[name].append(seconds)
        progress()
    for _ in range(min(repetitions, 3)):  # torch's allocations hardly vary
        for suffix, step in steps.items():
            _set_modes(step, plain, model)
            _release(plain, model)
            memory = samples.setdefault(f"memory{suffix}", [])
            memory.append(peak_memory(variants[step], device))
    for suffix, step in steps.items():
        with OperatorCount() as count:
            variants[step]()
        samples[f"operators{suffix}"] = [count.total]
        if torch.device(device).type == "cuda":
            samples[f"launches{suffix}"] = [kernel_launches(variants[step], device)]
    name = Path(cfg.filename).stem if cfg.filename else type_name(cfg.model)
    return Benchmark(name, size, batch_size, device, samples)


def _learning_loss_model(cfg: Config, device: str) -> LearningLossMixin:
    """Build the config's model, with a loss prediction module if it has none."""
    cfg = copy.deepcopy(cfg)
    if type_name(cfg.model) != "LearningLoss":
        cfg.model = dict(
            type="mmal.LearningLoss",
            target=cfg.model,
            loss_predictor=dict(type="mmal.LossPredictionNeck"),
            ranking_loss=dict(type="mmal.PairwiseRankingLoss"),
        )
    model = build_model(_without_downloads(cfg))
    model.init_weights()
    return revert_sync_batchnorm(model).to(device)


def _plain_model(cfg: Config, model: nn.Module, device: str) -> nn.Module:
    """Build the target alone, with the weights of ``model``."""
    cfg = copy.deepcopy(cfg)
    if type_name(cfg.model) == "LearningLoss":
        cfg.model = cfg.model.target
    plain = revert_sync_batchnorm(build_model(_without_downloads(cfg)))
    plain.load_state_dict(model.state_dict(), strict=False)
    return plain.to(device)


def _without_downloads(cfg: Config) -> Config:
    target = cfg.model.get("target", cfg.model)
    target.backbone.init_cfg = None
    if "data_preprocessor" in target:
        target.data_preprocessor.batch_augments = None  # they change the size of the images
    return cfg


def _variants(
    plain: nn.Module, model: LearningLossMixin, data: dict, device: str, amp: bool
) -> dict[str, Callable[[], None]]:
    """What is timed, by the names of :data:`TIMED`."""
    inputs, samples = data["inputs"], data["data_samples"]

    def step(candidate: nn.Module) -> Callable[[], None]:
        optimizer = torch.optim.SGD(candidate.parameters(), lr=1e-6, momentum=0.9)

        def run() -> None:
            optimizer.zero_grad()
            with torch.autocast(torch.device(device).type, enabled=amp):
                losses = candidate.loss(inputs, with_own_containers(samples))
            candidate.parse_losses(losses)[0].backward()
            optimizer.step()

        return run

    no_grad = torch.no_grad()
    return dict(
        step=step(plain),
        step_learning_loss=step(model),
        features=no_grad(lambda: plain.extract_feat(inputs)),
        scoring=no_grad(lambda: model.predict_loss(inputs)),
        inference=no_grad(lambda: plain.predict(inputs, with_own_containers(samples))),
    )


def _set_modes(variant: str, *models: nn.Module) -> None:
    """Put the models into the mode that a variant runs in: not a part of what is timed."""
    for model in models:
        model.train(variant.startswith("step"))


def _seconds(function: Callable[[], None], device: str) -> float:
    # What else runs on a machine changes the time that passes, and hardly the processor's.
    clock = time.process_time if torch.device(device).type == "cpu" else time.perf_counter
    _synchronize(device)
    start = clock()
    function()
    _synchronize(device)
    return clock() - start


def _synchronize(device: str) -> None:
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize(device)


def _release(*models: nn.Module) -> None:
    """Free gradients, so that every step starts with the same memory."""
    for model in models:
        for parameter in model.parameters():
            parameter.grad = None
