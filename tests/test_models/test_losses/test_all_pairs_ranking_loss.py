"""Tests of the ranking loss over all pairs, against loops over them."""

import math
from itertools import combinations

import pytest
import torch
from mmengine.registry import MODELS

from mmal.models import AllPairsRankingLoss, PairwiseRankingLoss

NAN, INF = math.nan, math.inf


def double_loop(
    pred: list[float], target: list[float], margin: float = 1.0, weight: float = 1.0
) -> dict[str, float]:
    """Equation 2 of the paper, averaged over all pairs that have an order."""
    hinges, right = [], []
    for i in range(len(pred)):
        for j in range(i):
            difference = target[i] - target[j]
            if difference == 0 or not math.isfinite(difference):
                continue
            ordered = (pred[i] - pred[j]) * (1 if difference > 0 else -1)
            hinges.append(max(0.0, margin - ordered))
            right.append(0.5 if ordered == 0 else float(ordered > 0))
    invalid = sum(not math.isfinite(value) for value in target)
    if not hinges:
        return dict(loss_rank=0.0, rank_invalid=invalid)
    return dict(
        loss_rank=weight * sum(hinges) / len(hinges),
        rank_acc=sum(right) / len(right),
        rank_invalid=invalid,
    )


def loss_of(pred: list[float], target: list[float], *args: float) -> dict[str, float]:
    result = AllPairsRankingLoss(*args)(torch.tensor(pred), torch.tensor(target))
    return {name: value.item() for name, value in result.items()}


def random_batch(size: int) -> tuple[list[float], list[float]]:
    generator = torch.Generator().manual_seed(size)
    pred, target = torch.randn(2, size, generator=generator)
    return pred.tolist(), target.tolist()


@pytest.mark.parametrize("size", [2, 3, 4, 17])
@pytest.mark.parametrize("parameters", [(), (0.3, 1.0), (2.0, 0.25), (0.0, 1.0)])
def test_equals_a_double_loop(size, parameters):
    pred, target = random_batch(size)

    expected = double_loop(pred, target, *parameters)
    assert loss_of(pred, target, *parameters) == pytest.approx(expected, rel=1e-5, abs=1e-6)


def test_three_samples_by_hand():
    # Pairs (0, 1), (0, 2), (1, 2): in the right order by 0.5; in the wrong one by 1.5; by 2.
    assert loss_of([1.0, 0.5, 2.5], [9.0, 4.0, 1.0]) == pytest.approx(
        dict(loss_rank=(0.5 + 2.5 + 3) / 3, rank_acc=1 / 3, rank_invalid=0)
    )


@pytest.mark.parametrize(
    "target",
    [
        [2.0, 2.0, 1.0, 2.0, 3.0],  # ties have no order
        [2.0, NAN, 1.0, 4.0, 3.0],
        [INF, 1.0, -INF, 4.0, INF],
        [NAN, NAN, 1.0, NAN, 3.0],
        [INF, INF, 1.0, 1.0, NAN],  # nothing is left
    ],
)
def test_pairs_without_an_order_are_left_out(target):
    pred = [0.5, 0.25, -1.0, 0.5, 2.0]

    assert loss_of(pred, target) == pytest.approx(double_loop(pred, target))


def test_tied_predictions_count_one_half():
    pred, target = [1.0, 1.0, 3.0], [1.0, 2.0, 3.0]

    assert loss_of(pred, target) == pytest.approx(
        dict(loss_rank=(1 + 0 + 0) / 3, rank_acc=(0.5 + 1 + 1) / 3, rank_invalid=0)
    )


@pytest.mark.parametrize("target", [[], [1.0], [NAN], [2.0, 2.0, 2.0], [NAN, 1.0]])
def test_no_pair_gives_a_zero_with_a_graph(target):
    pred = torch.ones(len(target), requires_grad=True)
    result = AllPairsRankingLoss()(pred, torch.tensor(target))
    result["loss_rank"].backward()

    assert result.keys() == {"loss_rank", "rank_invalid"}
    assert result["loss_rank"].shape == ()
    assert result["loss_rank"].item() == 0
    assert pred.grad.tolist() == [0.0] * len(target)


def test_gradient_by_a_double_loop():
    pred, target = random_batch(9)
    target[3], target[5] = NAN, target[6]
    expected, count = [0.0] * 9, 0
    for i, j in combinations(range(9), 2):
        if target[i] == target[j] or math.isnan(target[i] + target[j]):
            continue
        count += 1
        sign = 1 if target[i] > target[j] else -1
        if sign * (pred[i] - pred[j]) < 0.7:  # within the margin
            expected[i] -= sign
            expected[j] += sign

    leaf = torch.tensor(pred, requires_grad=True)
    AllPairsRankingLoss(0.7, 2.0)(leaf, torch.tensor(target))["loss_rank"].backward()
    assert count == 8 * 7 / 2 - 1
    assert leaf.grad.tolist() == pytest.approx([2 * x / count for x in expected], abs=1e-6)


@pytest.mark.parametrize("target", [[2.0, 1.0], [1.0, 2.0], [2.0, 2.0], [NAN, 2.0]])
def test_a_batch_of_two_is_the_papers(target):
    pred = torch.tensor([0.3, 0.1])
    found = AllPairsRankingLoss(0.5, 2.0)(pred, torch.tensor(target))

    assert found == PairwiseRankingLoss(0.5, 2.0)(pred, torch.tensor(target))


@pytest.mark.parametrize("autocast", [False, True])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_computed_in_float32(dtype, autocast):
    # In float16 differences of the predictions overflow; 60160 is exact in both.
    pred = torch.tensor([-60160.0, 60160.0, 0.0], dtype=dtype, requires_grad=True)
    target = torch.tensor([60160.0, -60160.0, 0.0], dtype=dtype)
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        loss = AllPairsRankingLoss()(pred, target)["loss_rank"]
    loss.backward()

    assert loss.dtype == torch.float32
    # Pairs (0, 1), (0, 2), (1, 2) are in the wrong order by 2, 1 and 1 times 60160.
    assert loss.item() == pytest.approx((4 * 60160 + 3) / 3, rel=1e-7)
    assert pred.grad.dtype == dtype
    assert pred.grad.tolist() == pytest.approx([-2 / 3, 2 / 3, 0], rel=1e-2)


def test_build_from_config():
    config = dict(type="mmal.AllPairsRankingLoss", margin=0.5, loss_weight=1e-4, across_gpus=True)
    loss = MODELS.build(config)

    assert type(loss) is AllPairsRankingLoss
    assert (loss.margin, loss.loss_weight, loss.across_gpus) == (0.5, 1e-4, True)


@pytest.mark.parametrize("name", ["margin", "loss_weight"])
def test_negative_parameters_are_refused(name):
    with pytest.raises(ValueError, match=rf"'{name}' .* AllPairsRankingLoss must be >= 0"):
        AllPairsRankingLoss(**{name: -0.5})
