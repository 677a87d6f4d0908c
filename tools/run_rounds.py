"""Run acquisition rounds: train, evaluate, score, acquire, for all rounds."""

import argparse
import gc
import sys
from pathlib import Path

from mmengine.dist import is_main_process
from rich.console import Console

from mmal.apis import prepare_rounds
from mmal.apis.cli import (
    add_config_arguments,
    config_from_args,
    interruptible,
    one_line_errors,
    parse_query,
)
from mmal.engine.cached_features import CachedFeaturesError
from mmal.engine.rounds import Plan
from mmal.engine.unreadable import UnreadableImagesError
from mmal.utils import StorageError, first_error_only, quiet_terminal
from mmal.visualization import plan_table

EXAMPLE = """example:
  python tools/run_rounds.py configs/demo/toy_voc.py --work-dir work_dirs/demo
  python tools/run_rounds.py configs/demo/toy_voc.py --work-dir work_dirs/random --query Random
  python tools/run_rounds.py configs/demo/toy_voc.py --work-dir work_dirs/demo --resume
  python tools/run_rounds.py configs/demo/toy_voc.py --work-dir work_dirs/demo --dry-run
"""


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLE, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("config", help="config file with an active_learning dict")
    parser.add_argument(
        "--resume", action="store_true", help="go on with the rounds in the work directory"
    )
    parser.add_argument(
        "--allow-changes",
        action="store_true",
        help="with --resume: go on with settings that are not those the run began with",
    )
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="check everything, tell what would run and about how long it takes, and end; nothing "
        "is written into the work directory",
    )
    parser.add_argument(
        "--query",
        help="replaces active_learning.query by a registered one, such as Random or "
        "\"Entropy(aggregation='max')\"",
    )
    parser.add_argument("--seed", type=int, help="replaces randomness.seed")
    add_config_arguments(parser)
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    work_dir = args.work_dir or f"work_dirs/{Path(args.config).stem}"
    goes_on = "Nothing was written." if args.dry_run else "The same command goes on with --resume."
    log = None if args.dry_run else Path(work_dir, "other_messages.log")
    with interruptible(goes_on), quiet_terminal(log):
        run(args)


def run(args: argparse.Namespace) -> None:
    with one_line_errors():
        cfg = config_from_args(args)
        if args.query is not None:
            query = parse_query(args.query)
            if cfg.get("active_learning") is not None:  # else that is refused
                cfg.active_learning.query = query
        if args.seed is not None:
            cfg.merge_from_dict(dict(randomness=dict(seed=args.seed)))
        # mmengine collects garbage for each data set it builds: half a second with all the modules,
        # unless what is there by now is left out.
        gc.collect()
        gc.freeze()
        with first_error_only():
            rounds = prepare_rounds(cfg, args.resume, args.allow_changes)
    if args.dry_run:
        with one_line_errors(), first_error_only():
            tell(rounds.plan())
        return
    try:
        with first_error_only():
            rounds.run()
    except UnreadableImagesError as error:
        sys.exit(f"error: {error} What is done is kept; the same command goes on with --resume.")
    except (CachedFeaturesError, FloatingPointError, FileExistsError) as error:
        sys.exit(f"error: {error}")  # a training that diverged, another run that was faster
    except StorageError as error:
        sys.exit(
            f"error: {error}. What is done is kept. Once there is room, the same command goes on "
            "with --resume."
        )


def tell(plan: Plan) -> None:
    """Print a plan, in the main process."""
    width = None if sys.stdout.isatty() else 120
    console = Console(quiet=not is_main_process(), width=width)
    if plan.rounds:
        console.print(plan_table(plan))
        console.print(f"{plan.source}Nothing was written; without --dry-run this command runs it.")
    else:
        console.print(f"All {plan.done} rounds are done. Nothing would be trained.")


if __name__ == "__main__":
    main()
