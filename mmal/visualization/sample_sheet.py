"""Samples as training sees them: the quickest way to find labels that are not what was meant."""

import os
import random
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.backend_bases import FigureCanvasBase
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from mmengine.dataset import RepeatDataset
from mmengine.structures import BaseDataElement

from mmal.utils import atomic_path, preserved_random_state

from .annotations import (
    GREY,
    Color,
    draw_boxes,
    draw_image,
    draw_masks,
    draw_person,
    palette,
    write_classes,
)

_COLUMNS = 4
#: Inches that a tile is wide, and dots an inch.
_WIDTH, _DPI = 3.2, 150
_NAME_LENGTH = 40


def check_sheet_path(path: str | os.PathLike) -> None:
    """Refuse a name of which matplotlib makes no picture.

    Raises:
        ValueError: If its ending is that of no format.
    """
    formats = sorted(FigureCanvasBase.get_supported_filetypes())
    if Path(path).suffix[1:].lower() not in formats:
        raise ValueError(
            f"A sheet of samples is a picture: its name must end in one of {', '.join(formats)}. "
            f"Got {str(path)!r} instead."
        )


def plot_samples(dataset: Any, path: str | os.PathLike, number: int = 12) -> list[str]:
    """Draw samples of a data set, evenly spread over it, into an image file.

    What is drawn is what the pipeline packed: boxes and masks with the names of their classes,
    joints with their numbers, the classes of a classified image in its corner. What training
    ignores is grey and dashed. Pipelines draw their random numbers from a fixed seed, so that the
    sheet of a data set is always the same.

    Args:
        dataset: A data set of MMDetection, MMPose or MMPretrain, built, with a pipeline that packs
            samples. Of MMPose's, PackPoseInputs needs ``pack_transformed``.
        path: The image file; its ending says which format.
        number: How many samples.

    Returns:
        What went wrong: a line for each sample that the pipeline fails on. Such a sample's tile
        shows the error.

    Raises:
        ValueError: If the data set is empty, the number is not positive, or there is no format of
            the path's ending.
    """
    check_sheet_path(path)
    if number < 1:
        raise ValueError(f"A sheet has at least 1 sample. Got {number} instead.")
    indices = _spread(_length(dataset), number)
    legend = _Legend(dataset.metainfo)
    with preserved_random_state():
        random.seed(0)
        np.random.seed(0)
        torch.manual_seed(0)
        samples = [_sample(dataset, index) for index in indices]
    images = [sample["image"] for sample in samples if not isinstance(sample, str)]
    shapes = [image.shape[0] / image.shape[1] for image in images] or [1]
    figure, tiles = _grid(len(samples), float(np.clip(np.median(shapes), 0.4, 2)))
    failures = []
    for axes, index, sample in zip(tiles, indices, samples, strict=True):
        if isinstance(sample, str):
            name = _file_name(dataset, index)
            failures.append(f"{name or f'sample {index}'}: {sample}")
            _draw_failure(axes, name or f"sample {index}", sample)
        else:
            _draw_sample(axes, index, sample, legend)
    legend.draw(figure)
    with atomic_path(path) as tmp:
        figure.savefig(tmp)
    return failures


def _length(dataset: Any) -> int:
    """How many samples there are before the whole is repeated.

    Raises:
        ValueError: If there are none.
    """
    length = len(dataset.dataset if isinstance(dataset, RepeatDataset) else dataset)
    if not length:
        raise ValueError("The data set has no samples to draw.")
    return length


def _spread(length: int, number: int) -> list[int]:
    return np.unique(np.linspace(0, length - 1, min(number, length)).round().astype(int)).tolist()


def _sample(dataset: Any, index: int) -> dict | str:
    """Return image, annotations and path of a sample, or what went wrong."""
    try:
        packed = dataset[index]
        data_sample = packed["data_samples"]
        return dict(
            image=_displayable(packed["inputs"], _order_of_channels(dataset, index)),
            labels=np.ravel(data_sample.get("gt_label", ())).tolist(),
            truth=data_sample.get("gt_instances"),
            ignored=data_sample.get("ignored_instances"),
            people=_people(data_sample),
            path=data_sample.metainfo.get("img_path", ""),
        )
    except Exception as error:  # whatever a transform stumbles over
        return f"{type(error).__name__}: {error}"


def _order_of_channels(dataset: Any, index: int) -> int:
    """The step that makes RGB of a sample's channels: -1 as OpenCV loads, 1 of those in memory."""
    return 1 if "img" in dataset.get_data_info(index) else -1


def _displayable(inputs: torch.Tensor, step: int) -> np.ndarray:
    """Turn packed inputs, (C, H, W), into (H, W, 3) in RGB."""
    image = inputs.permute(1, 2, 0).numpy()
    if image.shape[2] == 1:
        image = image.repeat(3, axis=2)
    if image.dtype != np.uint8:
        if image.min() < 0 and image.max() < 20:  # normalised by the pipeline
            image = (image - image.min()) / (np.ptp(image) or 1) * 255
        image = image.clip(0, 255).astype(np.uint8)
    return image[:, :, ::step]


