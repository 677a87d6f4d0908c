"""Replayed losses are the losses that the target model itself reports for each sample alone.

For all supported families, tests/test_models/test_families.py shows it.
"""

import copy

import numpy as np
import pytest
import torch
from mmengine.logging import MessageHub
from mmengine.registry import MODELS, init_default_scope
from torch import nn

from mmal.models.sample_losses import DenseHeadSampleLosses, SampleLosses, sample_losses_for
from tests.models import DENSE, FASTER_RCNN, batch, build, learning_loss_config, target_config
from tests.processes import run_in_processes

DENSE_HEAD = "mmal.DenseHeadSampleLosses"
NUM_ITEMS = [1, 3, 0, 2]  # one image without objects
#: A detector whose head no strategy names.
UNSUPPORTED = "point_rend/point-rend_r50-caffe_fpn_ms-1x_coco.py"


def replay(model: nn.Module, strategy: SampleLosses, data: dict) -> torch.Tensor:
    data = copy.deepcopy(data)
    with torch.no_grad(), strategy.record(model, data["data_samples"]) as recording:
        model.loss(*data.values())
    return strategy.replay(model, recording, model.loss, data["inputs"])


def one_by_one(model: nn.Module, data: dict) -> torch.Tensor:
    """The reference: plain MMDetection on batches of one."""
    samples = copy.deepcopy(data["data_samples"])
    with torch.no_grad():
        return torch.stack(
            [
                model.parse_losses(model.loss(data["inputs"][i : i + 1], [sample]))[0]
                for i, sample in enumerate(samples)
            ]
        )


def test_tood_in_its_first_epochs(monkeypatch: pytest.MonkeyPatch) -> None:
    """It then assigns by ATSS, in a method of its base class, and has another loss."""
    info = MessageHub.get_current_instance().runtime_info
    model = build("tood/tood_r50_fpn_1x_coco.py", None).eval()
    data = batch(model, 64, NUM_ITEMS)
    losses = {}
    for epoch in (0, 100):
        monkeypatch.setitem(info, "epoch", epoch)
        losses[epoch] = one_by_one(model, data)
        found = replay(model, sample_losses_for(model), data)
        torch.testing.assert_close(found, losses[epoch], rtol=1e-5, atol=0)
    assert losses[0].isfinite().all()
    assert (losses[0] != losses[100]).all()


def test_samples_are_replayed_as_they_came() -> None:
    """CenterNet draws its targets from the annotations again; most heads have them recorded."""
    model = build("centernet/centernet_r18_8xb16-crop512-140e_coco.py", None).eval()
    data = batch(model, 128, NUM_ITEMS)
    expected = one_by_one(model, data)
    strategy = sample_losses_for(model)
    with torch.no_grad(), strategy.record(model, data["data_samples"]) as recording:
        model.loss(*data.values())
        for sample in data["data_samples"]:  # as losses do that rename or rescale
            sample.gt_instances.priors = sample.gt_instances.pop("bboxes")
            sample.gt_instances.labels = sample.gt_instances.labels + 1
    found = strategy.replay(model, recording, model.loss, data["inputs"])
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=0)


@pytest.mark.parametrize("name", ["SSDLite", "RTMDet"])
def test_replay_leaves_no_trace(name: str) -> None:
    path, _, size = DENSE[name]
    model = build(path, None).train()
    data = batch(model, size, NUM_ITEMS)
    strategy = sample_losses_for(model)
    with strategy.record(model, data["data_samples"]) as recording:
        losses = model.loss(*data.values())
    before = copy.deepcopy((model.state_dict(), data, set(vars(model.bbox_head))))
    torch_state, numpy_state = torch.get_rng_state(), np.random.get_state()[1].copy()

    def disturbing_loss(inputs, data_samples):
        torch.rand(1), np.random.rand()
        model.bbox_head.leftover = 1
        for sample in data_samples:
            sample.gt_instances.bboxes.zero_()
        for buffer in model.bbox_head.buffers():
            buffer.add_(1)
        return model.loss(inputs, data_samples)

    strategy.replay(model, recording, disturbing_loss, data["inputs"])
    state, untouched, attributes = before
    assert torch.equal(torch.get_rng_state(), torch_state)
    assert (np.random.get_state()[1] == numpy_state).all()
    assert set(vars(model.bbox_head)) == attributes
    for key, value in model.state_dict().items():
        assert torch.equal(value, state[key]), key
    for found, expected in zip(data["data_samples"], untouched["data_samples"], strict=True):
        assert torch.equal(found.gt_instances.bboxes, expected.gt_instances.bboxes)
    assert all(p.grad is None for p in model.parameters())
    model.parse_losses(losses)[0].backward()  # the graph of the batch is still whole


