"""What learning loss costs: time, memory and operators beside the plain target model."""

import copy
import random
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from mmdet.structures import DetDataSample
from mmdet.structures.mask import BitmapMasks
from mmengine.config import Config
from mmengine.logging import MessageHub
from mmengine.model import revert_sync_batchnorm
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData
from torch import nn

from mmal.engine import DataConfig
from mmal.engine.data_config import leaf_datasets
from mmal.models import LearningLossMixin, build_model
from mmal.utils import type_name
from mmal.utils.operators import OperatorCount
from mmal.utils.peak_memory import peak_memory
from mmal.utils.record import with_own_containers

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


@dataclass(frozen=True)
class Benchmark:
    """Measurements of one model.

    Attributes:
        name: The model's name.
        size: Height and width of the images, in pixels.
        batch_size: Images a batch.
        device: Where it ran.
        samples: Of every repetition, by name as in :data:`TIMED`, the seconds, and as ``memory``
            and ``memory_learning_loss`` the bytes that a training step took at its peak. As
            ``operators`` and ``operators_learning_loss`` how many operators a step consists of
            (:class:`~mmal.utils.operators.OperatorCount`), once.
    """

    name: str
    size: tuple[int, int]
    batch_size: int
    device: str
    samples: dict[str, list[float]]

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
    """Measure a detector with and without learning loss, in turns.

    Images and boxes are random, weights as initialised. Every repetition runs each variant once,
    in an order drawn anew, so that a change of the machine's speed falls on all of them.

    Args:
        cfg: An MMDetection config, its model plain or a LearningLoss model.
        batch_size: Images a batch.
        max_size: Images are of the config's test size, but no side is longer than this.
        repetitions: How often each variant is measured, after one that does not count.
        device: Such as ``cpu`` or ``cuda:0``.
        amp: Whether training steps run in mixed precision.
        progress: Called after every repetition.
    """
    init_default_scope(cfg.get("default_scope", "mmdet"))
    size = _image_size(cfg, max_size)
    model = _learning_loss_model(cfg, device)
    plain = _plain_model(cfg, model, device)
    data = _random_batch(model, batch_size, size, _learns_masks(cfg))
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
    name = Path(cfg.filename).stem if cfg.filename else type_name(cfg.model)
    return Benchmark(name, size, batch_size, device, samples)


def _image_size(cfg: Config, max_size: int) -> tuple[int, int]:
    """Height and width of the test pipeline's images, cut to ``max_size``."""
    scales = [step["scale"] for step in DataConfig(cfg).test_pipeline if "scale" in step]
    width, height = scales[0] if scales else (max_size, max_size)
    return min(height, max_size), min(width, max_size)


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


def _learns_masks(cfg: Config) -> bool:
    """Whether training loads masks: some heads use them where there are any."""
    training = next(leaf_datasets(cfg.train_dataloader.dataset))["pipeline"]
    return any(step.get("with_mask") for step in training)


def _random_batch(
    model: nn.Module, batch_size: int, size: tuple[int, int], with_masks: bool
) -> dict:
    """Preprocess noise with three boxes an image, the mean of PASCAL VOC."""
    generator = torch.Generator().manual_seed(0)
    height, width = size
    samples = []
    for _ in range(batch_size):
        corners = torch.rand(3, 2, 2, generator=generator).sort(dim=1).values
        corners[:, 1] += 0.05  # no empty boxes
        boxes = corners.clamp(max=1).flatten(1) * torch.tensor([width, height] * 2)
        labels = torch.zeros(3, dtype=torch.long)  # every detector has a first class
        metainfo = dict(img_shape=size, ori_shape=size, scale_factor=(1.0, 1.0))
        # CenterNet's pipelines pad images and say where.
        metainfo["border"] = np.array([0, height, 0, width])
        sample = DetDataSample(metainfo=metainfo)
        sample.gt_instances = InstanceData(bboxes=boxes, labels=labels)
        if with_masks:
            sample.gt_instances.masks = _filled_boxes(boxes, size)
        sample.ignored_instances = InstanceData(bboxes=boxes[:0], labels=labels[:0])
        samples.append(sample)
    images = torch.randint(0, 256, (batch_size, 3, *size), generator=generator, dtype=torch.uint8)
    return model.data_preprocessor(dict(inputs=list(images), data_samples=samples), training=True)


def _filled_boxes(boxes: torch.Tensor, size: tuple[int, int]) -> BitmapMasks:
    masks = np.zeros((len(boxes), *size), dtype=np.uint8)
    for mask, (left, top, right, bottom) in zip(masks, boxes.int().tolist(), strict=True):
        mask[top:bottom, left:right] = 1
    return BitmapMasks(masks, *size)


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
    _synchronize(device)
    start = time.perf_counter()
    function()
    _synchronize(device)
    return time.perf_counter() - start


def _synchronize(device: str) -> None:
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize(device)


def _release(*models: nn.Module) -> None:
    """Free gradients, so that every step starts with the same memory."""
    for model in models:
        for parameter in model.parameters():
            parameter.grad = None
