"""Losses in one pass are those of the replay, which other tests compare with batches of one."""

import copy

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope
from mmengine.structures import InstanceData
from torch import Tensor, nn

from mmal.models.sample_losses import sample_losses_for
from mmal.models.sample_losses.base import Recording
from tests.families import FAMILIES, NARROW_CASCADE, NARROW_FCS, TOPDOWN, Family
from tests.models import DENSE, FASTER_RCNN, batch, target_config
from tests.test_models.test_families import calibrate, flag_as_training, poses
from tests.test_models.test_families import target_config as pose_config

FEW_PROPOSALS = {"train_cfg.rpn_proposal.max_per_img": 20}
#: Heads that have a formula: MMDetection's config, and changes of its model.
VARIANTS = {
    "Faster R-CNN": (FASTER_RCNN[0], {**FEW_PROPOSALS, **NARROW_FCS}),
    "Faster R-CNN, four convolutions and decoded boxes": (
        FASTER_RCNN[0],
        {
            **FEW_PROPOSALS,
            **NARROW_FCS,
            "roi_head.bbox_head.type": "Shared4Conv1FCBBoxHead",
            "roi_head.bbox_head.conv_out_channels": 16,
            "roi_head.bbox_head.norm_cfg": None,
            "roi_head.bbox_head.reg_class_agnostic": True,
            "roi_head.bbox_head.reg_decoded_bbox": True,
            "roi_head.bbox_head.loss_bbox": dict(_delete_=True, type="GIoULoss", loss_weight=10.0),
        },
    ),
    "Cascade R-CNN": (
        "cascade_rcnn/cascade-rcnn_r50_fpn_1x_coco.py",
        {**FEW_PROPOSALS, **NARROW_CASCADE},
    ),
    "Double-Head R-CNN": (
        "double_heads/dh-faster-rcnn_r50_fpn_1x_coco.py",
        {**FEW_PROPOSALS, **NARROW_FCS, "roi_head.bbox_head.conv_out_channels": 64},
    ),
    "FCOS": (DENSE["FCOS"][0], {}),
    "FCOS, normalised": (
        DENSE["FCOS"][0],
        {
            "bbox_head.norm_on_bbox": True,
            "bbox_head.centerness_on_reg": True,
            "bbox_head.loss_bbox": dict(_delete_=True, type="GIoULoss", loss_weight=2.0),
        },
    ),
    "ATSS": (DENSE["ATSS"][0], {}),
    "RTMDet": (DENSE["RTMDet"][0], {}),
    "YOLOX": (DENSE["YOLOX"][0], {}),
    "YOLOX, last epochs": (DENSE["YOLOX"][0], {}),
    "SSD": (DENSE["SSD"][0], {}),
    "SSDLite": (DENSE["SSDLite"][0], {}),
    "RetinaNet": (DENSE["RetinaNet"][0], {}),
    "RetinaNet, decoded boxes": (
        DENSE["RetinaNet"][0],
        {
            "bbox_head.reg_decoded_bbox": True,
            "bbox_head.loss_bbox": dict(_delete_=True, type="GIoULoss", loss_weight=2.0),
        },
    ),
    "RetinaNet, ignored regions": (
        DENSE["RetinaNet"][0],
        {"train_cfg.assigner.ignore_iof_thr": 0.5},
    ),
    "RetinaNet, softmax": (
        DENSE["RetinaNet"][0],
        {"bbox_head.loss_cls": dict(_delete_=True, type="CrossEntropyLoss", loss_weight=0.5)},
    ),
}
SIZE = {"SSD": 300}
#: Objects of each image: some, none, all without, one image.
BATCHES = [[1, 3, 0, 2], [0, 0], [2], [0]]


def build(name: str) -> nn.Module:
    init_default_scope("mmdet")
    path, changes = VARIANTS[name]
    cfg = Config(dict(model=target_config(path)))
    cfg.merge_from_dict({f"model.{key}": value for key, value in changes.items()})
    torch.manual_seed(0)
    model = MODELS.build(cfg.model)
    model.init_weights()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "fc_reg" in name:  # boxes of RoIs would be right from the start: they are annotated
                parameter.normal_()
    return model


@pytest.fixture(scope="module", params=VARIANTS)
def model(request: pytest.FixtureRequest) -> nn.Module:
    model = build(request.param)
    if request.param == "YOLOX, last epochs":
        model.bbox_head.use_l1 = True  # as YOLOXModeSwitchHook does
    model.size = SIZE.get(request.param, 128)
    calibrate(model, images(model, model.size, [1, 3, 0, 2]))
    model.eval()
    flag_as_training(model)
    return model


def record(model: nn.Module, data: dict) -> Recording:
    strategy = sample_losses_for(model)
    with strategy.record(model, data["data_samples"]) as recording:
        model.loss(*copy.deepcopy(data).values())
    return recording


def in_one_pass(model: nn.Module, recording: Recording, inputs: Tensor) -> Tensor:
    """The losses, without the replay to fall back on."""
    strategy = sample_losses_for(model)
    strategy.replay = None
    return strategy.losses(model, recording, model.loss, inputs)


