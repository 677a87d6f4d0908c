"""Compare queries over trials: run all rounds, write table, curves and what they amount to."""

import argparse
import ast
import sys
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from mmal.apis.cli import add_cfg_options, read_config
from mmal.apis.comparison import Comparison, TrialError, check_same_comparison
from mmal.engine.rounds import RoundSettings
from mmal.evaluation.summary import summarize
from mmal.queries import build_query
from mmal.utils import atomic_path
from mmal.visualization import COSTS, metric_names, plot_curves
from mmal.visualization.comparison_table import comparison_markdown, comparison_table

EXAMPLE = """example:
  python tools/compare_queries.py configs/demo/toy_voc.py --queries Random LearnedLoss CoreSet \\
      --seeds 0 1 2 --jobs 2 --work-dir work_dirs/compare
  python tools/compare_queries.py my_config.py --queries Random DiverseLoss \\
      'Entropy(aggregation="sum")'

Run it again to go on with an interrupted comparison, or with more queries, seeds or rounds.
"""


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLE, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("config", help="config file with an active_learning dict")
    parser.add_argument(
        "--queries",
        nargs="+",
        required=True,
        metavar="QUERY",
        help="registered queries; parameters in brackets. The first is what others are compared to",
    )
    parser.add_argument(
        "--seeds", nargs="+", type=int, default=[0, 1, 2], help="a trial each (default: 0 1 2)"
    )
    parser.add_argument("--jobs", type=int, default=1, help="trials at a time (default: 1)")
    parser.add_argument("--work-dir", help="default: work_dirs/<config>_compare")
    parser.add_argument("--metric", help="column of curve.csv (default: the first metric)")
    parser.add_argument(
        "--cost", choices=list(COSTS), default="labeled", help="of the areas and the plot"
    )
    parser.add_argument(
        "--summarize-only", action="store_true", help="run nothing; use what is finished"
    )
    add_cfg_options(parser)
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    console = Console(width=None if sys.stdout.isatty() else 160)
    try:
        comparison = _comparison(args)
        if not args.summarize_only:
            _run(comparison, args.jobs)
    except (ValueError, FileExistsError) as error:
        sys.exit(f"error: {error}")
    except TrialError as error:
        console.print(f"[red]{error}[/red]")
        _write(comparison, args, console)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    _write(comparison, args, console)


def _comparison(args: argparse.Namespace) -> Comparison:
    cfg = read_config(args)
    RoundSettings.from_config(cfg)
    if args.jobs < 1:
        raise ValueError(f"--jobs must be at least 1. Got {args.jobs} instead.")
    work_dir = Path(args.work_dir or f"work_dirs/{Path(args.config).stem}_compare")
    queries = {_label(text): _query(text) for text in args.queries}
    comparison = Comparison(cfg, queries, list(dict.fromkeys(args.seeds)), work_dir)
    check_same_comparison(comparison)
    return comparison


def _query(text: str) -> dict:
    """Read ``Name`` or ``Name(parameter=value, …)``.

    Raises:
        ValueError: If it does not parse, or there is no such query.
    """
    try:
        node = ast.parse(text, mode="eval").body
        name, keywords = (node.func, node.keywords) if isinstance(node, ast.Call) else (node, [])
        parameters = {k.arg: ast.literal_eval(k.value) for k in keywords}
        name = ast.unparse(name)
        cfg = dict(type=name if "." in name else f"mmal.{name}", **parameters)
        build_query(cfg)
    except (SyntaxError, TypeError, ValueError) as error:
        raise ValueError(f"--queries: {text!r} cannot be read: {error}") from error
    return cfg


def _label(text: str) -> str:
    """A name for a query that is also a folder's."""
    return "".join(c if c.isalnum() or c in "._=+-" else "_" for c in text).rstrip("_")


def _run(comparison: Comparison, jobs: int) -> None:
    script = Path(__file__).parent / "run_rounds.py"
    total = len(comparison.seeds) * (len(comparison.queries) + 1)
    with Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task("trials", total=total)

        def advance(query: str, seed: int) -> None:
            progress.advance(task)
            progress.console.print(f"{query}, seed {seed}: finished")
            comparison.write_csv(comparison.work_dir / "results.csv")

        comparison.run(script, jobs, advance)


def _write(comparison: Comparison, args: argparse.Namespace, console: Console) -> None:
    curves = {query: trials for query, trials in comparison.curves().items() if trials}
    if not curves:
        console.print("No trial is finished yet.")
        return
    root = comparison.work_dir
    comparison.write_csv(root / "results.csv")
    any_curve = next(iter(next(iter(curves.values())).values()))
    metric = args.metric or metric_names(any_curve)[0]
    baseline = next(iter(curves))
    trials = {query: list(trials.values()) for query, trials in curves.items()}
    plot_curves(trials, root / "curves.png", metric, args.cost)
    summaries = summarize(curves, metric, baseline, args.cost)
    title = (
        f"{metric} by labelled samples, mean ± std of {summaries[0].trials} trials; area: mean "
        f"height over {COSTS[args.cost]}; gain and labels saved: against {baseline}"
    )
    with atomic_path(root / "table.md") as tmp:
        tmp.write_text(comparison_markdown(summaries, title), encoding="utf-8")
    console.print(comparison_table(summaries, title))
    console.print(f"Table, curves and results.csv: {root}")


if __name__ == "__main__":
    main()
