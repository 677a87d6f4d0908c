"""Measure how long a large pool takes to be opened, split and committed, and how much memory.

Ids are generated in random order, the worst for a fingerprint of sorted ids; a pool file has them
picked in two rounds. Nothing is trained or scored.
"""

import argparse
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from mmal.apis.cli import one_line_errors
from mmal.engine import draw_candidates
from mmal.structures import Pool, PoolRound

EXAMPLE = """example:
  python tools/analysis_tools/benchmark_pool.py --ids 10000000 --budget 100000
"""


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLE, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--ids", type=int, default=10_000_000, help="(default: 10000000)")
    parser.add_argument(
        "--budget", type=int, default=100_000, help="picks of a round (default: 100000)"
    )
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    with one_line_errors():
        if args.budget < 1 or args.ids < 4 * args.budget:
            raise ValueError(
                f"--ids must be at least four times --budget, which is positive. Got {args.ids} "
                f"and {args.budget} instead."
            )
    order = np.random.default_rng(0).permutation(args.ids)
    ids = [f"part_{i // 10_000:04d}/{i:08d}.jpg" for i in order.tolist()]
    table = Table(title=f"{args.ids:,} ids, {args.budget:,} picks a round")
    for column in ("step", "CPU seconds", "peak of the process, GB"):
        table.add_column(column, justify="right")

    def measured(step: str, function: Callable):
        begin = time.process_time()  # of one thread: what others compute meanwhile does not count
        result = function()
        table.add_row(step, f"{time.process_time() - begin:.1f}", f"{peak():.2f}")
        return result

    table.add_row("(the ids alone)", "", f"{peak():.2f}")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "pool.json")
        rounds = [PoolRound(name, ids[i::3][: args.budget]) for i, name in enumerate("ab")]
        measured("make and save", lambda: Pool(ids, 0, rounds).save(path))
        pool = measured("open", lambda: Pool.load(path, ids))
        measured("split", lambda: (pool.labeled_ids, pool.unlabeled_ids))
        drawn = measured("draw candidates", lambda: draw_candidates(pool, 2 * args.budget))
        measured("commit", lambda: pool.commit(drawn[: args.budget], "c", path))
    Console().print(table)


def peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


if __name__ == "__main__":
    main()
