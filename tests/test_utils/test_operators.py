import pytest
import torch

from mmal.utils.operators import OperatorCount, kernel_launches


def test_counts_what_computes_and_no_views() -> None:
    with OperatorCount() as count:
        matrix = torch.ones(2, 3)
        view = matrix.t().reshape(6)[2:].unsqueeze(0).expand(5, 4)
        view.contiguous().add_(1).sum()
    assert count.by_name == {
        "aten.ones.default": 1,
        "aten.clone.default": 2,  # of reshape and contiguous
        "aten.add_.Tensor": 1,
        "aten.sum.default": 1,
    }
    assert count.total == 5


def test_counts_backward_and_stops() -> None:
    weight = torch.ones(3, requires_grad=True)
    with OperatorCount() as forward:
        loss = (weight * weight).sum()
    with OperatorCount() as backward:
        loss.backward()
    torch.ones(1)
    assert forward.total == 2
    # Of the product of a tensor with itself: two products, and their sum.
    assert backward.by_name["aten.mul.Tensor"] == 2
    assert backward.by_name["aten.add.Tensor"] == 1


@pytest.mark.skipif(
    not torch.cuda.is_available(), reason="needs a GPU, of which kernels are counted"
)
def test_kernels_of_a_gpu() -> None:
    values = torch.ones(8, device="cuda")
    assert kernel_launches(lambda: (values + 1).mul_(2).cpu(), "cuda") == 3
    assert kernel_launches(lambda: values.view(2, 4), "cuda") == 0