def test_losses_move_their_own_thresholds_by_batches_alone() -> None:
    """Dynamic R-CNN's every 100th loss sets the thresholds of those that follow."""
    path = "dynamic_rcnn/dynamic-rcnn_r50_fpn_1x_coco.py"
    found = []
    for channels in (None, [256] * 5):
        model = build(path, channels)
        model.roi_head.train_cfg.dynamic_rcnn.update_iter_interval = 2
        data = batch(model, 128, NUM_ITEMS)
        model.train()
        for seed in range(3):
            torch.manual_seed(seed)
            model(**copy.deepcopy(data), mode="loss")
        head = model.roi_head
        found.append((head.iou_history, head.beta_history, head.bbox_assigner.pos_iou_thr))
    assert found[0] == found[1]
    assert len(found[0][0]) == 1


def test_measuring_moves_no_threshold() -> None:
    model = build("dynamic_rcnn/dynamic-rcnn_r50_fpn_1x_coco.py", [256] * 5).eval()
    head = model.roi_head
    head.train_cfg.dynamic_rcnn.update_iter_interval = 1  # every loss would
    head.bbox_assigner.pos_iou_thr = 0.123
    beta = head.bbox_head.loss_bbox.beta
    model.measure_losses(**batch(model, 128, NUM_ITEMS))
    assert head.bbox_assigner.pos_iou_thr == 0.123
    assert head.bbox_head.loss_bbox.beta == beta
    assert head.iou_history == []


def test_terms_of_a_detectors_own_are_in_the_losses_of_its_samples() -> None:
    model = build(DENSE["RetinaNet"][0], [256] * 5, sample_losses=dict(type=DENSE_HEAD)).eval()
    data = batch(model, 64, [1, 2])
    before = model.measure_losses(**copy.deepcopy(data))[1]
    target = type(model).__mro__[2]

    class WithMore(target):
        def loss(self, inputs, data_samples):
            return {**super().loss(inputs, data_samples), "loss_more": inputs.new_tensor(5.0)}

    model.__class__ = type("Extended", (type(model).__mro__[1], WithMore), {})
    torch.testing.assert_close(model.measure_losses(**data)[1], before + 5)


def test_ddod_counts_positive_anchors_of_the_batches_before() -> None:
    """In a plain list, which no state dict has."""
    model = build("ddod/ddod_r50_fpn_1x_coco.py", None).eval()
    head = model.bbox_head
    head.cls_num_pos_samples_per_level = [5, 40, 3, 20, 1]
    data = batch(model, 512, [2, 1])
    expected = torch.cat(
        [
            one_by_one(
                copy.deepcopy(model), dict(inputs=data["inputs"][i : i + 1], data_samples=[s])
            )
            for i, s in enumerate(copy.deepcopy(data["data_samples"]))
        ]
    )
    samples = copy.deepcopy(data["data_samples"])
    strategy = sample_losses_for(model)
    with torch.no_grad(), strategy.record(model, samples) as recording:
        model.loss(data["inputs"], samples)
    counted = list(head.cls_num_pos_samples_per_level)
    assert sum(counted) > 69
    found = strategy.replay(model, recording, model.loss, data["inputs"])
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=0)
    assert head.cls_num_pos_samples_per_level == counted


