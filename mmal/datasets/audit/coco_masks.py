"""Masks in COCO layout: polygons, and run lengths."""

from mmengine.dataset import BaseDataset
from pycocotools import mask as run_lengths

from .file_problems import show
from .stated import Box

_NUMBERS = {int, float}
#: The sum of a polygon's numbers is below it, unless one of them is no number of pixels.
_LIMIT = 1e12


def mask_type(dataset: BaseDataset) -> str | None:
    """Return what the pipeline loads: ``polygons``, ``bitmaps`` or no masks, which is None."""
    for transform in getattr(dataset.pipeline, "transforms", ()):
        if getattr(transform, "with_mask", False):
            return "bitmaps" if getattr(transform, "poly2mask", True) else "polygons"
    return None


def mask_problem(
    mask: object, box: Box, size: tuple[int, int], kind: str
) -> tuple[str, str] | None:
    """Return what is wrong with the mask of an object.

    Args:
        mask: ``segmentation`` of its annotation; None if it has none.
        box: Left, top, right, bottom of the object in pixels.
        size: Width and height of the image.
        kind: ``polygons`` or ``bitmaps``.

    Returns:
        The kind of the finding and what there is, or None for a good mask.
    """
    if not mask:
        return "mask-missing", "no segmentation" if mask is None else f"segmentation {show(mask)}"
    if isinstance(mask, list):
        return _polygon_problem(mask) or _place_problem(mask, _extent(mask), box)
    if not isinstance(mask, dict):
        return "value-wrong", f"segmentation is {show(mask)}; expected polygons or run lengths"
    if kind == "polygons":
        return "mask-invalid", "run lengths, which LoadAnnotations(poly2mask=False) cannot use"
    return _run_problem(mask, size) or _place_problem(mask, _run_extent(mask, size), box)


def _polygon_problem(polygons: list) -> tuple[str, str] | None:
    good = False
    for polygon in polygons:
        if not isinstance(polygon, list) or not set(map(type, polygon)) <= _NUMBERS:
            found = f"segmentation has {show(polygon)}"
            return "value-wrong", f"{found}; expected lists of numbers [x1, y1, x2, y2, …]"
        if not -_LIMIT < sum(polygon) < _LIMIT:
            return "value-wrong", f"segmentation has {show(polygon)}; expected finite numbers"
        if len(polygon) % 2:
            found = f"segmentation has a polygon of {len(polygon)} numbers"
            return "value-wrong", f"{found}; expected an x and a y of every point"
        good |= len(polygon) >= 6
    return None if good else ("mask-invalid", "no polygon has three points or more")


def _extent(polygons: list[list[float]]) -> Box:
    across = [x for polygon in polygons for x in polygon[::2]]
    down = [y for polygon in polygons for y in polygon[1::2]]
    return min(across), min(down), max(across), max(down)


def _run_extent(mask: dict, size: tuple[int, int]) -> Box:
    if isinstance(mask["counts"], list):
        mask = run_lengths.frPyObjects(mask, size[1], size[0])
    left, top, width, height = run_lengths.toBbox(mask).tolist()  # 0 if there is none
    return left, top, left + width, top + height


def _place_problem(mask: list | dict, extent: Box, box: Box) -> tuple[str, str] | None:
    """Return what is wrong with where a mask lies, given its extent and its object's box."""
    if extent[2] <= 1 and extent[3] <= 1 and isinstance(mask, list) and max(box[2:]) > 2:
        return "mask-shares", f"segmentation {show(mask)}, box {_show_box(box)}"
    if extent == (0, 0, 0, 0):
        return "mask-elsewhere", "the mask is empty"
    # Counting pixels from 1, or rounding, moves edges by a pixel.
    apart = [max(extent[i] - box[i + 2], box[i] - extent[i + 2]) for i in (0, 1)]
    if max(apart) >= 2:
        return "mask-elsewhere", f"mask {_show_box(extent)}, box {_show_box(box)}"
    return None


def _show_box(box: Box) -> str:
    return f"[{', '.join(f'{v:g}' for v in box)}]"


def _run_problem(mask: dict, size: tuple[int, int]) -> tuple[str, str] | None:
    counts, expected = mask.get("counts"), [size[1], size[0]]
    if not isinstance(counts, (list, str)) or mask.get("size") is None:
        return "mask-invalid", f"run lengths {show(mask)} without size and counts"
    if mask["size"] != expected:
        found = f"segmentation has the size {show(mask['size'])}"
        return "value-wrong", f"{found}; expected the image's height and width {expected}"
    total = _sum_of(counts) if isinstance(counts, list) else _sum_of_compressed(counts)
    if total != size[0] * size[1]:
        found = f"counts of segmentation are {show(counts)}"
        return "value-wrong", f"{found}; expected run lengths of {size[0] * size[1]} pixels"
    return None


def _sum_of(runs: list) -> int | None:
    whole = all(type(run) is int and run >= 0 for run in runs)
    return sum(runs) if whole else None


def _sum_of_compressed(text: str) -> int | None:
    """Sum up run lengths that pycocotools has compressed.

    Decoding itself leaves pixels that no run covers to chance, and takes ten times as long.
    """
    runs: list[int] = []
    value = shift = 0
    for code in text.encode():
        code -= 48
        value |= (code & 0x1F) << shift
        shift += 5
        if not code & 0x20:  # the last five bits, of which the highest is the sign
            value -= (code & 0x10) << (shift - 4)
            # From the fourth on, each is written as the difference to the last but one.
            runs.append(value + runs[-2] if len(runs) > 2 else value)
            value = shift = 0
    return None if shift or min(runs, default=0) < 0 else sum(runs)
