"""Losses of people: the mean over their visible joints."""

import pytest
import torch
from mmengine.registry import MODELS, init_default_scope
from mmpose.models.heads.heatmap_heads import heatmap_head
from mmpose.testing import get_packed_inputs
from torch import nn

from mmal.models.sample_losses.pose import TopdownSampleLosses
from mmal.utils.operators import OperatorCount
from tests.models import learning_loss_config

JOINTS = 5
#: Visible joints of the people; the last has none.
VISIBLE = [5, 2, 1, 0]


def build(loss: dict, **kwargs) -> nn.Module:
    """Build a heatmap estimator that takes milliseconds."""
    init_default_scope("mmpose")
    target = dict(
        type="TopdownPoseEstimator",
        data_preprocessor=dict(type="PoseDataPreprocessor"),
        backbone=dict(type="ResNet", depth=18, stem_channels=8, base_channels=8),
        head=dict(
            type="HeatmapHead",
            in_channels=64,
            out_channels=JOINTS,
            deconv_out_channels=(8,),
            deconv_kernel_sizes=(4,),
            loss=loss,
            decoder=dict(type="MSRAHeatmap", input_size=(64, 64), heatmap_size=(4, 4), sigma=2.0),
        ),
    )
    torch.manual_seed(0)
    model = MODELS.build(learning_loss_config(target, [64], **kwargs))
    model.init_weights()
    nn.init.normal_(model.head.final_layer.weight, std=1.0)
    return model.eval()


@pytest.fixture
def inputs() -> dict:
    """A batch of people as the data loader hands it out."""
    data = get_packed_inputs(
        len(VISIBLE),
        num_keypoints=JOINTS,
        img_shape=(64, 64),
        input_size=(64, 64),
        heatmap_size=(4, 4),
    )
    for visible, sample in zip(VISIBLE, data["data_samples"], strict=True):
        sample.gt_instance_labels.keypoint_weights[:, visible:] = 0
    return data


def squared_errors(model: nn.Module, data: dict) -> list[list[float]]:
    """Mean squared error of every visible joint's heatmap, person by person."""
    with torch.no_grad():
        heatmaps = model.head(model.extract_feat(data["inputs"]))
    found = []
    for heatmap, sample in zip(heatmaps, data["data_samples"], strict=True):
        weights = sample.gt_instance_labels.keypoint_weights[0]
        errors = (heatmap - sample.gt_fields.heatmaps).square().mean(dim=(1, 2))
        found.append([e.item() for e, w in zip(errors, weights, strict=True) if w > 0])
    return found


MSE = dict(type="KeypointMSELoss", use_target_weight=True)
HARDEST = dict(type="KeypointOHKMMSELoss", use_target_weight=True, topk=3)


def test_a_persons_loss_is_the_mean_over_the_visible_joints(inputs: dict) -> None:
    model = build(MSE)
    data = model.data_preprocessor(inputs, True)
    _, found = model.measure_losses(**data)
    expected = [sum(e) / len(e) for e in squared_errors(model, data) if e]
    assert found[:-1].tolist() == pytest.approx(expected, rel=1e-5)
    assert found[-1].isnan()


def test_the_papers_loss_is_the_mean_over_all_joints(inputs: dict) -> None:
    model = build(MSE, sample_losses=dict(type="mmal.TopdownSampleLosses", per_visible_joint=False))
    data = model.data_preprocessor(inputs, True)
    _, found = model.measure_losses(**data)
    expected = [sum(e) / JOINTS for e in squared_errors(model, data)]
    assert found.tolist() == pytest.approx(expected, rel=1e-5)


def test_hard_keypoint_mining_is_divided_by_the_joints_it_takes(inputs: dict) -> None:
    model = build(HARDEST)
    data = model.data_preprocessor(inputs, True)
    _, found = model.measure_losses(**data)
    hardest = [sorted(e)[-3:] for e in squared_errors(model, data) if e]
    expected = [sum(e) / len(e) for e in hardest]
    assert found[:-1].tolist() == pytest.approx(expected, rel=1e-5)


def test_people_without_visible_joints_are_counted_and_in_no_pair(inputs: dict) -> None:
    model = build(MSE)
    data = model.data_preprocessor(inputs, True)
    with torch.no_grad():
        found = model.loss(data["inputs"], data["data_samples"])
        pred, target = model.measure_losses(**data)
    assert found["rank_invalid"] == 1
    sign = 1 if target[0] > target[1] else -1
    expected = max(0.0, 1 - sign * (pred[0] - pred[1]).item())  # (2, 3) is no pair
    assert found["loss_rank"].item() == pytest.approx(expected, rel=1e-5)


def test_accuracy_is_not_computed_for_each_sample(
    inputs: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    accuracy = heatmap_head.pose_pck_accuracy
    monkeypatch.setattr(
        heatmap_head, "pose_pck_accuracy", lambda **kw: calls.append(1) or accuracy(**kw)
    )
    model = build(MSE).train()
    data = model.data_preprocessor(inputs, True)
    model.loss(data["inputs"], data["data_samples"])
    assert len(calls) == 1


@pytest.mark.parametrize("loss", [MSE, HARDEST])
def test_all_at_once_are_those_one_by_one(inputs: dict, loss: dict) -> None:
    model = build(loss)
    whole = model.data_preprocessor(inputs, True)
    strategy, totals = model.sample_losses, []
    for people in (2, 4):
        data = {key: value[:people] for key, value in whole.items()}
        with torch.no_grad(), strategy.record(model, data["data_samples"]) as recording:
            model.head.loss(model.extract_feat(data["inputs"]), data["data_samples"])
        arguments = (model, recording, None, data["inputs"])
        with OperatorCount() as count:
            found = strategy.losses(*arguments)
        totals.append(count.total)
        torch.testing.assert_close(found, strategy.replay(*arguments), equal_nan=True)
    assert totals[0] == totals[1]


def test_a_loss_that_asks_for_numbers_is_called_one_by_one(inputs: dict) -> None:
    model = build(MSE)
    plain = model.head.loss_module.forward

    calls = []

    def asks(output: torch.Tensor, target: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        calls.append(len(output))
        value = plain(output, target, weights)
        return value if value.item() >= 0 else -value

    model.head.loss_module.forward = asks
    data = model.data_preprocessor(inputs, True)
    _, found = model.measure_losses(**data)
    expected = [sum(e) / len(e) for e in squared_errors(model, data) if e]
    assert found[:-1].tolist() == pytest.approx(expected, rel=1e-5)
    assert calls == [4, 1, 1, 1, 1, 1]  # the batch's own, all at once in vain, and each person
    calls.clear()
    model.measure_losses(**data)
    assert calls == [4, 1, 1, 1, 1]


def test_people_without_a_visible_joint_have_no_loss_whatever_the_module_says() -> None:
    strategy = TopdownSampleLosses()
    losses = torch.tensor([0.0, 1.0, -1.0])
    found = strategy._per_joint(nn.Identity(), losses, torch.zeros(3, 4, dtype=torch.bool))
    assert found.isnan().all()
    # One of four joints: what was averaged over four is of that one.
    visible = torch.tensor([[False, True, False, False]]).expand(3, 4)
    assert strategy._per_joint(nn.Identity(), losses, visible).tolist() == [0, 4, -4]
