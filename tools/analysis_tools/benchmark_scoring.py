"""Measure what memory scoring a pool adds, in memory and with its parts on the disk.

The images are generated and the model is tiny, so that what is measured is what scoring keeps: ids,
paths and a vector for each. Every pool size has a process of its own.
"""

import argparse
import csv
import multiprocessing
import resource
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from mmengine.model import BaseDataPreprocessor
from mmengine.structures import BaseDataElement
from rich.console import Console
from rich.progress import track
from rich.table import Table
from torch import Tensor, nn

from mmal.apis.cli import one_line_errors
from mmal.engine import score_pool

EXAMPLE = """example:
  python tools/analysis_tools/benchmark_scoring.py --sizes 1000 10000 100000 --out memory.csv
"""


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLE, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--sizes",
        type=int,
        nargs="+",
        default=[1000, 10_000, 100_000],
        help="of pools (default: 1000 10000 100000)",
    )
    parser.add_argument("--dimensions", type=int, default=512, help="of vectors (default: 512)")
    parser.add_argument(
        "--ways", nargs="+", choices=["memory", "disk"], default=["memory", "disk"], help="which"
    )
    parser.add_argument("--out", type=Path, help="a CSV file; a plot goes beside it")
    return parser.parse_args()


class GeneratedImages:
    """As much of the unlabelled split of a pool as scoring reads."""

    def __init__(self, size: int) -> None:
        self._size = size

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, idx: int) -> dict:
        sample = BaseDataElement(metainfo=dict(sample_id=self.sample_name(idx)[0]))
        return dict(inputs=torch.full((1,), float(idx)), data_samples=sample)

    def sample_name(self, idx: int) -> tuple[str, str]:
        """Return id and path of an image."""
        return f"image_{idx:08d}", f"data/pool/images/image_{idx:08d}.jpg"

    def image_file(self, idx: int) -> None:
        """Return no file: images are generated."""
        return


class TinyModel(nn.Module):
    """A data preprocessor and a backbone."""

    def __init__(self, dimensions: int) -> None:
        super().__init__()
        self.data_preprocessor = Stacked()
        self.backbone = nn.Linear(1, dimensions)


class Stacked(BaseDataPreprocessor):
    """Makes a batch of a list."""

    def forward(self, data: dict, training: bool = False) -> dict[str, Tensor | list]:
        """Stack the inputs."""
        return {**data, "inputs": torch.stack(data["inputs"])}


def measure(size: int, dimensions: int, way: str) -> tuple[float, float]:
    """Score a pool; return seconds, and the memory that it added at the most, in MB."""
    torch.manual_seed(0)
    model, images = TinyModel(dimensions), GeneratedImages(size)
    with tempfile.TemporaryDirectory() as folder:
        kwargs = dict(folder=f"{folder}/scoring") if way == "disk" else {}
        score_pool(model, GeneratedImages(64), 32, names=("backbone_features",))  # loads libraries
        before, start = peak(), time.perf_counter()
        scores = score_pool(model, images, 32, names=("backbone_features",), **kwargs)
        seconds = time.perf_counter() - start
        if scores.fields["backbone_features"].shape != (size, dimensions):
            raise RuntimeError("scores are missing")
    return seconds, peak() - before


def peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def main() -> None:
    args = parse_args()
    with one_line_errors():
        if min(*args.sizes, args.dimensions, 1) < 1:
            raise ValueError("--sizes and --dimensions must be at least 1.")
    runs = [(size, way) for size in sorted(args.sizes) for way in args.ways]
    rows = []
    context = multiprocessing.get_context("spawn")
    for size, way in track(runs, console=Console(stderr=True), transient=True):
        with context.Pool(1) as process:  # the peak of a process never falls
            seconds, added = process.apply(measure, (size, args.dimensions, way))
        vectors = size * args.dimensions * 4 / 1e6
        rows.append((size, way, round(vectors, 1), round(added, 1), round(seconds, 1)))
    columns = ("images", "way", "vectors, MB", "added memory, MB", "seconds")
    table = Table(title=f"scoring with vectors of {args.dimensions} numbers")
    for column in columns:
        table.add_column(column, justify="right")
    for row in rows:
        table.add_row(*map(str, row))
    Console().print(table)
    if args.out is not None:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        with open(args.out, "w", newline="") as file:
            csv.writer(file).writerows([columns, *rows])
        plot(rows, args.out.with_suffix(".png"))


def plot(rows: Sequence[tuple], path: Path) -> None:
    """Draw added memory over pool size, a line a way."""
    figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
    for way, marker in (("memory", "o"), ("disk", "s")):
        found = [(row[0], row[3]) for row in rows if row[1] == way]
        if found:
            label = {"memory": "all in memory", "disk": "parts on the disk"}[way]
            axes.loglog(*zip(*found, strict=True), marker=marker, label=label)
    sizes = {row[0]: row[2] for row in rows}
    axes.loglog(sizes.keys(), sizes.values(), color="0.6", ls="--", label="the vectors themselves")
    axes.set(xlabel="images in the pool", ylabel="memory that scoring adds, MB")
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    main()
