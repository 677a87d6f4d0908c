"""Tests of the ranking loss. With l the target and p the predicted losses of a pair, by equation 2

max(0, -s * (p_i - p_j) + margin), where s is +1 if l_i > l_j, else -1.
"""

import math

import pytest
import torch
from mmengine.registry import MODELS
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from mmal.models import PairwiseRankingLoss
from tests.processes import run_in_processes

NAN, INF = math.nan, math.inf


def loss_of(pred: list[float], target: list[float], **kwargs) -> dict[str, float]:
    result = PairwiseRankingLoss(**kwargs)(torch.tensor(pred), torch.tensor(target))
    return {name: value.item() for name, value in result.items()}


@pytest.mark.parametrize(
    ("pred_diff", "target_diff", "margin", "expected"),
    [
        (0.25, 3.0, 1.0, 0.75),  # s = +1: -0.25 + 1
        (0.25, -3.0, 1.0, 1.25),  # s = -1: +0.25 + 1
        (-2.0, 0.1, 1.0, 3.0),  # s = +1: 2 + 1
        (-2.0, -0.1, 1.0, 0.0),  # s = -1: -2 + 1 < 0
        (1.0, 5.0, 1.0, 0.0),  # at the margin
        (0.25, 3.0, 0.5, 0.25),
        (0.25, 3.0, 0.0, 0.0),
        (-0.25, 3.0, 0.0, 0.25),
    ],
)
def test_pair(pred_diff, target_diff, margin, expected):
    result = loss_of([pred_diff, 0.0], [target_diff, 0.0], margin=margin)

    assert result["loss_rank"] == expected
    assert result["rank_acc"] == (pred_diff * target_diff > 0)


#: Pairs (0, 1), (2, 3), (4, 5). With margin 1:
#: s = +1, p_i - p_j = 0.5: 0.5;  s = -1, p_i - p_j = 0.5: 1.5;  s = +1, p_i - p_j = 3: 0.
PRED = [1.0, 0.5, 2.0, 1.5, 1.0, -2.0]
TARGET = [9.0, 2.0, 1.0, 4.0, 7.0, 6.0]


@pytest.mark.parametrize(
    ("kwargs", "expected"),
    [
        ({}, (0.5 + 1.5 + 0) / 3),
        (dict(loss_weight=0.25), (0.5 + 1.5 + 0) / 12),
        (dict(loss_weight=0), 0),
        (dict(margin=4), (3.5 + 4.5 + 1) / 3),
        (dict(margin=0), (0 + 0.5 + 0) / 3),
    ],
)
def test_mean_over_the_pairs_of_a_batch(kwargs, expected):
    result = loss_of(PRED, TARGET, **kwargs)

    assert result["loss_rank"] == pytest.approx(expected, abs=1e-6)
    assert result["rank_acc"] == pytest.approx(2 / 3, abs=1e-6)  # whatever the weight


def test_equals_the_papers_sum_on_a_random_batch():
    generator = torch.Generator().manual_seed(0)
    pred, target = torch.randn(2, 64, generator=generator)
    total, right = 0.0, 0
    for k in range(32):
        i, j = 2 * k, 2 * k + 1
        s = 1 if target[i] > target[j] else -1
        total += max(0.0, -s * (pred[i] - pred[j]).item() + 1)
        right += bool(pred[i] > pred[j]) == bool(target[i] > target[j])

    result = PairwiseRankingLoss()(pred, target)
    assert result["loss_rank"].item() == pytest.approx(2 / 64 * total, rel=1e-5)
    assert result["rank_acc"].item() == pytest.approx(right / 32, abs=1e-6)


@pytest.mark.parametrize(
    "last", [(NAN, 1.0), (1.0, NAN), (INF, 1.0), (-INF, 0.0), (INF, INF), (NAN, INF), (4.0, 4.0)]
)
@pytest.mark.parametrize("first", [True, False])
def test_pairs_without_an_order_are_left_out(first, last):
    pred, target = (
        [*a, *b] if first else [*b, *a] for a, b in ((PRED, (50.0, -50.0)), (TARGET, last))
    )

    expected = dict(loss_of(PRED, TARGET), rank_invalid=sum(not math.isfinite(x) for x in last))
    assert loss_of(pred, target) == pytest.approx(expected)