def _people(data_sample: BaseDataElement) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the joints of each person, (K, 2) in pixels of the input, and whether visible, (K,).

    Raises:
        ValueError: If the joints were packed in coordinates of the photo, not of the input.
    """
    truth = data_sample.get("gt_instances")
    if truth is None or "keypoints" not in truth:
        return []
    joints = truth.get("transformed_keypoints")
    if joints is None:
        if "input_center" in data_sample.metainfo:
            raise ValueError(
                "the pipeline packs no transformed_keypoints, which say where joints are in the "
                "input; set pack_transformed=True of the transform that packs"
            )
        joints = truth.keypoints
    visible = np.asarray(truth.keypoints_visible)
    visible = visible[..., 0] if visible.ndim == 3 else visible  # the rest are weights
    return list(zip(np.asarray(joints)[..., :2], visible, strict=True))


def _grid(number: int, shape: float) -> tuple[Figure, list[Axes]]:
    """Return a figure with tiles of a height of ``shape`` times their width."""
    columns = min(number, _COLUMNS)
    rows = -(-number // columns)
    size = (max(columns, 2) * _WIDTH, rows * (_WIDTH * shape + 0.3) + 0.5)
    figure = Figure(figsize=size, dpi=_DPI, layout="constrained")
    tiles = figure.subplots(rows, columns, squeeze=False).ravel().tolist()
    for axes in tiles[number:]:
        axes.axis("off")
    return figure, tiles[:number]


def _draw_sample(axes: Axes, index: int, sample: dict, legend: "_Legend") -> None:
    image = sample["image"]
    draw_image(axes, image)
    name = _shortened(os.path.basename(sample["path"]) or f"sample {index}")
    _set_title(axes, f"{name} ({image.shape[1]} x {image.shape[0]})")
    if sample["labels"]:
        write_classes(axes, *legend.of_labels(sample["labels"], False))
        return
    if legend.joints:
        for joints, visible in sample["people"]:
            draw_person(axes, joints, visible, *legend.skeleton())
        return
    for instances, ignored in ((sample["ignored"], True), (sample["truth"], False)):
        if instances is None or "labels" not in instances or not len(instances):
            continue
        names, colors = legend.of_labels(instances.labels.tolist(), ignored)
        if "masks" in instances:
            draw_masks(axes, instances.masks.to_ndarray(), colors)
        draw_boxes(axes, _corners(instances.bboxes), names, colors, dashed=ignored)


def _corners(boxes: Any) -> np.ndarray:
    """Left, top, right, bottom of a tensor, or of MMDetection's boxes of whatever kind."""
    if hasattr(boxes, "convert_to"):
        boxes = boxes.convert_to("hbox").tensor
    return np.asarray(boxes, dtype=float).reshape(-1, 4)


def _draw_failure(axes: Axes, name: str, error: str) -> None:
    lines = textwrap.wrap(error, 46)
    text = "\n".join([*lines[:12], *(["…"] if len(lines) > 12 else [])])
    axes.text(0.03, 0.95, text, transform=axes.transAxes, va="top", fontsize=7, color="tab:red")
    axes.set_xticks([])
    axes.set_yticks([])
    _set_title(axes, _shortened(os.path.basename(name)))


def _set_title(axes: Axes, title: str) -> None:
    # File names may hold dollars, which are no mathematics, and bytes that are no text.
    title = title.encode("utf-8", "backslashreplace").decode()
    axes.set_title(title, fontsize=7, pad=3, parse_math=False)


def _shortened(name: str) -> str:
    half = _NAME_LENGTH // 2
    return name if len(name) <= _NAME_LENGTH else f"{name[:half]}…{name[-half:]}"


def _file_name(dataset: Any, index: int) -> str:
    try:
        return dataset.get_data_info(index)["img_path"]
    except Exception:  # whatever a data set stumbles over
        return ""


class _Legend:
    """Names and colours, the same on all tiles.

    Args:
        metainfo: That of the data set; of joined data sets that differ in it, a list. A label
            means to the model what it means to the first of them.
    """

    def __init__(self, metainfo: dict | Sequence[dict]) -> None:
        metainfo = metainfo[0] if isinstance(metainfo, (list, tuple)) else metainfo
        self.joints = list((metainfo.get("keypoint_id2name") or {}).values())
        self._metainfo = metainfo
        self._classes = list(metainfo.get("classes") or ())
        self._palette = palette(len(self._classes))
        self._seen: set[int] = set()
        self._ignored = False

    def of_labels(self, labels: Sequence[int], ignored: bool) -> tuple[list[str], list[Color]]:
        """Names and colours of labels; what is ignored is grey."""
        known = range(len(self._classes))
        names = [self._classes[i] if i in known else f"class {i}" for i in labels]
        if ignored:
            self._ignored = True
            return names, [GREY] * len(names)
        self._seen.update(labels)
        return names, [self._palette[i] if i in known else GREY for i in labels]

    def skeleton(self) -> tuple[list[Color], list[tuple[int, int]], list[Color]]:
        """Colours of joints, links between them, and colours of the links."""
        colors, links = (
            [tuple(c / 255) for c in np.asarray(self._metainfo[key], dtype=float)]
            for key in ("keypoint_colors", "skeleton_link_colors")
        )
        return colors, self._metainfo["skeleton_links"], links

    def draw(self, figure: Figure) -> None:
        """Draw what occurs on the tiles below them."""
        if self.joints:
            marks = [
                Line2D([], [], marker="o", linestyle="", color=color, label=f"{i} {name}")
                for i, (name, color) in enumerate(zip(self.joints, self.skeleton()[0], strict=True))
            ]
        else:
            marks = [
                Patch(color=color, label=name)
                for i in sorted(self._seen)
                for (name,), (color,) in (self.of_labels([i], False),)
            ]
        if self._ignored:
            marks.append(Line2D([], [], linestyle="--", color=GREY, label="ignored in training"))
        if marks:
            columns = max(1, min(len(marks), round(figure.get_figwidth() / 1.6)))
            figure.legend(
                handles=marks, loc="outside lower center", ncols=columns, fontsize=7, frameon=False
            )
