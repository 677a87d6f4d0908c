"""Finding what is wrong with a data set before a training does."""

import os
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
from mmengine.dataset import BaseDataset
from mmengine.fileio import list_from_file, load
from mmengine.registry import DATASETS
from rich.progress import track

from .pool_dataset import PoolDataset


class DatasetError(ValueError):
    """A data set with missing, broken or surprising files."""


def check_datasets(configs: Sequence[dict], ignore_classes: Iterable[str] = ()) -> None:
    """Check that annotations parse, that classes are known and that every image decodes.

    Of people in pose data it checks the number of joints, and that boxes and visible joints are
    numbers.

    Args:
        configs: Data set configs without wrappers.
        ignore_classes: Classes in annotations that may be left out on purpose.

    Raises:
        DatasetError: Naming the first problems and how many there are.
    """
    problems: list[str] = []
    images: dict[str, str] = {}
    for cfg in configs:
        dataset = DATASETS.build({**cfg, "lazy_init": True})
        missing = _missing_paths(dataset)
        if missing:
            problems += missing
        elif hasattr(dataset, "ann_subdir"):
            problems += _check_xml(dataset, set(ignore_classes), images)
        else:
            problems += _check_other(dataset, set(ignore_classes), images)
    _raise(problems + _check_images(images))


def check_images(dataset: PoolDataset) -> None:
    """Check that every image of a data set decodes, whatever its annotations.

    Raises:
        DatasetError: Naming the first problems and how many there are.
    """
    infos = (dataset.get_data_info(i) for i in range(len(dataset)))
    _raise(_check_images({info["img_path"]: "" for info in infos}))


def _raise(problems: list[str]) -> None:
    if problems:
        shown = "\n  ".join(problems[:10])
        rest = f"\n  … and {len(problems) - 10} more" if len(problems) > 10 else ""
        raise DatasetError(f"The data set has {len(problems)} problem(s):\n  {shown}{rest}")


def _missing_paths(dataset: BaseDataset) -> list[str]:
    """Name the folders and list files that are not there."""
    paths = [dataset.ann_file, *dataset.data_prefix.values()]
    paths.append(getattr(dataset, "headbox_file", None))  # MPII's, for PCKh
    if sub_dir := getattr(dataset, "ann_subdir", None):
        paths += [os.path.join(dataset.sub_data_root, d) for d in (sub_dir, dataset.img_subdir)]
    return [
        f"{path} does not exist (data_root={dataset.data_root!r} of the config's "
        f"{type(dataset).__name__})"
        for path in dict.fromkeys(paths)
        if path and not os.path.exists(path)
    ]


def _check_xml(dataset: BaseDataset, ignored: set[str], images: dict[str, str]) -> list[str]:
    """Check the annotations of a VOC-style data set; add its images to ``images``."""
    problems: list[str] = []
    labels: Counter[str] = Counter()
    trained_on = dataset.metainfo["classes"] if _trains_on_all_boxes(dataset) else ()
    for image_id in list_from_file(dataset.ann_file):
        xml_path = os.path.join(dataset.sub_data_root, dataset.ann_subdir, f"{image_id}.xml")
        img_path = os.path.join(dataset.sub_data_root, dataset.img_subdir, f"{image_id}.jpg")
        images[img_path] = xml_path
        try:
            objects = ET.parse(xml_path).getroot().findall("object")
            labels.update(o.findtext("name") for o in objects)
            problems += [f"{xml_path} {p}" for p in _box_problems(objects, trained_on)]
        except FileNotFoundError:
            problems.append(f"{xml_path} is missing (listed in {dataset.ann_file})")
        except ET.ParseError as error:
            problems.append(f"{xml_path} does not parse: {error}")
    return problems + _unknown_classes(dataset, labels, ignored)


def _trains_on_all_boxes(dataset: BaseDataset) -> bool:
    """Whether the pipeline is a training's, and a whole one, and leaves no box out for its size."""
    names = [type(transform).__name__ for transform in dataset.pipeline.transforms]
    whole = bool(names) and names[-1].startswith("Pack")  # that of a wrapper goes on otherwise
    filtered = "FilterAnnotations" in names or dataset.bbox_min_size is not None
    return whole and not filtered and not dataset.test_mode


def _box_problems(objects: Iterable[ET.Element], trained_on: Collection[str]) -> Iterator[str]:
    """Check objects in VOC layout; of the classes in ``trained_on``, whether they have a size."""
    corners = ("xmin", "ymin", "xmax", "ymax")
    for item in objects:
        try:  # as MMDetection reads them
            box = [int(float(item.findtext(f"bndbox/{corner}", ""))) for corner in corners]
        except (ValueError, OverflowError):
            yield f"has an object whose bndbox has not all of {', '.join(corners)} as numbers"
            continue
        left, top, right, bottom = box
        difficult = item.findtext("difficult", "0").strip() != "0"
        if (
            (left >= right or top >= bottom)
            and not difficult
            and item.findtext("name") in trained_on
        ):
            yield (
                f"has a box without size {box}, which may make the loss infinite. Mend it, or add "
                "dict(type='FilterAnnotations', min_gt_bbox_wh=(1, 1)) to the training pipeline"
            )


