"""The ranking loss that trains the loss prediction module."""

import torch
from mmengine.dist import get_world_size
from torch import Tensor, nn

from mmal.registry import MODELS

from .across_ranks import joined_over_ranks


def pairwise_ranking_loss(pred_diff: Tensor, target_diff: Tensor, margin: float = 1.0) -> Tensor:
    """Hinge on the order of two predicted losses (Yoo & Kweon, CVPR 2019, equation 2).

    ``max(0, -s * (pred_i - pred_j) + margin)`` with ``s = +1`` if ``target_i > target_j`` else -1.

    Args:
        pred_diff: Predicted losses ``pred_i - pred_j``, of shape (P,).
        target_diff: Target losses ``target_i - target_j``, or their signs, of shape (P,). A 0 is no
            order; its loss, the margin, means nothing.
        margin: The margin, in units of the predicted loss.

    Returns:
        The loss of each pair, of shape (P,).

    Example:
        >>> pairwise_ranking_loss(torch.tensor([0.2, 0.2]), torch.tensor([3.0, -3.0]))
        tensor([0.8000, 1.2000])
    """
    return torch.relu(margin - target_diff.sign() * pred_diff)


@MODELS.register_module()
class PairwiseRankingLoss(nn.Module):
    """Ranking loss over the B/2 pairs of a mini-batch (Yoo & Kweon, CVPR 2019, section 3.3).

    Samples 2k and 2k+1 of the batch are a pair; the last sample of an odd batch is in none. Left
    out, too, are pairs whose target losses are equal (they have no order) or not finite. The loss
    is the mean over the pairs that remain, which is the paper's ``2/B * sum`` when all do, and a
    zero that keeps the graph when none does. It is computed in float32 whatever the input.

    Args:
        margin: The margin xi, in units of the predicted loss.
        loss_weight: The factor lambda of the total loss.
        across_gpus: Whether pairs are made of the joint batch of all GPUs, as if one GPU had held
            it, so that one or two images a GPU still give pairs. Needs data parallel training
            that averages gradients, which is what MMEngine's does.

    Raises:
        ValueError: If ``margin`` or ``loss_weight`` is negative.
    """

    def __init__(
        self, margin: float = 1.0, loss_weight: float = 1.0, across_gpus: bool = False
    ) -> None:
        super().__init__()
        for name, value in dict(margin=margin, loss_weight=loss_weight).items():
            if value < 0:
                raise ValueError(
                    f"The '{name}' parameter of {type(self).__name__} must be >= 0. "
                    f"Got {value} instead."
                )
        self.margin = margin
        self.loss_weight = loss_weight
        self.across_gpus = across_gpus

    def forward(self, pred_loss: Tensor, target_loss: Tensor) -> dict[str, Tensor]:
        """Compute the ranking loss of a batch.

        Args:
            pred_loss: Predicted losses, of shape (N,).
            target_loss: Target losses, of shape (N,), constants: no gradient flows into them.

        Returns:
            ``loss_rank``, the weighted loss; ``rank_acc``, the share of the pairs in the right
            order (0..1; predictions that tie count one half), left out when no pair counts; and
            ``rank_invalid``, the number of samples whose target loss is NaN or infinite.
        """
        with torch.autocast(pred_loss.device.type, enabled=False):
            pred, target = pred_loss.float(), target_loss.detach().float()
            if self.across_gpus:
                pred, target = joined_over_ranks(torch.stack([pred, target], dim=1)).unbind(1)
                target = target.detach()
            pred_diff, order = self._differences(pred), self._differences(target)
            # 0 where there is none: inf - inf and nan are not finite either.
            order = order.nan_to_num(nan=0, posinf=0, neginf=0).sign()
            # What is predicted for a pair without an order does not matter, not even nan.
            pred_diff = torch.where(order != 0, pred_diff, 0.0)
            losses = pairwise_ranking_loss(pred_diff, order, self.margin)
            counts = int(order.count_nonzero())
            # Without a pair the sum still has a graph: every rank has all gradients.
            loss = (losses * order.abs()).sum() * (self.loss_weight / max(counts, 1))
            if self.across_gpus:  # averaging over the ranks divides the gradient, not the value
                loss = loss.detach() + get_world_size() * (loss - loss.detach())
        # inf - inf and nan - nan are not 0.
        invalid = (target - target).count_nonzero().to(target.dtype)
        result = dict(loss_rank=loss, rank_invalid=invalid)
        if counts:
            agreement = (pred_diff.detach().sign() * order).sum() / counts
            result["rank_acc"] = (agreement + 1) / 2
        return result

    @staticmethod
    def _differences(values: Tensor) -> Tensor:
        """Return the first minus the second value of each pair, of shape (P,)."""
        first, second = values[: len(values) // 2 * 2].unflatten(0, (-1, 2)).unbind(1)
        return first - second
