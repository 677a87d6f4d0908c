"""Annotations of a format that the audit does not know: there is but what is handed out."""

import math
from collections.abc import Sequence

import numpy as np
from mmengine.fileio import load

from .stated import SetAudit, StatedImage

#: Where an ImageFolder notes what it passes over, by the kind of the finding.
_PASSED_OVER = {
    "type-not-read": "other_pictures",
    "link-dangling": "dangling",
    "folder-closed": "closed",
}


def audit_generic(audit: SetAudit) -> tuple[list[dict], list[StatedImage]]:
    """Check what a data set hands out by itself.

    Returns:
        What the data set hands out, unfiltered, and that nothing was read beside it.
    """
    infos, failed = audit.load()
    name = type(audit.dataset).__name__
    for key, error in failed.items():
        audit.add("unreadable", audit.source, f"image {key!r}", f"{name} says {error!r}")
    if not infos:
        audit.add("nothing-stated", audit.source, "", f"{name} finds no images in it")
    if any(info.get("instances") or "gt_label" in info for info in infos):
        audit.add("not-compared", audit.source, "", f"read by {name}")
    audit.classes = tuple(audit.dataset.metainfo.get("classes") or ())
    _compare_order(audit)
    for info in infos:
        if "gt_label" in info:
            info["instances"] = [dict(bbox_label=label) for label in labels_of(audit, info)]
        place = f"image {info.get('img_id', info.get('img_path'))!r}"
        for number, item in enumerate(info.get("instances") or (), 1):
            label, box = item.get("bbox_label"), item.get("bbox")
            if label is not None and audit.classes and not -1 <= label < len(audit.classes):
                value = f"class {label} of {len(audit.classes)}"
                audit.add("value-wrong", audit.source, f"{place}, object {number}", value)
            if box is not None and not all(math.isfinite(v) for v in box):
                audit.add("value-wrong", audit.source, f"{place}, object {number}", list(box))
    return infos, []


def class_name(label: int, classes: Sequence[str]) -> str:
    """Return the name of a class; of one without a name, its number."""
    return classes[label] if label < len(classes) else f"class {label}"


def _compare_order(audit: SetAudit) -> None:
    """Compare the classes that an OpenMMLab JSON states with the config's, which overrule them."""
    path = audit.dataset.ann_file
    if not path.endswith(".json"):
        return
    content = load(path)
    stated = (content.get("metainfo") or {}).get("classes") if isinstance(content, dict) else None
    if not isinstance(stated, (list, tuple)):
        return
    for number, (says, becomes) in enumerate(zip(stated, audit.classes, strict=False)):
        if says != becomes:
            change = f"{says!r} becomes {becomes!r}"
            audit.tally("class-shifted", change, path, f"metainfo.classes, {number}", change)


def labels_of(audit: SetAudit, info: dict) -> list[int]:
    """Return the classes of a whole image that are classes; report those that are not."""
    labels = np.ravel(info["gt_label"]).astype(int).tolist()
    known = range(len(audit.classes)) if audit.classes else range(max(labels, default=0) + 1)
    for label in labels:
        if label not in known:
            value = f"label {label} of {len(audit.classes)} classes"
            audit.add("value-wrong", audit.source, f"image {info.get('img_path')!r}", value)
    return [label for label in labels if label in known]


def audit_folder(audit: SetAudit) -> tuple[list[dict], list[StatedImage]]:
    """List the images of a folder, which states nothing, and report what it does not list."""
    infos = audit.load()[0]
    for kind, attribute in _PASSED_OVER.items():
        for path in sorted(getattr(audit.dataset, attribute, ())):
            audit.add(kind, path)
    return infos, []