def _check_other(dataset: BaseDataset, ignored: set[str], images: dict[str, str]) -> list[str]:
    """Check a data set with one annotation file, or none; add its images to ``images``."""
    source = dataset.ann_file or dataset.data_root
    try:
        problems = _check_coco(dataset, ignored) if hasattr(dataset, "COCOAPI") else []
        infos = dataset.load_data_list()
    except Exception as error:  # whatever a parser of JSON, or of MPII's .mat, stumbles over
        files = " or ".join(filter(None, (source, getattr(dataset, "headbox_file", None))))
        return [f"{files} does not parse: {error!r} (read by {type(dataset).__name__})"]
    if not infos:
        problems.append(f"{source} names no {'people' if _is_pose(dataset) else 'images'}")
    if _is_pose(dataset):
        problems += [*_check_counts(dataset, infos), *_check_people(dataset, infos)]
    images.update({info["img_path"]: source for info in infos})
    return problems


def _is_pose(dataset: BaseDataset) -> bool:
    return "num_keypoints" in dataset.metainfo


def _check_counts(dataset: BaseDataset, infos: Sequence[dict]) -> list[str]:
    """Check that files in MPII layout speak of the same people, and that none is left out."""
    people = load(dataset.ann_file)
    if not isinstance(people, list):  # COCO: crowds and people without joints are left out
        return []
    problems = []
    if (left_out := len(people) - len(infos)) > 0:
        problems.append(
            f"{dataset.ann_file}: MMPose leaves out {left_out} of {len(people)} people, whose box "
            "is empty (scale)"
        )
    if head_boxes := getattr(dataset, "headbox_dict", None):
        found = head_boxes["headboxes_src"].shape[2]
        if found != len(people):
            problems.append(
                f"{dataset.headbox_file} has {found} head boxes, {dataset.ann_file} has "
                f"{len(people)} people"
            )
    return problems


def _check_people(dataset: BaseDataset, infos: Sequence[dict]) -> list[str]:
    """Check what training or PCK would stumble over, or turn into NaN without a word."""
    joints = dataset.metainfo["num_keypoints"]
    skeleton = dataset.metainfo.get("dataset_name", type(dataset).__name__)
    problems = []
    for info in infos:
        found = []
        if "keypoints" in info:
            keypoints, visible = info["keypoints"], info["keypoints_visible"]
            if {keypoints.shape[1], visible.shape[1]} != {joints}:
                found.append(
                    f"has {keypoints.shape[1]} joints and {visible.shape[1]} visibilities; "
                    f"the skeleton of {skeleton} has {joints} joints"
                )
            elif not np.isfinite(keypoints[visible > 0]).all():
                found.append("has a visible joint that is not a number")
        if not all(np.isfinite(info.get(key, 0)).all() for key in ("bbox", "bbox_scale")):
            found.append("has a box that is not a number (center, scale)")
        if not np.all(np.asarray(info.get("head_size", 1)) > 0):
            found.append("has a head box without a size, by which PCKh divides")
        image = os.path.basename(info["img_path"])
        problems += [f"{dataset.ann_file}: person {info['id']} ({image}) {what}" for what in found]
    return problems


def _check_coco(dataset: BaseDataset, ignored: set[str]) -> list[str]:
    """Check the classes of a COCO-style data set."""
    content = load(dataset.ann_file)
    names = {category["id"]: category["name"] for category in content["categories"]}
    ids = [box["category_id"] for box in content.get("annotations", [])]
    labels = Counter(names.get(i, f"category {i}") for i in ids)
    return _unknown_classes(dataset, labels, ignored)


def _unknown_classes(dataset: BaseDataset, labels: Counter[str], ignored: set[str]) -> list[str]:
    known = set(dataset.metainfo["classes"]) | ignored
    unknown = Counter({name: n for name, n in labels.items() if name not in known})
    if not unknown:
        return []
    counts = ", ".join(f"{name!r} ({n})" for name, n in unknown.most_common())
    return [
        f"{dataset.ann_file}: {unknown.total()} boxes have a class that the config does not "
        f"know and would be ignored: {counts}. Add the classes to metainfo.classes (and to "
        "num_classes), or list them in active_learning.ignore_classes"
    ]


def _check_images(images: dict[str, str]) -> list[str]:
    """Decode every image, as small as the decoder can make it."""
    with ThreadPoolExecutor() as pool:
        found = pool.map(_image_problem, images)
        found = track(found, "checking images", total=len(images), transient=True)
        return [
            f"{path} {problem}" + (f" (annotation: {annotation})" if annotation else "")
            for (path, annotation), problem in zip(images.items(), found, strict=True)
            if problem
        ]


def _image_problem(path: str) -> str | None:
    try:
        content = np.fromfile(path, dtype=np.uint8)
    except FileNotFoundError:
        return "is missing"
    except OSError as error:
        return f"cannot be read: {error}"
    decodes = len(content) and cv2.imdecode(content, cv2.IMREAD_REDUCED_GRAYSCALE_8) is not None
    return None if decodes else "cannot be decoded as an image"
