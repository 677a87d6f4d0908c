"""Plot a metric over the number of labelled images, for one or more runs."""

import argparse
import sys
from pathlib import Path

from mmal.apis.cli import one_line_errors
from mmal.visualization import COSTS, plot_curves, read_curve

EXAMPLE = """example:
  python tools/analysis_tools/plot_curve.py work_dirs/demo --out demo.png
  python tools/analysis_tools/plot_curve.py --out compare.png \\
      "learned loss=work_dirs/ll_0,work_dirs/ll_1" random=work_dirs/random_0,work_dirs/random_1
"""


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLE, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "runs",
        nargs="+",
        metavar="[LABEL=]DIR[,DIR...]",
        help="work directories; several behind a label are trials, shown as mean and std",
    )
    parser.add_argument("--metric", help="column of curve.csv (default: the first metric)")
    parser.add_argument(
        "--cost",
        choices=list(COSTS),
        default="labeled",
        help="what to plot it over: images, or what was drawn on them (default: labeled)",
    )
    parser.add_argument("--out", default="curve.png", help="image file")
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    runs = {}
    for run in args.runs:
        label, _, dirs = run.rpartition("=")
        label = label or Path(dirs).name
        if label in runs:
            sys.exit(f"Two runs are called {label!r}: give each a label, as in label=directory.")
        with one_line_errors():
            runs[label] = [read_curve(path) for path in dirs.split(",")]
    with one_line_errors():
        plot_curves(runs, args.out, args.metric, args.cost)
    print(f"Wrote {args.out}")


if __name__ == "__main__":
    main()
