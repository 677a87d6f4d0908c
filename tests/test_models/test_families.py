"""The contract that every supported family keeps, on the OpenMMLab packages' own configs."""

import copy
from collections.abc import Callable
from importlib import import_module
from typing import NamedTuple

import numpy as np
import pytest
import torch
from mmcv.ops.nms import NMSop
from mmdet.testing import demo_mm_inputs
from mmengine.config import ConfigDict
from mmengine.hub import get_config
from mmengine.logging import MessageHub
from mmengine.optim import OptimWrapper
from mmengine.registry import MODELS, init_default_scope
from mmengine.structures import BaseDataElement, InstanceData, PixelData
from mmpose.testing import get_packed_inputs
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from tests.classifiers import images as classified_images
from tests.classifiers import needs_mmpretrain, spread
from tests.families import CLASSIFICATION, DENSE, FAMILIES, TOPDOWN, Family
from tests.models import learning_loss_config, make_shallow

NUM_ITEMS = [1, 3, 0, 2]  # one image without objects


class Pair(NamedTuple):
    """A target model, plain and with learning loss, of equal weights, and a batch of images.

    Layers round batches of another size differently; it adds up where they follow each other.
    """

    plain: nn.Module
    model: nn.Module
    data: dict
    rtol: float
    drawn: float
    predicts: bool
    name: str


def target_config(family: Family) -> ConfigDict:
    """Return the model of the family's config, without downloads and with a CPU in mind."""
    whole = get_config(f"{family.package}::{family.config}")
    whole.merge_from_dict({f"model.{key}": value for key, value in family.options.items()})
    cfg = whole.model
    cfg.init_cfg = cfg.backbone.init_cfg = None
    make_shallow(cfg)
    if family.group == CLASSIFICATION:  # some mix the images of a batch, and their labels
        cfg.data_preprocessor = whole.data_preprocessor
    else:
        cfg.data_preprocessor.batch_augments = None
    if "rpn_proposal" in (cfg.get("train_cfg") or {}):
        cfg.train_cfg.rpn_proposal.max_per_img = cfg.test_cfg.rpn.max_per_img = 20
    return cfg


def learning_loss(family: Family, cfg: ConfigDict) -> dict:
    """Wrap the target; pose estimators with MMPose's own loss, a mean over all joints."""
    strategy = dict(type="mmal.TopdownSampleLosses", per_visible_joint=False)
    kwargs = dict(sample_losses=strategy) if family.group == TOPDOWN else {}
    if family.feat_modules:
        kwargs["feat_modules"] = family.feat_modules
    return learning_loss_config(cfg, family.in_channels, **kwargs)


def marks(family: Family) -> list[pytest.MarkDecorator]:
    """What a family's tests need: a package, or patience."""
    needs = [needs_mmpretrain] if family.group == CLASSIFICATION else []
    return [*needs, pytest.mark.slow] if family.large else needs


PARAMETERS = [pytest.param(f, marks=marks(f), id=f.name) for f in FAMILIES]


@pytest.fixture(scope="module", params=PARAMETERS)
def pair(request: pytest.FixtureRequest) -> Pair:
    family = request.param
    init_default_scope(family.package)
    MessageHub.get_current_instance().update_info("epoch", 100)  # TOOD asks how far training is
    MessageHub.get_current_instance().update_info("iter", 100)  # and BoxInst
    models = []
    for wrap in (lambda cfg: cfg, lambda cfg: learning_loss(family, cfg)):
        torch.manual_seed(0)
        model = MODELS.build(wrap(target_config(family)))
        model.init_weights()
        models.append(model)
    if family.group == CLASSIFICATION:
        spread(models[0])
        inputs = classified_images([3, 1, 7, 1], family.size)
    else:
        inputs = poses(models[0]) if family.package == "mmpose" else images(family)
    np.random.seed(0)
    data = models[0].data_preprocessor(inputs, training=True)
    calibrate(models[0], data)
    models[1].load_state_dict(models[0].state_dict(), strict=False)
    rtol = 1e-5 if family.group == DENSE else 1e-4
    return Pair(*models, data, max(rtol, family.drawn), family.drawn, family.predicts, family.name)


def images(family: Family) -> dict:
    """Make random images with boxes, masks where the family learns them, and proposals."""
    inputs = demo_mm_inputs(
        len(NUM_ITEMS),
        [(3, family.size, family.size)] * len(NUM_ITEMS),
        num_items=NUM_ITEMS,
        num_classes=80,
        with_mask=family.has_masks,
        with_semantic=family.semantic,
    )
    if family.name == "Fast R-CNN":
        add_proposals(inputs["data_samples"])
    return inputs