def replayed(model: nn.Module, recording: Recording, inputs: Tensor) -> Tensor:
    return sample_losses_for(model).replay(model, recording, model.loss, inputs)


def images(model: nn.Module, size: int, num_items: list[int]) -> dict:
    """Make random images with objects that are large enough to have positives in every head."""
    torch.manual_seed(0)
    data = batch(model, size, num_items)
    for sample in data["data_samples"]:
        boxes = torch.rand(len(sample.gt_instances), 2, 2).sort(dim=1).values
        boxes[:, 1] += 0.2
        sample.gt_instances.bboxes = boxes.clamp(max=1).flatten(1) * size
    return data


@pytest.mark.parametrize("ignored", [False, True], ids=["", "ignored"])
@pytest.mark.parametrize("num_items", BATCHES, ids=str)
def test_equals_the_replay(model: nn.Module, num_items: list[int], ignored: bool) -> None:
    data = images(model, model.size, num_items)
    for sample in data["data_samples"] if ignored else []:  # such as VOC's difficult objects
        boxes = torch.tensor([[0.0, 0, model.size / 2, model.size], [5, 5, 40, 30]])
        sample.ignored_instances = InstanceData(bboxes=boxes, labels=torch.zeros(2).long())
    recording = record(model, data)
    found = in_one_pass(model, recording, data["inputs"])
    expected = replayed(model, recording, data["inputs"])
    assert found.shape == (len(num_items),)
    assert found.dtype == torch.float32
    assert not found.requires_grad
    assert expected.isfinite().all()
    if any(num_items):  # SSD has no loss on images without objects
        assert len(expected.unique()) == len(expected)
    torch.testing.assert_close(found, expected, rtol=2e-6, atol=0)


@pytest.mark.parametrize("name", ["SSDLite", "RetinaNet"])
def test_mixed_precision(name: str) -> None:
    model = build(name).eval()
    model.training = True
    data = images(model, 128, [1, 0, 2])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        recording = record(model, data)
        found = in_one_pass(model, recording, data["inputs"])
        expected = replayed(model, recording, data["inputs"])
    torch.testing.assert_close(found, expected, rtol=0.02, atol=0)


#: Pose estimators whose ``loss`` makes more of their loss modules than a sum.
REPLAYED = ("Integral regression", "DSNT", "Visibility prediction")
AT_ONCE = {f.name: f for f in FAMILIES if f.group == TOPDOWN and f.name not in REPLAYED}


@pytest.mark.parametrize("family", AT_ONCE.values(), ids=AT_ONCE)
def test_people_at_once_are_those_one_by_one(family: Family) -> None:
    init_default_scope("mmpose")
    torch.manual_seed(0)
    model = MODELS.build(pose_config(family))
    model.init_weights()
    data = model.data_preprocessor(poses(model), training=True)
    calibrate(model, data)
    recording = record(model.eval(), data)
    found = in_one_pass(model, recording, data["inputs"])
    expected = replayed(model, recording, data["inputs"])
    assert not expected.isnan().all()
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=0, equal_nan=True)


def test_ohem_is_replayed() -> None:
    """It asks the loss module, too, to draw RoIs by their loss."""
    init_default_scope("mmdet")
    cfg = target_config("faster_rcnn/faster-rcnn_r50_fpn_ohem_1x_coco.py")
    cfg.train_cfg.rpn_proposal.max_per_img = 20
    cfg.train_cfg.rcnn.sampler.num = 8  # so that there is a choice
    model = MODELS.build(cfg)
    model.init_weights()
    strategy = sample_losses_for(model)
    assert strategy.one_pass(model)
    data = images(model, 128, [1, 2])
    recording = record(model.eval(), data)
    found = strategy.losses(model, recording, model.loss, data["inputs"])
    assert torch.equal(found, replayed(model, recording, data["inputs"]))


def test_other_losses_are_replayed() -> None:
    """A loss module that is not known to be a sum, or that sums in another way, or not at all."""
    model = build("RetinaNet").eval()
    data = images(model, 128, [1, 0, 2])
    expected = replayed(model, record(model, data), data["inputs"])
    head = model.bbox_head
    strategy = sample_losses_for(model)
    assert strategy.one_pass(model)

    known = head.loss_cls.__class__
    head.loss_cls.__class__ = type("FocalLoss", (known,), {"__module__": "elsewhere"})
    assert strategy.one_pass(model) == []
    head.loss_cls.__class__ = known
    head.loss_cls.reduction = "sum"
    assert strategy.one_pass(model) == []
    head.loss_cls.reduction = "mean"

    def otherwise(*args, **kwargs):  # by a product with ones: no sum is seen
        rows = head.loss_cls.__class__.forward(
            head.loss_cls, *args[:3], reduction_override="none", **kwargs
        )
        return rows.flatten() @ rows.new_ones(rows.numel()) / kwargs["avg_factor"]

    head.loss_cls.forward = otherwise
    recording = record(model, data)
    found = strategy.losses(model, recording, model.loss, data["inputs"])
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=0)  # a long sum
    strategy.replay = None
    with pytest.raises(TypeError):
        strategy.losses(model, recording, model.loss, data["inputs"])