def test_eqlv2_keeps_its_statistics_and_gathers_none_for_a_sample() -> None:
    init_default_scope("mmdet")
    cfg = target_config(FASTER_RCNN[0])
    cfg.roi_head.bbox_head.loss_cls = dict(type="EQLV2Loss", num_classes=80, use_distributed=False)
    torch.manual_seed(0)
    model = MODELS.build(cfg).eval()
    for sampler in (model.rpn_head.sampler, model.roi_head.bbox_sampler):
        sampler.num, sampler.pos_fraction = 10**6, 1.0
    loss = model.roi_head.bbox_head.loss_cls
    loss.pos_neg.copy_(torch.rand(80))
    data = batch(model, 128, NUM_ITEMS)
    expected = one_by_one(copy.deepcopy(model), dict(data, data_samples=data["data_samples"][:1]))
    strategy = sample_losses_for(model)
    samples = copy.deepcopy(data["data_samples"])
    with torch.no_grad(), strategy.record(model, samples) as recording:
        model.loss(data["inputs"], samples)
    gathered = loss.pos_grad.clone()
    assert gathered.any()
    found = strategy.replay(model, recording, model.loss, data["inputs"])
    assert found[0].item() == pytest.approx(expected[0].item(), rel=1e-4)
    assert torch.equal(loss.pos_grad, gathered)


def test_a_class_of_the_same_name_from_elsewhere_is_refused() -> None:
    model = build(DENSE["RetinaNet"][0], None)
    head = model.bbox_head
    head.__class__ = type("RetinaHead", (type(head),), {"__module__": "elsewhere"})
    with pytest.raises(TypeError, match="RetinaNet with RetinaHead"):
        sample_losses_for(model)


def test_unsupported_target_is_named_with_what_to_do() -> None:
    init_default_scope("mmdet")
    target = target_config(UNSUPPORTED)
    message = r"(?s)PointRend with .*PointRendRoIHead\.\n.*sample_losses=dict"
    with pytest.raises(TypeError, match=message):
        MODELS.build(learning_loss_config(target, [256] * 5))


@pytest.mark.parametrize(
    ("path", "heads"),
    [
        (DENSE["RetinaNet"][0], "RetinaHead"),
        (FASTER_RCNN[0], "RPNHead and StandardRoIHead"),
    ],
)
def test_a_subclass_with_a_loss_of_its_own_is_refused(path: str, heads: str) -> None:
    model = build(path, None)
    detector = type(model)

    class Renamed(detector):
        pass

    class Reweighted(detector):
        def loss(self, inputs, data_samples):
            return {key: 2 * value for key, value in super().loss(inputs, data_samples).items()}

    expected = type(sample_losses_for(model))
    model.__class__ = Renamed
    assert type(sample_losses_for(model)) is expected
    model.__class__ = Reweighted
    with pytest.raises(TypeError, match=rf"Reweighted with {heads}\."):
        sample_losses_for(model)


def test_mask_head_on_the_box_heads_rois_is_refused() -> None:
    init_default_scope("mmdet")
    target = target_config("mask_rcnn/mask-rcnn_r50_fpn_1x_coco.py")
    sample_losses_for(MODELS.build(target))
    target.roi_head.mask_roi_extractor = None
    with pytest.raises(TypeError, match="MaskRCNN with RPNHead and StandardRoIHead"):
        sample_losses_for(MODELS.build(target))


def test_strategy_can_be_chosen_in_the_config() -> None:
    strategy = dict(type="mmal.DenseHeadSampleLosses")
    model = build("foveabox/fovea_r50_fpn_4xb4-1x_coco.py", [256] * 5, sample_losses=strategy)
    assert type(model.sample_losses) is DenseHeadSampleLosses


def _losses_of_a_rank(rank: int) -> tuple[list, list]:
    """ATSS averages its normaliser over the ranks; here they hold batches of different sizes."""
    model = build(DENSE["ATSS"][0], None).eval()
    torch.manual_seed(rank)
    data = batch(model, 128, [1, 3, 2][: 2 + rank])
    found = replay(model, sample_losses_for(model), data)
    torch.distributed.destroy_process_group()
    expected = one_by_one(model, data)
    torch.distributed.init_process_group(
        "gloo", store=torch.distributed.HashStore(), rank=0, world_size=1
    )
    return found.tolist(), expected.tolist()


def test_other_ranks_do_not_change_a_samples_loss() -> None:
    for found, expected in run_in_processes(_losses_of_a_rank, 2):
        assert found == pytest.approx(expected, rel=1e-5)
