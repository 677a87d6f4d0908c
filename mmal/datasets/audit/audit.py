"""Data sets, compared with what their annotation files say, and with each other."""

import gc
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from mmengine.dataset import BaseDataset
from mmengine.registry import DATASETS

from mmal.utils import registered_class

from ..backend_args import backend_args_of
from .classes import SetClasses, compare_classes, compare_ignored
from .classification import audit_classification
from .coco import audit_coco
from .coco_keypoints import audit_coco_keypoints
from .generic import audit_folder, audit_generic
from .image_cache import ImageCache
from .image_facts import ImageFacts
from .image_paths import find_missing, is_there
from .images import inspect_images
from .joint_metainfo import metainfo_problem
from .mpii import audit_mpii
from .overlap import (
    Picture,
    compare_in_memory,
    compare_pictures,
    compare_pool,
    find_equal_names,
    picture_digest,
)
from .pictures import (
    check_names,
    compare_facts,
    picture_of,
    tolerate_unreadable,
    turns_photos,
)
from .report import AuditReport, SetCounts
from .settings import AuditSettings
from .stated import SetAudit, StatedImage, are_percent
from .voc import audit_voc

Reader = Callable[[SetAudit], tuple[list[dict], list[StatedImage]]]

#: Which reader knows the files of a data set class, by package, or of a subclass of it.
_READERS: dict[str, Reader] = {
    "mmdet.XMLDataset": audit_voc,
    "mmdet.CocoDataset": audit_coco,
    "mmpose.MpiiDataset": audit_mpii,
    "mmpose.BaseCocoStyleDataset": audit_coco_keypoints,
    "mmpretrain.CustomDataset": audit_classification,
    "mmal.ImageFolder": audit_folder,
}


#: What ``filter_data`` reads of ``filter_cfg``, by the same families.
_FILTERS = {
    "mmdet.XMLDataset": ("filter_empty_gt", "min_size", "bbox_min_size"),
    "mmdet.CocoDataset": ("filter_empty_gt", "min_size"),
    "mmpose.BaseCocoStyleDataset": ("bbox_score_thr",),
}

#: Classes that read ``<name>.jpg`` in ``img_subdir``, whereas others may look elsewhere.
_JPG_READERS = ("VOCDataset", "XMLDataset")


class _Leaf(NamedTuple):
    """What is left to look at of a data set once its annotations were."""

    pictures: list[Picture]
    backend_args: dict | None
    reads_jpg: bool
    classes: SetClasses
    in_memory: list[str]


def audit_datasets(
    sets: Mapping[str, Sequence[dict]],
    settings: AuditSettings | None = None,
    cache: ImageCache | None = None,
    unscored: Collection[str] = (),
    unlabeled: Collection[str] = (),
) -> AuditReport:
    """Compare what annotation files say with what data sets hand out, and look at every image.

    1. Each annotation file is read without the data set's own code; every image, object, class
       and size that the data set hands out differently is explained by a rule, or an error.
    2. Every image is decoded, and its size compared with the annotations'.
    3. The sets are compared with each other, by path and by content.

    Args:
        sets: Configs of data sets without wrappers, by the name of the set that they make up:
            ``train``, ``val``, ``test`` and ``pool`` (of images without labels).
        settings: What is accepted, left out on purpose, and how many images are decoded.
        cache: Remembers images between runs; by default nothing is remembered.
        unscored: Sets whose evaluator writes predictions, and compares them with no annotations
            (``CocoMetric(format_only=True)``): their files may have none.
        unlabeled: Sets that are a pool, of which a few images may be missing or unreadable; see
            ``AuditSettings.unreadable``.

    Returns:
        The report; see :meth:`AuditReport.raise_errors`.
    """
    settings = settings or AuditSettings()
    report = AuditReport(settings.accept)
    leaves = [
        leaf
        for name, configs in sets.items()
        for cfg in configs
        if (leaf := _audit_annotations(name, cfg, report, settings, name not in unscored))
        is not None
    ]
    pictures = [picture for leaf in leaves for picture in leaf.pictures]
    check_names(pictures, report)
    facts = _inspect(leaves, settings, report, cache)
    compare_facts(pictures, facts, report)
    for name in unlabeled:
        tolerate_unreadable(name, pictures, settings.unreadable, report)
    classes = [leaf.classes for leaf in leaves if leaf.classes.set_name != "pool"]
    compare_classes(classes, report)
    if len(leaves) == sum(map(len, sets.values())):
        compare_ignored(classes, settings.ignore_classes, report)
    compare_pictures(pictures, facts, report)
    compare_in_memory([(leaf.classes, leaf.in_memory) for leaf in leaves], report)
    find_equal_names(pictures, report)
    if any(leaf.reads_jpg for leaf in leaves if leaf.classes.set_name == "train"):
        compare_pool(pictures, report)
    return report


