"""Measure how long queries take to pick, and what memory they need beyond their scores."""

import argparse
import resource
import statistics
import time

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

import mmal  # noqa: F401  (registers the queries)
from mmal.apis.cli import one_line_errors, parse_query
from mmal.models.features import FEATURES
from mmal.queries import build_query
from mmal.structures import PoolScores

EXAMPLE = """example:
  python tools/analysis_tools/benchmark_queries.py --candidates 100000 --budget 1000
  python tools/analysis_tools/benchmark_queries.py LearnedLoss --candidates 10000000
"""
#: Columns of vectors; all others are one number a sample.
VECTORS = (*FEATURES, "embedding", "logit_gradient", "penultimate")


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLE, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "queries",
        nargs="*",
        default=["CoreSet", "Herding"],
        help="parameters in brackets; the first is what others are compared to (default: CoreSet "
        "Herding)",
    )
    parser.add_argument("--candidates", type=int, default=100_000, help="(default: 100000)")
    parser.add_argument("--labeled", type=int, default=1000, help="(default: 1000)")
    parser.add_argument("--dimensions", type=int, default=640, help="of vectors (default: 640)")
    parser.add_argument("--budget", type=int, default=1000, help="picks (default: 1000)")
    parser.add_argument("--repetitions", type=int, default=3, help="(default: 3)")
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    with one_line_errors():
        for name in ("labeled", "dimensions", "budget", "repetitions"):
            if getattr(args, name) < 1:
                raise ValueError(f"--{name} must be at least 1. Got {getattr(args, name)} instead.")
        if args.candidates < args.budget:
            raise ValueError(f"--candidates must be at least the budget, {args.budget}.")
        queries = {name: build_query(parse_query(name)) for name in args.queries}
    names = {name for query in queries.values() for name in query.requires}
    candidates = random_scores(args.candidates, args.dimensions, names, "candidate")
    labeled = random_scores(args.labeled, args.dimensions, names, "labeled")
    seconds: dict[str, list[float]] = {name: [] for name in queries}
    before = peak_bytes()
    order = np.random.default_rng(0)
    runs = [name for _ in range(args.repetitions) for name in order.permutation(list(queries))]
    for name in track(runs, console=Console(stderr=True)):
        start = time.perf_counter()
        queries[name].select(candidates, args.budget, np.random.default_rng(0), labeled)
        seconds[name].append(time.perf_counter() - start)
    report(args, seconds)
    print(f"Memory beyond the scores, at the most: {(peak_bytes() - before) / 1e6:.0f} MB")


def random_scores(count: int, dimensions: int, names: set[str], prefix: str) -> PoolScores:
    """Return normally distributed scores, vectors of so many dimensions."""
    rng = np.random.default_rng(len(prefix))
    shapes = {name: (count, dimensions) if name in VECTORS else (count,) for name in names}
    fields = {
        name: rng.standard_normal(shape, dtype=np.float32) for name, shape in sorted(shapes.items())
    }
    ids = [f"{prefix}_{i}" for i in range(count)]
    return PoolScores(ids, ids, fields)


def peak_bytes() -> int:
    """The most memory that this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def report(args: argparse.Namespace, seconds: dict[str, list[float]]) -> None:
    """Print seconds, and ratios to the first query run by run."""
    table = Table(
        title=f"{args.budget} of {args.candidates} candidates, {args.labeled} labelled, "
        f"{args.dimensions} dimensions; median (least to most) of {args.repetitions} runs"
    )
    baseline = next(iter(seconds))
    for column in ("query", "seconds", f"time / {baseline}'s"):
        table.add_column(column, justify="left" if column == "query" else "right")
    for name, measured in seconds.items():
        ratios = [a / b for a, b in zip(measured, seconds[baseline], strict=True)]
        cells = (
            f"{statistics.median(values):.3g} ({min(values):.3g} to {max(values):.3g})"
            for values in (measured, ratios)
        )
        table.add_row(name, *cells)
    Console().print(table)


if __name__ == "__main__":
    main()
