"""Measure how long the audit of annotated images takes, annotations and images apart.

The data are generated in a temporary folder: one picture under many names, since what is measured
is neither its content nor its size.
"""

import argparse
import json
import os
import resource
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from mmengine.registry import init_default_scope
from rich.console import Console
from rich.progress import track
from rich.table import Table

import mmal  # noqa: F401  (registers the data sets)
from mmal.apis.cli import one_line_errors
from mmal.datasets.audit import AuditSettings, ImageCache, audit_datasets
from mmal.datasets.audit.images import inspect_images

EXAMPLE = """example:
  python tools/analysis_tools/benchmark_audit.py --images 100000 --objects 7
"""
CLASSES = tuple(f"class_{i}" for i in range(20))
WIDTH, HEIGHT = 320, 240


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLE, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=100_000, help="(default: 100000)")
    parser.add_argument("--objects", type=int, default=7, help="an image (default: 7)")
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    with one_line_errors():
        for name in ("images", "objects"):
            if getattr(args, name) < 1:
                raise ValueError(f"--{name} must be at least 1. Got {getattr(args, name)} instead.")
    init_default_scope("mmdet")
    table = Table(title=f"{args.images:,} images with {args.objects} objects each")
    for column in ("format", "annotations, s", "and images, s", "and images again, s", "peak, GB"):
        table.add_column(column, justify="right")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write(root, args.images, args.objects)
        cache = ImageCache(root / "images.sqlite")
        for name, config in configs(root).items():
            cache.path.unlink(missing_ok=True)
            # Every picture is the same, which would be reported.
            accept = ("same-picture",)
            seconds = [
                measure(config, AuditSettings(accept=accept, max_images=0), None),
                measure(config, AuditSettings(accept=accept), cache),
                measure(config, AuditSettings(accept=accept), cache),
            ]
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
            table.add_row(name, *(f"{s:.1f}" for s in seconds), f"{peak:.2f}")
        paths = dict.fromkeys(str(root / "JPEGImages" / f"{i:07d}.jpg") for i in range(args.images))
        wall, cpu = time.perf_counter(), time.process_time()
        inspect_images(paths, cache)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    Console().print(table)
    print(f"Remembered images alone: {wall:.1f} s, {cpu:.1f} of them computing.")


def measure(config: dict, settings: AuditSettings, cache: ImageCache | None) -> float:
    start = time.perf_counter()
    audit_datasets({"train": [config]}, settings, cache).raise_errors()
    return time.perf_counter() - start


def write(root: Path, images: int, objects: int) -> None:
    """Write the same objects as XML files and as a COCO file."""
    for name in ("JPEGImages", "Annotations", "ImageSets/Main"):
        (root / name).mkdir(parents=True)
    picture = root / "picture.jpg"
    noise = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    cv2.imwrite(str(picture), cv2.GaussianBlur(noise, (15, 15), 0))
    names = [f"{i:07d}" for i in range(images)]
    annotations = []
    for number, name in enumerate(track(names, "writing", transient=True)):
        if number % 10_000 == 0:  # file systems limit the links to a file
            source = shutil.copy(picture, root / f"picture_{number}.jpg")
        os.link(source, root / "JPEGImages" / f"{name}.jpg")
        boxes = list(random_boxes(np.random.default_rng(number), objects))
        (root / "Annotations" / f"{name}.xml").write_text(as_xml(boxes))
        annotations += [
            dict(
                id=len(annotations) + i,
                image_id=number,
                category_id=label,
                bbox=[left - 1, top - 1, right - left, bottom - top],
                area=(right - left) * (bottom - top),
                iscrowd=0,
            )
            for i, (label, left, top, right, bottom) in enumerate(boxes)
        ]
    (root / "ImageSets/Main/train.txt").write_text("\n".join([*names, ""]))
    sizes = dict(width=WIDTH, height=HEIGHT)
    content = dict(
        images=[dict(id=i, file_name=f"{n}.jpg", **sizes) for i, n in enumerate(names)],
        annotations=annotations,
        categories=[dict(id=i, name=n) for i, n in enumerate(CLASSES)],
    )
    (root / "train.json").write_text(json.dumps(content))


def random_boxes(rng: np.random.Generator, count: int) -> Iterator[tuple[int, ...]]:
    """Yield label, left, top, right and bottom, counted from 1."""
    for label, left, top in zip(
        rng.integers(0, len(CLASSES), count),
        rng.integers(1, WIDTH - 80, count),
        rng.integers(1, HEIGHT - 80, count),
        strict=True,
    ):
        yield int(label), int(left), int(top), int(left) + 60, int(top) + 70


def as_xml(boxes: list[tuple[int, ...]]) -> str:
    objects = "".join(
        f"<object><name>{CLASSES[label]}</name><difficult>0</difficult><bndbox><xmin>{left}</xmin>"
        f"<ymin>{top}</ymin><xmax>{right}</xmax><ymax>{bottom}</ymax></bndbox></object>"
        for label, left, top, right, bottom in boxes
    )
    size = f"<size><width>{WIDTH}</width><height>{HEIGHT}</height><depth>3</depth></size>"
    return f"<annotation>{size}{objects}</annotation>"


def configs(root: Path) -> dict[str, dict]:
    common = dict(data_root=str(root), metainfo=dict(classes=CLASSES), pipeline=[])
    return {
        "VOC": dict(
            type="VOCDataset",
            ann_file="ImageSets/Main/train.txt",
            data_prefix=dict(sub_data_root=""),
            **common,
        ),
        "COCO": dict(
            type="CocoDataset",
            ann_file="train.json",
            data_prefix=dict(img="JPEGImages/"),
            **common,
        ),
    }


if __name__ == "__main__":
    main()
