"""Compare queries over trials: run all rounds, write table, curves and what they amount to."""

import argparse
import re
import signal
import sys
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from mmal.apis.cli import add_cfg_options, parse_query, read_config
from mmal.apis.comparison import Comparison
from mmal.apis.trial_processes import TrialError
from mmal.engine.rounds import RoundSettings
from mmal.evaluation.overlap import picks_overlap
from mmal.evaluation.summary import summarize
from mmal.queries import build_query
from mmal.utils import atomic_path
from mmal.visualization import COSTS, metric_names, plot_curves
from mmal.visualization.comparison_table import (
    comparison_rows,
    markdown_table,
    overlap_rows,
    terminal_table,
)

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
    failure = None
    try:
        comparison = _comparison(args)
        if args.summarize_only:
            comparison.check_trials()
        else:
            comparison.check()
            _run(comparison, args.jobs)
    except TrialError as error:
        failure = str(error)
    except KeyboardInterrupt:
        print("Interrupted. The same command goes on.", file=sys.stderr)
        sys.exit(130)
    except (ValueError, TypeError, FileExistsError, FileNotFoundError) as error:
        sys.exit(f"error: {error}")
    if failure is not None:
        console.print(failure, style="red", markup=False)
    _write(comparison, args, console)
    sys.exit(failure is not None)


def _comparison(args: argparse.Namespace) -> Comparison:
    cfg = read_config(args)
    RoundSettings.from_config(cfg)
    if args.jobs < 1:
        raise ValueError(f"--jobs must be at least 1. Got {args.jobs} instead.")
    work_dir = Path(args.work_dir or f"work_dirs/{Path(args.config).stem}_compare")
    queries = {_label(query): query for query in map(parse_query, args.queries)}
    return Comparison(cfg, queries, list(dict.fromkeys(args.seeds)), work_dir)


def _label(query: dict) -> str:
    """Name a query such that the name can be a folder's."""
    return re.sub(r"[^\w.+-]+", "-", build_query(query).description).strip("-")


def _run(comparison: Comparison, jobs: int) -> None:
    script = Path(__file__).parent / "run_rounds.py"
    total = len(comparison.seeds) * (len(comparison.queries) + 1)
    # A scheduler's way to stop a job; the trials must not outlive it.
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        with Progress(console=Console(stderr=True)) as progress:
            task = progress.add_task("trials", total=total)

            def advance(query: str, seed: int) -> None:
                progress.advance(task)
                progress.console.print(f"{query}, seed {seed}: finished", markup=False)

            comparison.run(script, jobs, advance)
    finally:
        signal.signal(signal.SIGTERM, before)


def _write(comparison: Comparison, args: argparse.Namespace, console: Console) -> None:
    curves = {query: trials for query, trials in comparison.curves().items() if trials}
    baseline = next(iter(comparison.queries))
    if baseline not in curves:
        sys.exit(f"error: {baseline}, which others are compared to, has no finished trial yet.")
    root = comparison.work_dir
    comparison.write_csv(root / "results.csv")
    every = [row for trials in curves.values() for curve in trials.values() for row in curve]
    metric = args.metric or next(iter(metric_names(every)), "no metric")
    if any(metric in row for row in every):
        for row in every:  # evaluators leave it out where nothing was detected
            row.setdefault(metric, 0.0)
    try:
        if seeds := set.intersection(*(set(trials) for trials in curves.values())):
            runs = {query: [trials[seed] for seed in seeds] for query, trials in curves.items()}
            plot_curves(runs, root / "curves.png", metric, args.cost)
        summaries = summarize(curves, metric, baseline, args.cost)
    except ValueError as error:  # no such metric, or no seed that all queries have finished
        sys.exit(f"error: {error}")
    trials = summaries[0].trials
    what = f"mean ± std of {trials} trials" if trials > 1 else "one trial"
    title = (
        f"{metric} by labelled samples, {what}; area: mean height over {COSTS[args.cost]}; gain "
        f"and labels saved: against {baseline}"
    )
    tables = {title: comparison_rows(summaries)}
    tables |= _overlaps(comparison, list(curves))
    missing = [
        f"{query} (seed {seed})"
        for query in comparison.queries
        for seed in comparison.seeds
        if not comparison.finished(query, seed)
    ]
    note = f"Not finished, and not in the table: {', '.join(missing)}" if missing else ""
    with atomic_path(root / "table.md") as tmp:
        parts = [markdown_table(rows, name) for name, rows in tables.items()]
        tmp.write_text("\n".join([*parts, f"{note}\n"] if note else parts), encoding="utf-8")
    for name, rows in tables.items():
        console.print(terminal_table(rows, name))
    if note:
        console.print(note, markup=False)
    console.print(f"Table, curves and results.csv: {root}", markup=False)


def _overlaps(comparison: Comparison, queries: list[str]) -> dict[str, list[list[str]]]:
    """Tables of picks in common after one round and after all, by their titles."""
    picks = {query: comparison.picks()[query] for query in queries}
    subset = comparison.cfg.active_learning.get("subset")
    tables: dict[str, list[list[str]]] = {}
    if len(queries) < 2:
        return tables
    for rounds in dict.fromkeys((1, comparison.cfg.active_learning.rounds - 1)):
        trial = next(iter(picks[queries[0]].values()))
        count = sum(map(len, trial[:rounds]))
        title = f"Share of the first {count} picks that two queries have in common"
        if rounds == 1 or subset is None:
            # Each round draws its candidates anew, the same for all queries in the first.
            candidates = min(comparison.pool_size(), subset or comparison.pool_size())
            title += f"; by chance {count / candidates:.0%}"
        tables[title] = overlap_rows(queries, picks_overlap(picks, rounds))
    return tables


if __name__ == "__main__":
    main()
