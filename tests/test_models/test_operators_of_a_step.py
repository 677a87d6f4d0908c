"""How many operators learning loss adds to a training step: what a GPU waits for."""

import copy

import pytest
import torch
from torch import nn

from mmal.utils.operators import OperatorCount
from tests.models import DENSE, FASTER_RCNN, batch, build

#: Whose losses of all images come from one pass.
ONE_PASS = [
    "SSDLite",
    "RetinaNet",
    "FCOS",
    "ATSS",
    "YOLOX",
    "RTMDet",
    pytest.param("Faster R-CNN", marks=pytest.mark.slow),
]


def operators_of_a_step(model: nn.Module, data: dict) -> int:
    model.zero_grad()
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-6, momentum=0.9)
    with OperatorCount() as count:
        losses = model.loss(*copy.deepcopy(data).values())
        model.parse_losses(losses)[0].backward()
        optimizer.step()
    return count.total


@pytest.mark.parametrize("name", ONE_PASS)
def test_do_not_grow_with_the_batch(name: str) -> None:
    path, channels, size = {**DENSE, "Faster R-CNN": FASTER_RCNN}[name]
    plain, model = build(path, None), build(path, channels)
    plain.train(), model.train()
    extra = []
    for images in (2, 4):
        data = batch(plain, size, [1, 0, 3, 2][:images])
        extra.append(operators_of_a_step(model, data) - operators_of_a_step(plain, data))
    # Levels without a positive have a call less.
    assert abs(extra[0] - extra[1]) <= 5
    # A sum a level, its part of the gradient, where channels differ a product with its backward;
    # updates, the losses of each head, their pairs.
    heads = 2 if name == "Faster R-CNN" else 1
    assert 2 * len(channels) < extra[0] < 6 * len(channels) + 45 + 10 * heads