def add_proposals(data_samples: list[BaseDataElement]) -> None:
    """Give samples what Fast R-CNN reads instead of an RPN's boxes: some near objects."""
    rng = np.random.default_rng(0)
    for sample in data_samples:
        height, width = sample.img_shape
        corners = rng.uniform(0, (width, height), (20, 2, 2))
        boxes = torch.tensor(np.concatenate([corners.min(1), corners.max(1)], 1)).float()
        boxes = torch.cat([torch.as_tensor(sample.gt_instances.bboxes) + 2.0, boxes])
        sample.proposals = InstanceData(bboxes=boxes, scores=torch.ones(len(boxes)))


def poses(model: nn.Module) -> dict:
    """Make random images with keypoints, some of them invisible, one person with none."""
    head = getattr(model.head, "pose_head", model.head)
    kind = type(head).__name__
    bottomup = kind in ("AssociativeEmbeddingHead", "CIDHead", "DEKRHead", "YOLOXPoseHead")
    levels = 4 if kind == "MSPNHead" else 1
    joints = getattr(head, "num_keypoints", None) or getattr(head, "num_joints", None)
    joints = joints or head.out_channels
    codec = getattr(head, "decoder", None)
    codec = getattr(codec, "keypoint_codec", codec)
    width, height = (128, 128) if bottomup else codec.input_size
    inputs = get_packed_inputs(
        len(NUM_ITEMS),
        num_keypoints=joints,
        num_levels=levels,
        img_shape=(height, width),
        input_size=(width, height),
        heatmap_size=(width // 4, height // 4),
        simcc_split_ratio=getattr(codec, "simcc_split_ratio", 2.0),
    )
    for items, sample in zip(NUM_ITEMS, inputs["data_samples"], strict=True):
        labels = sample.gt_instance_labels
        labels.keypoint_weights[..., 5 * items :] = 0
        if levels > 1:  # as MMPose's multi-level targets are
            weights = labels.pop("keypoint_weights").transpose(0, 1)
            sample.gt_instance_labels = InstanceData(keypoint_weights=weights)
        if kind == "AssociativeEmbeddingHead":
            heatmap = sample.gt_fields.heatmaps[:1]
            sample.gt_fields.set_field(torch.ones_like(heatmap).bool(), "heatmap_mask")
            visible = torch.arange(joints) < 5 * items
            indices = torch.stack([7 * torch.arange(joints), visible.long()], dim=-1)
            labels.keypoint_indices = indices[None]
        elif kind == "DEKRHead":
            maps = sample.gt_fields.heatmaps
            seen = (torch.arange(joints + 1) < 5 * items).float()[:, None, None]
            fields = dict(
                heatmaps=torch.cat([maps, maps.mean(0, keepdim=True)]),
                heatmap_weights=seen.expand(-1, *maps.shape[1:]),
                displacements=maps.repeat(2, 1, 1),
                displacement_weights=(maps * seen[:-1]).repeat(2, 1, 1),
            )
            sample.gt_fields = PixelData(**fields)
        elif kind == "CIDHead":
            maps = sample.gt_fields.heatmaps
            sample.gt_fields = PixelData(
                heatmaps=torch.cat([maps, maps.mean(0, keepdim=True)]),
                instance_heatmaps=maps.repeat(items, 1, 1),
            )
            sample.gt_instance_labels = InstanceData(
                instance_coords=torch.tensor([4, 6]) + 5 * torch.arange(items)[:, None],
                keypoint_weights=torch.ones(items, joints),
            )
        elif kind == "YOLOXPoseHead":
            sample.gt_instance_labels = people(sample, items)
        elif kind == "DSNTHead":
            maps = sample.gt_fields.heatmaps
            sample.gt_fields.heatmaps = maps / maps.sum((1, 2), keepdim=True)
            labels.keypoint_weights[:] = 1  # MMPose's gradient is NaN where one is 0
    return inputs


def people(sample: BaseDataElement, count: int) -> InstanceData:
    """Return the labels of so many people, each in another part of the image."""
    found = sample.gt_instances
    shift = 8.0 * torch.arange(count)
    boxes = torch.tensor([16.0, 16.0, 64.0, 80.0]) + shift[:, None]
    joints = torch.as_tensor(found.keypoints).float() / 2 + shift[:, None, None]
    return InstanceData(
        bboxes=boxes,
        keypoints=joints,
        keypoints_visible=torch.ones(joints.shape[:2]),
        labels=torch.zeros(count, dtype=torch.long),
        areas=torch.full((count,), 3072.0),
        keypoint_weights=torch.ones(joints.shape[:2]),
    )


def calibrate(model: nn.Module, data: dict) -> None:
    """Fit running statistics to the data: random layers would else swallow the images."""
    model.eval()
    flag_as_training(model)
    norms = [module for module in model.modules() if isinstance(module, _BatchNorm)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.training, norm.momentum = True, 1.0
    with torch.no_grad():
        model(**copy.deepcopy(data), mode="loss")
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum


def draw_nothing_at_random(model: nn.Module) -> None:
    """Give samplers room for every anchor and RoI, so that every run takes the same."""
    heads = (getattr(model, "rpn_head", None), getattr(model, "roi_head", None))
    for head in filter(None, heads):
        samplers = getattr(head, "bbox_sampler", None) or getattr(head, "sampler", None)
        for sampler in samplers if isinstance(samplers, list) else [samplers]:
            if hasattr(sampler, "num"):
                sampler.num, sampler.pos_fraction = 10**6, 1.0


def flag_as_training(model: nn.Module) -> None:
    """Let the model and its heads compute what they do in training, all layers as in evaluation."""
    model.training = True
    for name in ("bbox_head", "rpn_head", "roi_head", "mask_head", "head"):
        if isinstance(head := getattr(model, name, None), nn.Module):
            head.training = True


def test_losses_of_samples_equal_losses_of_batches_of_one(pair: Pair) -> None:
    plain, model, data, *_ = pair
    plain.eval(), model.eval()
    for candidate in (plain, model):
        draw_nothing_at_random(candidate)
    pred, found = model.measure_losses(**copy.deepcopy(data))

    flag_as_training(plain)
    expected = []
    for i, sample in enumerate(copy.deepcopy(data["data_samples"])):
        fresh = copy.deepcopy(plain)  # some losses keep statistics
        with torch.no_grad():
            losses = fresh.loss(data["inputs"][i : i + 1], [sample])
        expected.append(fresh.parse_losses(without_denoising(losses))[0])
    expected = torch.stack(expected)
    assert pred.shape == found.shape == (len(NUM_ITEMS),)
    assert expected.isfinite().all()
    assert len(expected.unique()) == len(NUM_ITEMS)
    torch.testing.assert_close(found, expected, rtol=pair.rtol, atol=0)


def test_replay_takes_what_was_drawn(pair: Pair) -> None:
    """In training, with all that is random, a batch of one has exactly the loss of its sample."""
    plain, model, data, *_ = pair
    plain.train()
    for module in plain.modules():
        if isinstance(module, _BatchNorm):
            module.training = False  # the last maps of SSDLite have one pixel
    inputs, samples = data["inputs"][1:2], copy.deepcopy(data["data_samples"][1:2])
    strategy = model.sample_losses
    with strategy.record(plain, samples) as recording:
        losses = plain.loss(inputs, samples)
    state = torch.get_rng_state()
    found = strategy.replay(plain, recording, plain.loss, inputs)
    assert torch.equal(torch.get_rng_state(), state)
    expected = plain.parse_losses(without_denoising(losses))[0]
    assert found.item() == pytest.approx(expected.item(), rel=pair.drawn, abs=0)
    # In one pass, where that is known, elements are summed in another order.
    found = strategy.losses(plain, recording, plain.loss, inputs)
    assert found.item() == pytest.approx(expected.item(), rel=max(pair.drawn, 2e-6), abs=0)


def without_denoising(losses: dict) -> dict:
    """DINO's denoising queries are made of the annotations, and as many as fit the batch."""
    return {key: value for key, value in losses.items() if "dn_" not in key}


def test_scores_are_one_a_sample(pair: Pair) -> None:
    pair.model.eval()
    with torch.no_grad():
        scores = pair.model.predict_loss(pair.data["inputs"])
    assert scores.shape == (len(NUM_ITEMS),)
    assert len(scores.unique()) == len(NUM_ITEMS)


def test_detached_training_is_that_of_plain_mmdetection(pair: Pair) -> None:
    plain, model, data, *_ = pair
    data = dict(inputs=data["inputs"][:2], data_samples=data["data_samples"][:2])
    model.load_state_dict(plain.state_dict(), strict=False)  # some losses keep statistics
    model.detach_features = True
    for candidate in (plain, model):
        torch.manual_seed(1)
        train(candidate, copy.deepcopy(data), steps=2)
    model.detach_features = False
    found = model.state_dict()
    for key, value in plain.state_dict().items():
        assert torch.equal(value, found.pop(key)), key
    assert found
    assert all(key.startswith("loss_predictor.") for key in found)


@pytest.fixture
def quick_layers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let layers under autocast round what they give, and compute in single precision.

    Most CPUs have no bfloat16: convolutions with many channels take a hundred times as long in it.
    """

    def rounding(compute: Callable) -> Callable:
        def layer(*args: object, **kwargs: object) -> torch.Tensor:
            if not torch.is_autocast_enabled("cpu"):
                return compute(*args, **kwargs)
            with torch.autocast("cpu", enabled=False):
                given = [a.float() if isinstance(a, torch.Tensor) else a for a in args]
                found = compute(*given, **kwargs)
                return found.bfloat16() if found.is_floating_point() else found

        return layer

    for owner, name in (
        (nn.Conv2d, "_conv_forward"),
        (nn.ConvTranspose2d, "forward"),
        (nn.Linear, "forward"),
        # Operators of mmcv that no CPU has in bfloat16.
        (NMSop, "apply"),
        (import_module("mmcv.ops.roi_align"), "roi_align"),
        (import_module("mmcv.ops.deform_conv"), "deform_conv2d"),
        (import_module("mmcv.ops.modulated_deform_conv"), "modulated_deform_conv2d"),
        (import_module("mmdet.models.dense_heads.tood_head"), "deform_conv2d"),
    ):
        monkeypatch.setattr(owner, name, rounding(getattr(owner, name)))


#: What MMDetection and MMPose do not train in bfloat16 without learning loss, either.
NOT_IN_BFLOAT16 = {
    *("AutoAssign", "VFNet"),  # assign numbers of one precision to an array of another
    *("DeepPose (regression)", "RTMPose", "RTMW", "SimCC", "Visibility prediction"),  # by NumPy
}


@pytest.mark.slow
@pytest.mark.usefixtures("quick_layers")
def test_mixed_precision_trains_as_plain_mmdetection_and_measures_the_same(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, model, data, *_ = pair
    data = dict(inputs=data["inputs"][:2], data_samples=data["data_samples"][:2])
    if pair.name in NOT_IN_BFLOAT16:
        with pytest.raises((TypeError, RuntimeError), match="BFloat16"):
            train(plain, data, steps=1, dtype=torch.bfloat16)
        return
    model.load_state_dict(plain.state_dict(), strict=False)
    monkeypatch.setattr(model, "detach_features", True)
    for candidate in (plain, model):
        if hasattr(candidate, "train_cfg"):  # accuracies of heatmaps go through NumPy
            without = {**(candidate.train_cfg or {}), "compute_acc": False}
            monkeypatch.setattr(candidate, "train_cfg", without)
        torch.manual_seed(1)
        train(candidate, copy.deepcopy(data), steps=2, dtype=torch.bfloat16)
    found = model.state_dict()
    for key, value in plain.state_dict().items():
        assert torch.equal(value, found[key]), key

    plain.eval()
    flag_as_training(plain)
    inputs, samples = data["inputs"][1:], copy.deepcopy(data["data_samples"][1:])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        with model.sample_losses.record(plain, samples) as recording:
            losses = plain.loss(inputs, samples)
        found = model.sample_losses.losses(plain, recording, plain.loss, inputs)
    expected = plain.parse_losses(without_denoising(losses))[0]
    # Sums of rounded elements, in another order, of which bfloat16 has eight bits.
    torch.testing.assert_close(found, expected.detach().float()[None], rtol=0.02, atol=0)


def predictions(sample: BaseDataElement) -> dict:
    """Return what is predicted of an image: of its objects, or of itself."""
    if "pred_instances" in sample:
        return dict(sample.pred_instances.items())
    return {key: sample.get(key) for key in ("pred_label", "pred_score")}


def train(model: nn.Module, data: dict, steps: int, dtype: torch.dtype | None = None) -> None:
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-4, momentum=0.9, weight_decay=1e-4)
    wrapper = OptimWrapper(optimizer)
    model.train()
    before = copy.deepcopy(model.state_dict())
    for _ in range(steps):
        with torch.autocast("cpu", dtype, enabled=dtype is not None):
            losses = model(**copy.deepcopy(data), mode="loss")
        wrapper.update_params(model.parse_losses(losses)[0])
    assert any(not torch.equal(value, before[key]) for key, value in model.state_dict().items())


def test_checkpoints_interchange(pair: Pair) -> None:
    plain, model, data, *_ = pair
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(1.01)
    keys = plain.load_state_dict(model.state_dict(), strict=False)
    assert not keys.missing_keys
    assert all(key.startswith("loss_predictor.") for key in keys.unexpected_keys)
    plain.eval(), model.eval()
    if not pair.predicts:
        return
    with torch.no_grad():
        ours = model(**copy.deepcopy(data), mode="predict")
        theirs = plain(**copy.deepcopy(data), mode="predict")
    for a, b in zip(ours, theirs, strict=True):
        assert a.pred_loss.shape == ()
        found, expected = predictions(a), predictions(b)
        assert found.keys() == expected.keys()
        for key, value in found.items():
            torch.testing.assert_close(value, expected[key], rtol=0, atol=0)

    keys = model.load_state_dict(plain.state_dict(), strict=False)
    assert not keys.unexpected_keys
    assert all(key.startswith("loss_predictor.") for key in keys.missing_keys)
