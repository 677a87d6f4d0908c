"""Forecast what the next labels will bring, from the rounds so far: when to stop."""

import argparse
import sys

from rich.console import Console

from mmal.apis.cli import one_line_errors
from mmal.apis.forecast import AUTO, forecast_runs, read_runs
from mmal.evaluation.forecast import REACH
from mmal.visualization.forecast_plot import forecast_table, plot_forecast

EXAMPLE = """example:
  python tools/analysis_tools/forecast.py work_dirs/demo --target 0.3 --more 40 80 --upper 1
  python tools/analysis_tools/forecast.py work_dirs/seed_0 work_dirs/seed_1 --out forecast.png
  python tools/analysis_tools/forecast.py docs/results/compare_lspet.csv --query Random
"""


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLE, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "runs",
        nargs="+",
        metavar="WORK_DIR",
        help="work directories or curve.csv files, which are seeds of the same run; or the "
        "directory or results.csv of a comparison",
    )
    parser.add_argument("--query", help="whose trials to take of a comparison")
    parser.add_argument("--metric", help="column of curve.csv (default: the first metric)")
    parser.add_argument("--target", type=float, help="value of the metric: what does it take?")
    parser.add_argument(
        "--more",
        nargs="+",
        type=int,
        metavar="N",
        help="so many further images (default: as many as the last round added, and twice that)",
    )
    parser.add_argument(
        "--upper",
        type=_bound,
        help=f"the most that the metric can be: 1, 100, or {AUTO}: 1 if all values are at most 1, "
        "else 100 (default: no bound)",
    )
    parser.add_argument("--out", metavar="PNG", help="plot the curve with its forecast")
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    console = Console(width=None if sys.stdout.isatty() else 140)
    with one_line_errors():
        run = forecast_runs(read_runs(args.runs, args.query), args.metric, args.upper)
        labels = run.forecast.labels
        step = labels[-1] - labels[-2]
        batches = args.more or [step, 2 * step]
        said = run.sentences(args.target, batches)
        cost = () if run.cost_name is None else (run.cost, run.cost_name)
        console.print(forecast_table(run.forecast, batches, run.metric, *cost))
        if args.out is not None:
            needed = run.forecast.needed(args.target).more if args.target is not None else None
            until = labels[-1] + 1.25 * max(*batches, needed or 0, 0)
            until = min(until, REACH * labels[-1])
            plot_forecast(run.forecast, args.out, run.metric, until, args.target)
    for line in said:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    if args.out is not None:
        print(f"Wrote {args.out}")


def _bound(text: str) -> float | str:
    try:
        return text if text == AUTO else float(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no number and not {AUTO!r}") from error


if __name__ == "__main__":
    main()
