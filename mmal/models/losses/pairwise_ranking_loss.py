"""The ranking loss that trains the loss prediction module."""

import numpy as np
import torch
from mmengine.dist import get_world_size
from torch import Tensor, nn

from mmal.registry import MODELS

from .across_ranks import joined_over_ranks


@MODELS.register_module()
class PairwiseRankingLoss(nn.Module):
    """Ranking loss over the B/2 pairs of a mini-batch (Yoo & Kweon, CVPR 2019, section 3.3).

    That of a pair is a hinge on the order of its predicted losses, equation 2:
    ``max(0, -s * (pred_i - pred_j) + margin)`` with ``s = +1`` if ``target_i > target_j`` else -1.
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
            order (0..1; predictions that tie or are NaN count one half), left out when no pair
            counts; and ``rank_invalid``, the number of samples whose target loss is NaN or
            infinite. The last two are on the CPU, as logs want them.
        """
        with torch.autocast(pred_loss.device.type, enabled=False):
            pred, target = pred_loss.float(), target_loss.detach().float()
            if self.across_gpus:
                pred, target = joined_over_ranks(torch.stack([pred, target], dim=1)).unbind(1)
                target = target.detach()
            # The order of a few numbers is known sooner on the host than by launches on a GPU.
            known = torch.stack([pred.detach(), target]).cpu()
            predicted, order = (_differences(self._pairs(values).numpy()) for values in known)
            # Neither inf - inf, which is nan, nor inf - 1 says which loss is the larger one.
            order = np.sign(np.nan_to_num(order, nan=0, posinf=0, neginf=0))
            ordered = order != 0
            pairs = self._pairs(pred)
            if not ordered.all():
                # What is predicted for a pair without an order does not matter, not even nan.
                pairs = pairs[torch.from_numpy(ordered)]
                predicted, order = predicted[ordered], order[ordered]
            # In one product, and its gradient in another: -s for the first and s for the second.
            signs = torch.from_numpy(np.stack([-order, order], axis=1)).to(pairs)
            losses = torch.relu((pairs * signs).sum(dim=1) + self.margin)
            # Without a pair the sum still has a graph: every rank has all gradients.
            loss = losses.mean() if len(order) else losses.sum()
            if self.loss_weight != 1:
                loss = self.loss_weight * loss
            if self.across_gpus:  # averaging over the ranks divides the gradient, not the value
                loss = loss.detach() + get_world_size() * (loss - loss.detach())
        invalid = np.count_nonzero(~np.isfinite(known[1].numpy()))
        result = dict(loss_rank=loss, rank_invalid=torch.tensor(float(invalid)))
        if len(order):
            agreement = np.nan_to_num(np.sign(predicted)) * order
            result["rank_acc"] = torch.tensor((1 + agreement.mean()) / 2)
        return result

    @staticmethod
    def _pairs(values: Tensor) -> Tensor:
        """Return the two values of each pair, of shape (P, 2)."""
        even = values[:-1] if len(values) % 2 else values
        return even.unflatten(0, (-1, 2))


def _differences(pairs: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore", over="ignore"):
        return pairs[:, 0] - pairs[:, 1]
