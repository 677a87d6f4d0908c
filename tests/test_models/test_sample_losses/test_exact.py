"""Replayed losses are the losses that the target model itself reports for each sample alone."""

import copy

import numpy as np
import pytest
import torch
from mmengine.registry import MODELS, init_default_scope
from torch import nn

from mmal.models import DenseHeadSampleLosses, SampleLosses, TwoStageSampleLosses
from mmal.models.sample_losses import sample_losses_for
from mmal.models.sample_losses.base import cut_to_sample
from tests.models import DENSE, FASTER_RCNN, batch, build, learning_loss_config, target_config
from tests.processes import run_in_processes

NUM_ITEMS = [1, 3, 0, 2]  # one image without objects


def replay(model: nn.Module, strategy: SampleLosses, data: dict) -> torch.Tensor:
    with torch.no_grad(), strategy.record(model) as recording:
        model.loss(*data.values())
    return strategy.replay(model, recording, model.loss, *data.values())


def one_by_one(model: nn.Module, data: dict) -> torch.Tensor:
    """The reference: plain MMDetection on batches of one."""
    with torch.no_grad():
        return torch.stack(
            [
                model.parse_losses(model.loss(data["inputs"][i : i + 1], [sample]))[0]
                for i, sample in enumerate(data["data_samples"])
            ]
        )


@pytest.mark.parametrize("name", DENSE)
def test_dense_heads_equal_single_sample_losses(name: str) -> None:
    path, _, size = DENSE[name]
    model = build(path, None).eval()
    data = batch(model, size, NUM_ITEMS)
    strategy = sample_losses_for(model)
    assert type(strategy) is DenseHeadSampleLosses
    found = replay(model, strategy, data)
    expected = one_by_one(model, copy.deepcopy(data))
    assert found.shape == (len(NUM_ITEMS),)
    assert expected.isfinite().all()
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=0)


def test_faster_rcnn_equals_single_sample_losses_where_nothing_is_sampled_at_random() -> None:
    path, _, size = FASTER_RCNN
    model = build(path, None).eval()
    # Room for every anchor and RoI: the samplers have nothing left to draw.
    for sampler in (model.rpn_head.sampler, model.roi_head.bbox_sampler):
        sampler.num, sampler.pos_fraction = 10**6, 1.0
    data = batch(model, size, [1, 3, 2])
    strategy = sample_losses_for(model)
    assert type(strategy) is TwoStageSampleLosses
    found = replay(model, strategy, data)
    torch.testing.assert_close(found, one_by_one(model, copy.deepcopy(data)), rtol=1e-4, atol=0)


@pytest.mark.parametrize("name", ["SSDLite", "RTMDet"])
def test_replay_leaves_no_trace(name: str) -> None:
    path, _, size = DENSE[name]
    model = build(path, None).train()
    data = batch(model, size, NUM_ITEMS)
    strategy = sample_losses_for(model)
    with strategy.record(model) as recording:
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

    strategy.replay(model, recording, disturbing_loss, *data.values())
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


def test_unsupported_target_is_named_with_what_to_do() -> None:
    init_default_scope("mmdet")
    target = target_config("gfl/gfl_r50_fpn_1x_coco.py")
    with pytest.raises(TypeError, match=r"GFL with the head GFLHead.*sample_losses=dict"):
        MODELS.build(learning_loss_config(target, [256] * 5))


def test_strategy_can_be_chosen_in_the_config() -> None:
    strategy = dict(type="mmal.DenseHeadSampleLosses")
    model = build("gfl/gfl_r50_fpn_1x_coco.py", [256] * 5, sample_losses=strategy)
    assert type(model.sample_losses) is DenseHeadSampleLosses


def test_cutting_needs_the_batch_first() -> None:
    nested = (torch.arange(6).view(3, 2), [torch.arange(3)], {"x": torch.ones(3, 1)}, "label")
    matrix, (vector,), mapping, label = cut_to_sample(nested, 1, 3, "Head.forward")
    assert matrix.tolist() == [[2, 3]]
    assert vector.tolist() == [1]
    assert mapping["x"].shape == (1, 1)
    assert label == "label"
    with pytest.raises(ValueError, match=r"Head.forward .*shape \(2, 3\) for a batch of 3"):
        cut_to_sample(torch.ones(2, 3), 0, 3, "Head.forward")


def _losses_of_a_rank(rank: int) -> tuple[list, list]:
    """ATSS averages its normaliser over the ranks; here they hold batches of different sizes."""
    model = build(DENSE["ATSS"][0], None).eval()
    torch.manual_seed(rank)
    data = batch(model, 128, [1, 3, 2][: 2 + rank])
    found = replay(model, sample_losses_for(model), data)
    torch.distributed.destroy_process_group()
    expected = one_by_one(model, copy.deepcopy(data))
    torch.distributed.init_process_group(
        "gloo", store=torch.distributed.HashStore(), rank=0, world_size=1
    )
    return found.tolist(), expected.tolist()


def test_other_ranks_do_not_change_a_samples_loss() -> None:
    for found, expected in run_in_processes(_losses_of_a_rank, 2):
        assert found == pytest.approx(expected, rel=1e-5)