@pytest.mark.parametrize("predicted", [NAN, INF, -INF])
@pytest.mark.parametrize("target", [(NAN, 1.0), (4.0, 4.0)])
def test_what_is_predicted_without_an_order_does_not_matter(
    predicted: float, target: tuple[float, float]
) -> None:
    pred = torch.tensor([*PRED, predicted, 0.5], requires_grad=True)
    result = PairwiseRankingLoss()(pred, torch.tensor([*TARGET, *target]))
    result["loss_rank"].backward()

    expected = loss_of(PRED, TARGET)
    assert result["loss_rank"].item() == pytest.approx(expected["loss_rank"])
    assert result["rank_acc"].item() == pytest.approx(expected["rank_acc"])
    assert pred.grad.isfinite().all()


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ([], 0),
        ([0.0], 0),
        ([NAN], 1),
        ([1.0, 1.0], 0),  # without an order, but valid
        ([NAN, 2.0, INF, -INF, 3.0], 3),
        ([1.0, 2.0, 1.0, 2.0, NAN], 1),  # in no pair
    ],
)
def test_invalid_samples_are_counted(target, expected):
    invalid = PairwiseRankingLoss()(torch.zeros(len(target)), torch.tensor(target))["rank_invalid"]

    assert invalid.dtype == torch.float32
    assert invalid.shape == ()
    assert invalid.item() == expected


def test_last_sample_of_an_odd_batch_is_left_out():
    assert loss_of([*PRED, 1e6], [*TARGET, 1e6]) == pytest.approx(loss_of(PRED, TARGET))


def test_tied_predictions_count_one_half():
    # Right, tied: (1 + 1/2) / 2; losses max(0, -3 + 1) = 0 and 1.
    expected = dict(loss_rank=0.5, rank_acc=0.75, rank_invalid=0)
    assert loss_of([3.0, 0.0, 2.0, 2.0], [2.0, 1.0, 2.0, 1.0]) == expected


@pytest.mark.parametrize(
    ("pred", "target"),
    [
        ([0.5], [1.0]),  # a batch of one
        ([], []),
        ([0.5, 1.0], [2.0, 2.0]),
        ([0.5, 1.0, 7.0], [NAN, 2.0, 1.0]),
    ],
)
def test_no_pair_gives_a_zero_with_a_graph(pred, target):
    pred = torch.tensor(pred, requires_grad=True)
    result = PairwiseRankingLoss()(pred, torch.tensor(target))
    result["loss_rank"].backward()

    assert result.keys() == {"loss_rank", "rank_invalid"}
    assert result["loss_rank"].shape == ()
    assert result["loss_rank"].item() == 0
    assert pred.grad.tolist() == [0.0] * len(pred)


def test_gradient_by_hand():
    pred = torch.tensor([*PRED, 4.0, 4.0], requires_grad=True)
    target = torch.tensor([*TARGET, NAN, 1.0], requires_grad=True)
    result = PairwiseRankingLoss(loss_weight=6.0)(pred, target)
    result["loss_rank"].backward()

    # 6 / 3 pairs = 2; -s and +s where the hinge is active, nothing beyond the margin.
    assert pred.grad.tolist() == [-2, 2, 2, -2, 0, 0, 0, 0]
    assert target.grad is None
    assert not result["rank_acc"].requires_grad


def test_gradient_by_finite_differences():
    generator = torch.Generator().manual_seed(1)
    pred, target = torch.randn(2, 11, generator=generator)
    loss = PairwiseRankingLoss(margin=0.7, loss_weight=1.5)
    pred.requires_grad_()
    loss(pred, target)["loss_rank"].backward()

    step = 1e-2  # the loss is piecewise linear; no pair of this batch is that close to a kink
    for i, gradient in enumerate(pred.grad.tolist()):
        above, below = pred.detach().clone(), pred.detach().clone()
        above[i] += step
        below[i] -= step
        slope = (loss(above, target)["loss_rank"] - loss(below, target)["loss_rank"]) / (2 * step)
        assert gradient == pytest.approx(slope.item(), abs=1e-4)


@pytest.mark.parametrize("autocast", [False, True])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_computed_in_float32(dtype, autocast):
    # In float16 the difference of the predictions overflows; 60160 is exact in all of these.
    pred = torch.tensor([-60160.0, 60160.0], dtype=dtype, requires_grad=True)
    target = torch.tensor([60160.0, -60160.0], dtype=dtype)
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        loss = PairwiseRankingLoss()(pred, target)["loss_rank"]
    loss.backward()

    assert loss.dtype == torch.float32
    assert loss.item() == 2 * 60160 + 1
    assert pred.grad.tolist() == [-1, 1]
    assert pred.grad.dtype == dtype