def _inspect(
    leaves: Sequence[_Leaf],
    settings: AuditSettings,
    report: AuditReport,
    cache: ImageCache | None,
) -> dict[str, ImageFacts]:
    """Look at the images of all data sets, or whether they are there."""
    chosen: dict[str, dict | None] = {}
    others: dict[str, dict | None] = {}
    for leaf in leaves:
        paths = list(dict.fromkeys(picture.path for picture in leaf.pictures))
        spread = set(_spread(paths, settings.max_images, leaf, report))
        for path in paths:
            (chosen if path in spread else others).setdefault(path, leaf.backend_args)
    # Once for all: processes that could not read all annotations must not wait for each other.
    facts = inspect_images(chosen, cache)
    left = {path: backend_args for path, backend_args in others.items() if path not in facts}
    return facts | dict.fromkeys(find_missing(left), ImageFacts("image-missing"))


def _audit_annotations(
    name: str, cfg: dict, report: AuditReport, settings: AuditSettings, scored: bool
) -> _Leaf | None:
    """Audit one data set's annotations; None if there is nothing to look at further."""
    dataset = _build(name, cfg, report)
    if dataset is None:
        return None
    audit = SetAudit(name, dataset, report, settings.ignore_classes, scored)
    if missing := _missing_paths(dataset):
        for path in missing:
            where = f"data_root={dataset.data_root!r} of the config's {type(dataset).__name__}"
            audit.add("path-missing", path, "", where)
        return None
    if len(set(audit.classes)) < len(audit.classes):
        audit.add("class-twice", audit.source, "metainfo.classes", audit.classes)
        return None
    family = [f"{cls.__module__.split('.')[0]}.{cls.__name__}" for cls in type(dataset).__mro__]
    _check_filter(audit, family)
    read = next((_READERS[name] for name in family if name in _READERS), audit_generic)
    if name == "pool":  # its annotations, if any, are not looked at
        read = audit_folder
    collects = gc.isenabled()
    gc.disable()  # of the millions of objects that large files make, none is garbage
    try:
        infos, images = read(audit)
        infos = [info for info in infos if not info.get("not_parsed")]
        kept = audit.kept(infos)
    except Exception as error:  # whatever a data set class stumbles over
        says = str(error) if isinstance(error, FileNotFoundError) else repr(error)
        audit.add("unreadable", audit.source, "", f"{type(dataset).__name__} says {says}")
        return None
    finally:
        audit.finish()
        if collects:
            gc.enable()
    stated = {image.key: image for image in images}
    _explain_images(audit, stated, infos, kept)
    counts = _count(audit, images, infos, kept)
    report.sets.append(counts)
    _check_counts(audit, counts)
    if are_percent(images):
        value = f"all {counts.objects} boxes lie in the upper left 100 x 100 pixels"
        audit.add("boxes-percent", audit.source, "", value)
    if dataset._indices is not None:
        infos = kept
    turns = turns_photos(dataset)
    pictures = [picture_of(audit, info, stated.get(info.get("img_id")), turns) for info in infos]
    pictures = [p for p in pictures if p is not None]
    reads_jpg = type(dataset).__name__ in _JPG_READERS
    audit.named.update(item.label for image in images for item in image.objects)
    named = frozenset(audit.named) if images else None
    file = pictures[0].file if pictures else str(audit.source)
    classes = SetClasses(name, file, audit.classes, named)
    in_memory = [picture_digest(info["img"]) for info in infos if "img" in info]
    return _Leaf(pictures, backend_args_of(dataset), reads_jpg, classes, in_memory)


def _build(name: str, cfg: dict, report: AuditReport) -> BaseDataset | None:
    source = cfg.get("ann_file") or cfg.get("data_root") or ""
    classes = (cfg.get("metainfo") or {}).get("classes")
    if isinstance(classes, str) and not os.path.exists(classes):
        report.add(name, "classes-string", source, "metainfo.classes", repr(classes))
        return None
    kind = registered_class(cfg, DATASETS)
    if isinstance(kind, type) and not issubclass(kind, BaseDataset):
        value = "is not based on mmengine.dataset.BaseDataset, which mmal needs"
        report.add(name, "not-built", source, kind.__name__, value)
        return None
    if problem := metainfo_problem(cfg.get("metainfo") or {}):
        report.add(name, "not-built", source, kind.__name__, problem)
        return None
    try:
        return DATASETS.build({**cfg, "lazy_init": True})
    except Exception as error:  # whatever a class refuses
        report.add(name, "not-built", source, str(cfg.get("type")), error)
        return None


