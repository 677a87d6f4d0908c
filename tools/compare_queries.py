"""Compare queries over trials: run all rounds, write table, curves and what they amount to."""

import argparse
import re
import shlex
import signal
import sys
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from mmal.apis.cli import Pairs, add_cfg_options, parse_query, read_config
from mmal.apis.comparison import Comparison
from mmal.apis.comparison_report import write_report
from mmal.apis.trial_processes import TrialError
from mmal.engine.rounds import RoundSettings
from mmal.queries import build_query
from mmal.visualization import COSTS

EXAMPLE = """example:
  python tools/compare_queries.py configs/demo/toy_voc.py --queries Random LearnedLoss CoreSet \\
      --seeds 0 1 2 --jobs 2 --work-dir work_dirs/compare
  python tools/compare_queries.py my_config.py --queries Random Herding --jobs 9 \\
      --submitit slurm_partition=gpu gpus_per_node=1 cpus_per_task=8 timeout_min=600
  python tools/compare_queries.py my_config.py --queries Random Herding \\
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
    parser.add_argument(
        "--submitit",
        nargs="*",
        action=Pairs,
        metavar="KEY=VALUE",
        help="submit trials to Slurm, --jobs at a time, with these options of submitit's "
        "executor, such as slurm_partition=gpu gpus_per_node=1 cpus_per_task=8 timeout_min=600; "
        "cluster=local runs them here",
    )
    parser.add_argument("--work-dir", help="default: work_dirs/<config>_compare")
    parser.add_argument("--metric", help="column of curve.csv (default: the first metric)")
    parser.add_argument(
        "--cost",
        choices=list(COSTS),
        default="labeled",
        help="of the plot and the first table of gains; others that curve.csv has follow",
    )
    parser.add_argument(
        "--summarize-only", action="store_true", help="run nothing; use what is finished"
    )
    parser.add_argument(
        "--keep-checkpoints",
        action="store_true",
        help="keep those of every round; else a finished trial keeps the last round's alone",
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
            _run(comparison, args)
    except TrialError as error:
        failure = str(error)
    except KeyboardInterrupt:
        print("Interrupted. The same command goes on.", file=sys.stderr)
        sys.exit(130)
    except (ValueError, TypeError, FileExistsError, FileNotFoundError) as error:
        sys.exit(f"error: {error}")
    if failure is not None:
        console.print(failure, style="red", markup=False)
    try:
        command = shlex.join(["python", *sys.argv])
        write_report(comparison, args.metric, args.cost, console, command)
    except ValueError as error:  # nothing to compare yet, or no such metric
        sys.exit(f"error: {error}")
    sys.exit(failure is not None)


def _comparison(args: argparse.Namespace) -> Comparison:
    cfg = read_config(args)
    RoundSettings.from_config(cfg)
    if args.jobs < 1:
        raise ValueError(f"--jobs must be at least 1. Got {args.jobs} instead.")
    work_dir = Path(args.work_dir or f"work_dirs/{Path(args.config).stem}_compare")
    queries: dict[str, dict] = {}
    meanings: dict[str, str] = {}
    for query in map(parse_query, args.queries):
        if (label := _label(query)) in queries:
            raise ValueError(
                f"--queries has two that would be kept in the same folder, {label!r}: name one."
            )
        if (other := meanings.setdefault(_meaning(query), label)) != label:
            raise ValueError(f"--queries has the same query twice, {other!r} and {label!r}.")
        queries[label] = query
    if len(set(args.seeds)) < len(args.seeds):
        raise ValueError(f"--seeds has one twice: {args.seeds}. Each is one trial: name others.")
    return Comparison(cfg, queries, args.seeds, work_dir)


def _meaning(query: dict) -> str:
    """Write a query such that two which pick alike, as one names a default, are the same text."""
    built = build_query(query)
    state = {name: value for name, value in vars(built).items() if name != "description"}
    return f"{type(built)} {sorted(state.items())}"


def _label(query: dict) -> str:
    """Name a query such that the name can be a folder's."""
    return re.sub(r"[^\w.+-]+", "-", build_query(query).description).strip("-")


def _run(comparison: Comparison, args: argparse.Namespace) -> None:
    script = Path(__file__).parent / "run_rounds.py"
    total = len(comparison.seeds) * (len(comparison.queries) + 1)
    console = Console(stderr=True)
    # A scheduler's way to stop a job; the trials must not outlive it.
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        # The bar is for a terminal; the lines say the same in a log.
        with Progress(console=console, disable=not console.is_terminal) as progress:
            task = progress.add_task("trials", total=total)

            def show(line: str) -> None:
                progress.advance(task)
                progress.console.print(line, markup=False, highlight=False, soft_wrap=True)

            if not args.keep_checkpoints:
                console.print(
                    "Finished trials keep their last checkpoint alone (see --keep-checkpoints).",
                    soft_wrap=True,
                )
            comparison.run(
                script, args.jobs, show, args.keep_checkpoints, args.submitit, args.metric
            )
    finally:
        signal.signal(signal.SIGTERM, before)


if __name__ == "__main__":
    main()
