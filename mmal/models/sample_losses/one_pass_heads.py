"""The heads whose losses of all images come from one pass, each by its own formula.

Each repeats the last lines of the head's ``loss_by_feat``: what is divided by what. Tests compare
every one with the replay and with batches of one image.
"""

import torch
from torch import Tensor, nn

from .mm_classes import class_name
from .one_pass import EPS, HeadCalls, OnePass, only


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


def _atss_losses(calls: HeadCalls) -> Tensor:
    """``ATSSHead``: boxes are weighted by their centerness and divided by its sum."""
    sampled = calls.sampled()
    classes = calls.losses["loss_cls"]
    lengths = [len(call.target) for call in classes]
    positive = calls.positive(torch.cat([call.target for call in classes]))
    weights = [call.weight for call in calls.losses["loss_bbox"]]
    boxes, weight, centerness = calls.positives_by_image(
        positive, lengths, [calls.rows("loss_bbox"), weights, calls.rows("loss_centerness")]
    )
    return (
        calls.averaged("loss_cls", calls.by_image(calls.rows("loss_cls")), sampled)
        + calls.averaged("loss_bbox", boxes, 1.0) / weight.clamp(min=1)
        + calls.averaged("loss_centerness", centerness, sampled)
    )


def _fcos_losses(calls: HeadCalls) -> Tensor:
    """``FCOSHead``: as ATSS, but by positive points, and with all levels in one call."""
    classes = only(calls.losses["loss_cls"])
    scores = calls.methods["forward"][0].result[0]
    lengths = [len(level) * level.shape[2] * level.shape[3] for level in scores]
    weights = [call.weight for call in calls.losses["loss_bbox"]]
    ones = [torch.ones_like(weight) for weight in weights]
    of_positives = calls.spread(
        calls.positive(classes.target),
        [calls.rows("loss_bbox"), weights, calls.rows("loss_centerness"), ones],
    )
    rows = torch.cat([of_positives, only(calls.rows("loss_cls"))[None]])
    boxes, weight, centerness, count, of_classes = calls.by_image(rows.split(lengths, dim=-1))
    counted = calls.weighted("loss_cls", of_classes) + calls.weighted("loss_centerness", centerness)
    # Beside a count of 1 or more, EPS is the last digit of a float at the most.
    return counted / count.clamp(min=1) + calls.averaged("loss_bbox", boxes, weight.clamp(min=1e-6))


def _rtmdet_losses(calls: HeadCalls) -> Tensor:
    """``RTMDetHead``: both losses are divided by how well the positive points are aligned."""
    classes = calls.losses["loss_cls"]
    labels, alignment = zip(*(call.target for call in classes), strict=True)
    lengths = [len(level) for level in labels]
    weights = [call.weight for call in calls.losses["loss_bbox"]]
    boxes, weight = calls.positives_by_image(
        calls.positive(torch.cat(labels)), lengths, [calls.rows("loss_bbox"), weights]
    )
    of_classes = calls.by_image(calls.rows("loss_cls"))
    aligned = calls.by_image(alignment).clamp(min=1)
    return calls.averaged("loss_cls", of_classes, 1.0) / aligned + calls.averaged(
        "loss_bbox", boxes, 1.0
    ) / weight.clamp(min=1)


def _yolox_losses(calls: HeadCalls) -> Tensor:
    """``YOLOXHead``: everything is divided by the positive points, image by image in one level."""
    objectness = only(calls.losses["loss_obj"])
    positive = objectness.target.flatten() > 0
    names = [name for name in ("loss_cls", "loss_bbox", "loss_l1") if calls.losses[name]]
    sums = calls.positives_by_image(positive, [len(positive)], [calls.rows(n) for n in names])
    found = calls.methods["_get_targets_single"]
    count = calls.counts([max(call.result[-1], 1) for call in found])
    of_images = {"loss_obj": calls.by_image(calls.rows("loss_obj"))} | dict(
        zip(names, sums, strict=True)
    )
    return sum(calls.weighted(name, of_image) for name, of_image in of_images.items()) / count


def _box_losses(calls: HeadCalls) -> Tensor:
    """``BBoxHead`` of an RoI head: losses are divided by the RoIs that were drawn."""
    call = only(calls.methods["loss_and_target"])
    # OHEM has called it before, to see whose loss is large.
    classes, rows = only(calls.losses["loss_cls"]), only(calls.rows("loss_cls"))
    drawn = call.arguments["sampling_results"]
    count = calls.counts([len(found.pos_inds) + len(found.neg_inds) for found in drawn])
    images = torch.arange(calls.size, device=rows.device)
    of_image = call.arguments["rois"][:, 0] == images[:, None]
    boxes = calls.spread(calls.positive(classes.target), [calls.rows("loss_bbox")])
    # Of one image after the other: a product with zeros would hand on a NaN.
    sums = torch.where(of_image, torch.stack([rows, boxes[0]])[:, None], 0.0).sum(dim=-1)
    of_classes = calls.averaged("loss_cls", sums[0], count.clamp(min=1))
    return of_classes + calls.averaged("loss_bbox", sums[1], count)


_ANCHORS = OnePass(_anchor_losses, ("loss_cls", "loss_bbox"), {"_get_targets_single": False})
_BOXES = OnePass(_box_losses, ("loss_cls", "loss_bbox"), {"loss_and_target": True})
#: By the class of the head.
_HEADS = {
    "ATSSHead": OnePass(
        _atss_losses,
        ("loss_cls", "loss_bbox", "loss_centerness"),
        {"_get_targets_single": False},
    ),
    "FCOSHead": OnePass(
        _fcos_losses, ("loss_cls", "loss_bbox", "loss_centerness"), {"forward": False}
    ),
    "RTMDetSepBNHead": OnePass(_rtmdet_losses, ("loss_cls", "loss_bbox"), {}),
    "YOLOXHead": OnePass(
        _yolox_losses,
        ("loss_obj", "loss_cls", "loss_bbox", "loss_l1"),
        {"_get_targets_single": False},
        reduction="sum",
    ),
    "ConvFCBBoxHead": _BOXES,
    "DoubleConvFCBBoxHead": _BOXES,
    "RPNHead": _ANCHORS,
    "RetinaHead": _ANCHORS,
    "Shared2FCBBoxHead": _BOXES,
    "Shared4Conv1FCBBoxHead": _BOXES,
    "SSDHead": OnePass(
        _ssd_losses, (), {"_get_targets_single": False, "loss_by_feat_single": True}
    ),
}


def one_pass_of(head: nn.Module) -> OnePass | None:
    """Return how the losses of the images of ``head`` come from one pass, or None."""
    found = _HEADS.get(class_name(head))
    return found if found and found.suits(head) else None
