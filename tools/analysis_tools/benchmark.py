"""Measure what learning loss costs a model: training steps, scoring, memory, operators."""

import argparse
import csv
import os
import sys
from pathlib import Path

# torch's profiler, which counts memory on a CPU, else reports its starts and stops.
os.environ.setdefault("KINETO_LOG_LEVEL", "99")

import torch
from mmengine.config import Config
from mmengine.logging import MMLogger
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from mmal.apis.benchmark import Benchmark, benchmark
from mmal.apis.cli import one_line_errors
from mmal.engine import DataConfig
from mmal.utils import config_from_file

#: The models of docs/benchmark.md.
CONFIGS = (
    "configs/detection/ssd300_voc0712.py",
    "mmdet::ssd/ssdlite_mobilenetv2-scratch_8xb24-600e_coco.py",
    "mmdet::retinanet/retinanet_r18_fpn_1x_coco.py",
    "mmdet::retinanet/retinanet_r50_fpn_1x_coco.py",
    "mmdet::faster_rcnn/faster-rcnn_r50_fpn_1x_coco.py",
    "mmdet::rtmdet/rtmdet_tiny_8xb32-300e_coco.py",
)
SCOPES = ("mmdet", "mmpose", "mmpretrain")
EXAMPLE = """example:
  python tools/analysis_tools/benchmark.py --out benchmark.csv
  python tools/analysis_tools/benchmark.py my_config.py --max-size 800 --device cuda:0
  python tools/analysis_tools/benchmark.py configs/pose/hourglass_mpii.py
"""


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLE, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "configs",
        nargs="*",
        default=CONFIGS,
        help="config files, of LearningLoss or plain models; mmdet::… and mmpose::… are the "
        "packages' own "
        "(default: six detectors)",
    )
    parser.add_argument("--batch-size", type=int, default=8, help="images a batch (default: 8)")
    parser.add_argument(
        "--max-size",
        type=int,
        default=320,
        help="longest side of the images, but of a pose estimator's (default: 320)",
    )
    parser.add_argument("--repetitions", type=int, default=7, help="(default: 7)")
    parser.add_argument("--device", help="such as cpu or cuda:0 (default: a GPU if there is one)")
    parser.add_argument("--amp", action="store_true", help="mixed precision in training steps")
    parser.add_argument("--out", help="a .csv file for the ratios and the measurements")
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    for name in ("batch_size", "max_size", "repetitions"):
        if getattr(args, name) < 1:
            option = name.replace("_", "-")
            sys.exit(f"--{option} must be at least 1. Got {getattr(args, name)} instead.")
    # Initialising a model logs every parameter.
    MMLogger.get_instance("benchmark", log_level="WARNING")
    with one_line_errors():
        device = _device(args.device)
        configs = [_read(path) for path in args.configs]
        if args.out:
            Path(args.out).parent.mkdir(parents=True, exist_ok=True)
            open(args.out, "a").close()  # a folder, or a place where nobody may write, is told now
    results: list[Benchmark] = []
    console = Console(width=None if sys.stdout.isatty() else 120)
    try:
        with Progress(console=Console(stderr=True)) as progress:
            task = progress.add_task("benchmark", total=len(configs) * (args.repetitions + 1))
            for cfg in configs:
                result = benchmark(
                    cfg,
                    args.batch_size,
                    args.max_size,
                    args.repetitions,
                    device,
                    args.amp,
                    lambda: progress.advance(task),
                )
                results.append(result)
                if args.out:
                    _write_csv(results, args.out)
    except KeyboardInterrupt:
        sys.exit(130)
    except (ValueError, TypeError) as error:
        sys.exit(f"error: {error}")
    finally:  # what was measured before an interruption or an error is shown, too
        if results:
            console.print(_table(results))


def _device(name: str | None) -> str:
    """Return the device that is there: a GPU if there is one, by default."""
    name = name or ("cuda:0" if torch.cuda.is_available() else "cpu")
    try:
        torch.zeros(1, device=name)
    except (RuntimeError, AssertionError) as error:
        why = str(error).splitlines()[0]
        raise ValueError(f"--device {name} cannot be used: {why}") from error
    return name


def _read(path: str) -> Config:
    """Read a config file of this project, of the user's or of a package's."""
    cfg = config_from_file(path)
    try:
        DataConfig(cfg).dataset("test")
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    scope = cfg.get("default_scope", "mmdet")
    if scope not in SCOPES:
        raise ValueError(
            f"{path} is a config of {scope}; the benchmark measures models of {', '.join(SCOPES)}."
        )
    return cfg


def _table(results: list[Benchmark]) -> Table:
    first = results[0]
    table = Table(
        title=f"Batches of {first.batch_size} on {first.device}: median ratio (quartiles)"
    )
    table.add_column("model")
    for name, *_ in first.ratios:
        table.add_column(name, justify="right")
    for result in results:
        ratios = [result.ratio(*terms) for _, *terms in result.ratios]
        cells = [f"{median:.3f} ({low:.3f}-{high:.3f})" for median, low, high in ratios]
        table.add_row(f"{result.name}, {result.size[1]} x {result.size[0]}", *cells)
    return table


def _write_csv(results: list[Benchmark], path: str) -> None:
    """Write one row a model and quantity: ratios with quartiles, then every measurement."""
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["model", "height", "width", "batch_size", "device", "quantity", "values"])
        for result in results:
            head = [result.name, *result.size, result.batch_size, result.device]
            for name, *terms in result.ratios:
                writer.writerow([*head, name, *(f"{value:.4f}" for value in result.ratio(*terms))])
            for name, values in result.samples.items():
                writer.writerow([*head, name, *(f"{value:.6g}" for value in values)])


if __name__ == "__main__":
    main()
