"""Try forecasts on known curves: fitted to the first rounds, do the last ones lie within?"""

import argparse
import csv
import sys
from collections import defaultdict

import numpy as np
from rich.console import Console
from rich.table import Table

from mmal.apis.cli import one_line_errors
from mmal.apis.forecast import read_trials
from mmal.evaluation.backtest import Trial, backtest, backtest_row
from mmal.evaluation.forecast_sentences import told_upper
from mmal.utils import atomic_path
from mmal.visualization import aligned, metric_names

EXAMPLE = """example:
  python tools/analysis_tools/backtest_forecast.py --out backtest.csv \\
      bccd=docs/results/compare_bccd.csv,docs/results/frozen_bccd.csv lspet=docs/results/lspet.csv

The upper bound of the metric is told from each file: 1 if no value is above 1, else 100.
"""
#: Columns that say which trials a row is of.
KEYS = ("data", "curve", "rounds", "ahead", "times")
#: Horizons in times the labels of the last fitted round: up to 1.5 times, and so on.
TIMES = (1.5, 2, 3, 4, 10)
#: What stands for all of a key's values.
ALL = "all"


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLE, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "data",
        nargs="+",
        metavar="NAME=CSV[,CSV...]",
        help="a data set with the results.csv of its comparisons; the first metric is taken",
    )
    parser.add_argument("--out", help="write the table as CSV")
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    trials: dict[tuple, list[Trial]] = defaultdict(list)
    with one_line_errors():
        for text in args.data:
            name, _, paths = text.partition("=")
            for path in filter(None, paths.split(",")):
                for curve, trial in trials_of(path):
                    for key in keys(trial):
                        trials[(name, curve, *key)].append(trial)
        if not trials:
            raise ValueError("No curve has the 4 rounds that it takes to try a forecast.")
    order = [name.partition("=")[0] for name in args.data]
    keys_in_order = sorted(trials, key=lambda k: (order.index(k[0]), k[1] != "single", *_rank(k)))
    rows = [dict(zip(KEYS, k, strict=True)) | backtest_row(trials[k]) for k in keys_in_order]
    Console(width=None if sys.stdout.isatty() else 160).print(table(rows))
    if args.out is not None:
        with atomic_path(args.out) as tmp, open(tmp, "w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows({k: shown(v, 4) for k, v in row.items()} for row in rows)
        print(f"Wrote {args.out}")


def trials_of(path: str) -> list[tuple[str, Trial]]:
    """Try the curves of a file: those of one seed each, and their means."""
    found = []
    by_query = read_trials(path)
    metric = metric_names(next(iter(by_query.values()))[0])[0]
    values = {query: aligned(str(query), curves, metric) for query, curves in by_query.items()}
    upper = told_upper(np.concatenate([v.ravel() for _, v in values.values()]))
    for labels, seeds in values.values():
        found += [("single", t) for one in seeds for t in backtest(labels, one, upper=upper)]
        if len(seeds) > 1:
            found += [("mean", t) for t in backtest(labels, seeds, upper=upper)]
    return found


def keys(trial: Trial) -> list[tuple]:
    """Return the rows of the table that a trial is in: all, and one by each of three columns."""
    times = next(f"to {most:g}" for most in TIMES if trial.times <= most)
    return [
        (ALL, ALL, ALL),
        (trial.rounds, ALL, ALL),
        (ALL, trial.ahead, ALL),
        (ALL, ALL, times),
    ]


def table(rows: list[dict]) -> Table:
    """Return the rows that are of all numbers of rounds and all horizons."""
    summary = Table(
        title="Share of later rounds inside the intervals; errors in rises of the curve"
    )
    names = ["data", "curve", "forecasts", "inside_80", "inside_95", "gain_inside_80", "width_80"]
    names += [name for name in rows[0] if name.startswith("error_")]
    for name in names:
        summary.add_column(name.replace("_", " "), justify="right")
    for row in rows:
        if row["rounds"] == row["ahead"] == row["times"] == ALL:
            summary.add_row(*(str(shown(row[name], 2)) for name in names))
    return summary


def _rank(key: tuple) -> list[tuple]:
    """Sort what stands for all before each of them."""
    return [(value != ALL, value if isinstance(value, int) else 0, str(value)) for value in key[2:]]


def shown(value: object, digits: int) -> object:
    return round(value, digits) if isinstance(value, float) else value


if __name__ == "__main__":
    main()
