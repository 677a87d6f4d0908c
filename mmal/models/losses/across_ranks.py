"""Batches that are spread over processes."""

import torch
from mmengine.dist import all_gather, get_rank, get_world_size
from torch import Tensor


def joined_over_ranks(rows: Tensor) -> Tensor:
    """Concatenate the rows of all ranks, in the order of the ranks.

    The gradient flows into this rank's own rows alone. A loss that every rank computes from the
    joined rows therefore gives each rank its part of the gradient; DistributedDataParallel
    averages these parts over the ranks, so the loss has to be multiplied by their number.

    Args:
        rows: This rank's rows, of shape (N, C); N may differ between ranks.

    Returns:
        Rows of shape (sum of N, C); ``rows`` itself in a single process.
    """
    if get_world_size() == 1:
        return rows
    sizes = torch.cat(all_gather(torch.tensor([len(rows)], device=rows.device))).tolist()
    padded = rows.new_zeros(max(sizes), *rows.shape[1:])
    padded[: len(rows)] = rows.detach()
    parts = [part[:size] for part, size in zip(all_gather(padded), sizes, strict=True)]
    parts[get_rank()] = rows
    return torch.cat(parts)