def _missing_paths(dataset: BaseDataset) -> list[str]:
    """Name the folders and list files that are not there."""
    if getattr(dataset, "download", False):  # CIFAR-10 comes by itself
        return []
    paths = [dataset.ann_file, *dataset.data_prefix.values()]
    paths.append(getattr(dataset, "headbox_file", None))  # MPII's, for PCKh
    paths.append(getattr(dataset, "bbox_file", None))  # people that a detector found
    if type(dataset).__name__ in _JPG_READERS:  # others may have other folders
        folders = (dataset.ann_subdir, dataset.img_subdir)
        paths += [os.path.join(dataset.sub_data_root, folder) for folder in folders]
    backend_args = getattr(dataset, "backend_args", None)
    images = list(dataset.data_prefix.values())
    return [
        p
        for p in dict.fromkeys(paths)
        if p and not is_there(p, backend_args_of(dataset) if p in images else backend_args)
    ]


def _explain_images(
    audit: SetAudit, stated: Mapping[object, StatedImage], infos: list[dict], kept: list[dict]
) -> None:
    """Explain every image that a file states and the data set does not hand out."""
    given = {info.get("img_id") for info in infos}
    for key, image in stated.items():
        if key not in given and image.needed:
            audit.add("image-lost", image.file, "", image.name)
    places = {id(info) for info in kept}
    smallest = (audit.dataset.filter_cfg or {}).get("min_size", 0)
    for info in infos:
        if id(info) in places or audit.dataset._indices is not None:
            continue
        size = (info.get("width", smallest), info.get("height", smallest))
        image = stated.get(info.get("img_id"))
        file = image.file if image is not None else audit.source
        if min(size) < 0 or min(size) <= 0 < smallest:
            audit.add("size-zero", file, "", f"{size[0]} x {size[1]}, min_size={smallest}")
        else:
            small = min(size) < smallest
            rule = f"min_size={smallest}" if small else f"{dict(audit.dataset.filter_cfg or {})}"
            audit.add("image-filtered", file, info.get("img_path", ""), rule)


def _check_counts(audit: SetAudit, counts: SetCounts) -> None:
    """Find sets of which nothing is used, or most boxes lie elsewhere than they should."""
    if audit.name == "pool" or not counts.images or not audit.classes:
        return  # no boxes, or nothing was loaded, and why has been said
    if not counts.objects and audit.scored and not audit.report.count(audit.name, "no-objects"):
        audit.add("no-objects", audit.source, "", f"{counts.objects_stated} are stated")
    out = audit.report.count(audit.name, "box-sticks-out")
    if out >= 10 and out > 0.2 * counts.objects_stated:
        value = f"{out} of {counts.objects_stated} boxes stick out of their images"
        audit.add("boxes-misplaced", audit.source, "", value)


def _count(
    audit: SetAudit, images: list[StatedImage], infos: list[dict], kept: list[dict]
) -> SetCounts:
    names = audit.classes
    labels = [
        item["bbox_label"]
        for info in kept
        for item in info.get("instances") or ()
        if not item.get("ignore_flag") and "bbox_label" in item
    ]
    people = [info for info in kept if "keypoints" in info]
    counts = np.bincount([i for i in labels if i >= 0], minlength=len(names)).tolist()
    return SetCounts(
        name=audit.name,
        type=type(audit.dataset).__name__,
        source=str(audit.source),
        images_stated=len(images) if images else len({str(info.get("img_path")) for info in infos}),
        images=len({str(info.get("img_path", id(info))) for info in kept}),
        objects_stated=sum(len(image.objects) for image in images),
        objects=sum(len(info["keypoints"]) for info in people) if people else len(labels),
        classes=dict(zip(names, counts, strict=False)),
    )


def _check_filter(audit: SetAudit, family: Sequence[str]) -> None:
    """Find keys of ``filter_cfg`` that the packages' data sets pass over."""
    known = next((_FILTERS[name] for name in family if name in _FILTERS), None)
    of_package = type(audit.dataset).filter_data.__module__.startswith(("mmdet.", "mmpose."))
    if known is None or not of_package:
        return
    for key in audit.dataset.filter_cfg or ():
        if key not in known:
            value = f"{key!r}; {type(audit.dataset).__name__} reads {', '.join(known)}"
            audit.add("filter-unknown", audit.source, "filter_cfg", value)


def _spread(paths: list[str], limit: int | None, leaf: _Leaf, report: AuditReport) -> list[str]:
    """Choose evenly spread paths, as many as are to be decoded."""
    if limit is None or limit >= len(paths):
        return paths
    places = np.linspace(0, len(paths) - 1, limit).astype(int) if limit else []
    left = len(paths) - len(places)
    report.merge(leaf.classes.set_name, "not-decoded", left, [])
    return [paths[i] for i in places]
