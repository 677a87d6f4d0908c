"""Does the evaluator know the data that it is going to evaluate?"""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from mmengine.config import Config
from mmengine.fileio import load
from mmengine.registry import DATASETS

from mmal.utils import type_name

from ..data_config import DataConfig, leaf_datasets
from .problems import PreflightError


def evaluators_of(cfg: Config, stage: str) -> list[dict]:
    """The metric configs of ``test_evaluator`` or ``val_evaluator``, one or a list of them."""
    found = cfg.get(f"{stage}_evaluator")
    if isinstance(found, dict):
        found = found.get("metrics", found) if "Evaluator" in type_name(found) else found
    if not found:
        return []
    return list(found) if isinstance(found, (list, tuple)) else [found]


def check_evaluator_files(cfg: Config, stage: str) -> None:
    """Compare an evaluator's own annotation file with that of the data set it evaluates.

    Args:
        cfg: The config.
        stage: ``test`` or ``val``.

    Raises:
        FileNotFoundError: If the evaluator's file is missing.
        PreflightError: If it names other images, or says other things of the same.
    """
    key = f"{stage}_evaluator"
    leaves = [
        DATASETS.build({**leaf, "lazy_init": True})
        for leaf in leaf_datasets(DataConfig(cfg).dataset(stage))
    ]
    for metric in evaluators_of(cfg, stage):
        if type_name(metric) == "MpiiPCKAccuracy":
            _check_head_boxes(leaves, key)
        path = metric.get("ann_file")
        files = [leaf.ann_file for leaf in leaves]
        if not path or path in files or not all(f.endswith(".json") for f in files):
            continue
        _compare(path, _read(path, f"{key}.ann_file"), files, key)


def _check_head_boxes(leaves: Sequence[object], key: str) -> None:
    for leaf in leaves:
        if getattr(leaf, "headbox_file", None) is None:
            raise PreflightError(
                f"{key} is MpiiPCKAccuracy, which divides by head boxes, but the test data set "
                f"{leaf.ann_file} has no headbox_file. Set it to a .mat file as that of MPII "
                "(docs/prepare_mpii.md), or evaluate by PCKAccuracy."
            )


@contextmanager
def explained_errors(stage: str) -> Iterator[None]:
    """Say what to do about the errors of metrics that tell only where they stumbled.

    Raises:
        PreflightError: Instead of errors about annotations that do not reach the metric.
    """
    pipeline = f"{stage}_dataloader.dataset.pipeline"
    try:
        yield
    except AssertionError as error:
        if "ground truth is required" not in str(error):
            raise
        raise PreflightError(
            f"{stage}_evaluator is CocoMetric without an ann_file, and {pipeline} does not pass "
            "the objects on. Name the COCO file of the data set by ann_file, add 'instances' to "
            "the meta_keys of PackDetInputs, or evaluate data in VOC layout by VOCMetric."
        ) from error
    except KeyError as error:
        if error.args[0] not in ("labels", "bboxes", "gt_instances"):
            raise
        raise PreflightError(
            f"{stage}_evaluator finds no {error} among the annotations of an image: {pipeline} "
            "does not load them. Add dict(type='LoadAnnotations', with_bbox=True) after Resize."
        ) from error


def _read(path: str, key: str) -> dict:
    try:
        content = load(path)
        return dict(
            images={image["id"]: image["file_name"] for image in content["images"]},
            objects=Counter(_objects(content)),
            classes=[category["name"] for category in content["categories"]],
        )
    except FileNotFoundError:
        raise FileNotFoundError(f"{key}: {path} does not exist.") from None
    except Exception as error:  # whatever JSON holds
        raise PreflightError(f"{key}: {path} is no COCO annotation file: {error!r}.") from error


def _objects(content: dict) -> Iterator[tuple]:
    names = {category["id"]: category["name"] for category in content["categories"]}
    for item in content.get("annotations", ()):
        box = tuple(round(float(v), 2) for v in item.get("bbox") or ())
        yield item["image_id"], names.get(item["category_id"]), box


def _compare(path: str, evaluated: dict, files: Sequence[str], key: str) -> None:
    images: dict = {}
    objects: Counter = Counter()
    for file in files:
        content = _read(file, "test_dataloader.dataset.ann_file")
        if content["classes"] != evaluated["classes"]:
            raise PreflightError(
                f"{key}.ann_file is {path}, whose categories are {evaluated['classes']}, but those "
                f"of the data set's {file} are {content['classes']}: both number classes by that "
                "order. Name the data set's own file."
            )
        images |= content["images"]
        objects += content["objects"]
    of = f"the data set's {', '.join(files)}"
    advice = "Name the data set's own file."
    for number, name in images.items():
        if (found := evaluated["images"].get(number)) != name:
            has = "no such image" if found is None else repr(found)
            raise PreflightError(
                f"{key}.ann_file is {path}, which is of other images than {of}: image {number!r} "
                f"is {name!r} there; the evaluator has {has}. {advice}"
            )
    if extra := evaluated["images"].keys() - images.keys():
        raise PreflightError(
            f"{key}.ann_file is {path}, which has {len(extra)} images more than {of}, such as "
            f"{evaluated['images'][min(extra, key=str)]!r}: they would count as missed. {advice}"
        )
    if differing := (objects - evaluated["objects"]) + (evaluated["objects"] - objects):
        image, label, box = next(iter(differing))
        raise PreflightError(
            f"{key}.ann_file is {path}, whose annotations differ from {of} in "
            f"{differing.total()} objects, such as {label!r} {list(box)} on "
            f"{images.get(image, image)!r}. {advice}"
        )
