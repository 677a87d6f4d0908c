"""The heads whose losses of all images come from one pass, each by its own formula.

Each repeats the last lines of the head's ``loss_by_feat``: what is divided by what. Tests compare
every one with the replay and with batches of one image.
"""

import torch
from torch import Tensor, nn

from .mm_classes import class_name
from .one_pass import EPS, HeadCalls, OnePass


def _anchor_losses(calls: HeadCalls) -> Tensor:
    """``AnchorHead``: losses over all anchors, divided by how many were sampled."""
    sampled = calls.sampled()
    sums = {name: calls.by_image(calls.rows(name)) for name in ("loss_cls", "loss_bbox")}
    return sum(calls.averaged(name, of_images, sampled) for name, of_images in sums.items())


def _ssd_losses(calls: HeadCalls) -> Tensor:
    """``SSDHead``: has a call for each image already; only the divisor is the batch's."""
    made = calls.methods["loss_by_feat_single"]
    sampled, batch = calls.sampled(), made[0].arguments["avg_factor"]
    of_classes, of_boxes = (
        torch.stack([part.detach().reshape(()) for part in parts])
        for parts in zip(*(call.result for call in made), strict=True)
    )
    return of_classes * (batch / sampled) + of_boxes * ((batch + EPS) / (sampled + EPS))


#: By the class of the head.
_HEADS = {
    "RetinaHead": OnePass(
        _anchor_losses, ("loss_cls", "loss_bbox"), {"_get_targets_single": False}
    ),
    "SSDHead": OnePass(
        _ssd_losses, (), {"_get_targets_single": False, "loss_by_feat_single": True}
    ),
}


def one_pass_of(head: nn.Module) -> OnePass | None:
    """Return how the losses of the images of ``head`` come from one pass, or None."""
    found = _HEADS.get(class_name(head))
    return found if found and found.suits(head) else None