@pytest.mark.parametrize("name", ["margin", "loss_weight"])
def test_negative_parameters_are_refused(name):
    with pytest.raises(ValueError, match=rf"'{name}' .* must be >= 0\. Got -0\.5 instead"):
        PairwiseRankingLoss(**{name: -0.5})


def test_build_from_config():
    loss = MODELS.build(dict(type="mmal.PairwiseRankingLoss", margin=0.5, loss_weight=1e-4))

    assert isinstance(loss, PairwiseRankingLoss)
    assert (loss.margin, loss.loss_weight, loss.across_gpus) == (0.5, 1e-4, False)


def test_across_gpus_changes_nothing_in_a_single_process():
    found, gradients = [], []
    for across_gpus in (True, False):
        pred = torch.tensor([*PRED, 4.0], requires_grad=True)
        loss = PairwiseRankingLoss(0.7, 2.0, across_gpus)
        result = loss(pred, torch.tensor([*TARGET, NAN]))
        result["loss_rank"].backward()
        found.append({name: value.item() for name, value in result.items()})
        gradients.append(pred.grad.tolist())

    assert found[0] == found[1]
    assert gradients[0] == gradients[1]
    assert any(gradients[0])


#: Targets of the images of rank 0 and of rank 1.
ON_RANKS = [
    ([3.0, 1.0, 2.0], [7.0, 5.0]),  # the second pair spans the ranks; the last image is in none
    ([1.0], [4.0]),  # no pair within a rank
    ([4.0], [1.0, 2.0, 3.0]),
    ([1.0, NAN, 5.0, 3.0], [INF, 2.0, 3.0]),  # one pair counts, on rank 0
    ([2.0], [2.0]),  # no pair counts at all
]
MARGIN, WEIGHT = 0.7, 3.0


def _features(size: int) -> torch.Tensor:
    return torch.randn(size, 4, generator=torch.Generator().manual_seed(size))


def _linear() -> nn.Linear:
    torch.manual_seed(0)
    return nn.Linear(4, 1)


def _train_on_ranks(rank: int) -> list[dict]:
    """One backward pass of distributed data parallel training for each of ON_RANKS."""
    found = []
    for targets in ON_RANKS:
        start = len(targets[0]) if rank else 0
        own = slice(start, start + len(targets[rank]))
        linear = DistributedDataParallel(_linear())
        loss = PairwiseRankingLoss(MARGIN, WEIGHT, across_gpus=True)
        pred = linear(_features(sum(map(len, targets)))[own]).squeeze(1)
        result = loss(pred, torch.tensor(targets[rank]))
        result["loss_rank"].backward()
        values = {name: value.item() for name, value in result.items()}
        found.append(dict(values, gradient=linear.module.weight.grad[0].tolist()))
    return found


def _joint_batch(target: list[float]) -> dict:
    """What one process makes of the joint batch, by a loop over its pairs."""
    linear = _linear()
    pred = linear(_features(len(target))).squeeze(1)
    hinges, right = [], 0
    for i in range(0, len(target) - 1, 2):
        difference = target[i] - target[i + 1]
        if math.isfinite(difference) and difference != 0:
            ordered = (pred[i] - pred[i + 1]) * math.copysign(1, difference)
            hinges.append((MARGIN - ordered).clamp(min=0))
            right += ordered.item() > 0
    invalid = sum(not math.isfinite(value) for value in target)
    if not hinges:
        return dict(loss_rank=0, rank_invalid=invalid, gradient=[0] * 4)
    loss = WEIGHT * sum(hinges) / len(hinges)
    loss.backward()
    return dict(
        loss_rank=loss.item(),
        rank_acc=right / len(hinges),
        rank_invalid=invalid,
        gradient=linear.weight.grad[0].tolist(),
    )


def test_across_gpus_equals_the_joint_batch():
    expected = [_joint_batch([*first, *second]) for first, second in ON_RANKS]
    assert sum(any(case["gradient"]) for case in expected) == 4

    for rank in run_in_processes(_train_on_ranks, 2):
        for found, case in zip(rank, expected, strict=True):
            assert found.keys() == case.keys()
            for name, value in case.items():
                assert found[name] == pytest.approx(value, rel=1e-5, abs=1e-6), name
