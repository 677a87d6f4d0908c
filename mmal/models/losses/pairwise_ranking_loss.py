"""The ranking loss that trains the loss prediction module."""

import torch
from torch import Tensor, nn

from mmal.registry import MODELS


def pairwise_ranking_loss(pred_diff: Tensor, target_diff: Tensor, margin: float = 1.0) -> Tensor:
    """Hinge on the order of two predicted losses (Yoo & Kweon, CVPR 2019, equation 2).

    ``max(0, -s * (pred_i - pred_j) + margin)`` with ``s = +1`` if ``target_i > target_j`` else -1.

    Args:
        pred_diff: Predicted losses ``pred_i - pred_j``, of shape (P,).
        target_diff: Target losses ``target_i - target_j``, of shape (P,), without zeros.
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

    Raises:
        ValueError: If ``margin`` or ``loss_weight`` is negative.
    """

    def __init__(self, margin: float = 1.0, loss_weight: float = 1.0) -> None:
        super().__init__()
        for name, value in dict(margin=margin, loss_weight=loss_weight).items():
            if value < 0:
                raise ValueError(
                    f"The '{name}' parameter of PairwiseRankingLoss must be >= 0. "
                    f"Got {value} instead."
                )
        self.margin = margin
        self.loss_weight = loss_weight

    def forward(self, pred_loss: Tensor, target_loss: Tensor) -> dict[str, Tensor]:
        """Compute the ranking loss of a batch.

        Args:
            pred_loss: Predicted losses, of shape (N,).
            target_loss: Target losses, of shape (N,), constants: no gradient flows into them.

        Returns:
            ``loss_rank``, the weighted loss, and ``rank_acc``, the share of the pairs in the right
            order (0..1; predictions that tie count one half). Without a pair that counts
            ``rank_acc`` is left out.
        """
        with torch.autocast(pred_loss.device.type, enabled=False):
            pred_diff, target_diff = self._pair_differences(pred_loss, target_loss)
            # An empty selection keeps the graph: every rank has a gradient for every parameter.
            loss = pairwise_ranking_loss(pred_diff, target_diff, self.margin).sum()
            result = dict(loss_rank=self.loss_weight * loss / max(len(pred_diff), 1))
        if len(pred_diff):
            agreement = pred_diff.detach().sign() * target_diff.sign()
            result["rank_acc"] = (agreement.mean() + 1) / 2
        return result

    @staticmethod
    def _pair_differences(pred: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """Return predicted and target differences of the pairs that count, each of shape (P,)."""
        even = len(pred) // 2 * 2
        pred, target = pred[:even].float(), target[:even].detach().float()
        pred_diff, target_diff = pred[0::2] - pred[1::2], target[0::2] - target[1::2]
        # inf - inf and nan are not finite either; the difference alone decides.
        counts = target_diff.isfinite() & (target_diff != 0)
        return pred_diff[counts], target_diff[counts]
