"""Compute how much of a protocol's rounds is not training, from parts measured on few images."""

import argparse
import sys

from mmengine.logging import MMLogger
from rich.console import Console
from rich.table import Table

from mmal.apis.cli import add_cfg_options, one_line_errors, read_config
from mmal.apis.round_share import RoundParts, measure_parts, shares
from mmal.utils import quiet_terminal

EXAMPLE = """example:
  python tools/analysis_tools/benchmark_round.py configs/detection/ssd300_voc0712.py \\
      --pool 16551 --test 4952
"""


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLE, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "config", help="a config of rounds; its data sets may be smaller than the protocol's"
    )
    parser.add_argument("--pool", type=int, required=True, help="images of the protocol's pool")
    parser.add_argument("--test", type=int, required=True, help="its test images")
    parser.add_argument(
        "--batch-size",
        type=int,
        default=8,
        help="images of the training steps that are measured; steps of more are taken to last as "
        "much longer (default: 8)",
    )
    add_cfg_options(parser)
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    for name in ("pool", "test", "batch_size"):
        if getattr(args, name) < 1:
            option = name.replace("_", "-")
            sys.exit(f"--{option} must be at least 1. Got {getattr(args, name)} instead.")
    MMLogger.get_instance("benchmark", log_level="WARNING")
    with quiet_terminal(), one_line_errors():
        cfg = read_config(args)
        parts = measure_parts(cfg, args.pool, args.batch_size)
    rounds = shares(cfg, parts, args.pool, args.test)
    console = Console(width=None if sys.stdout.isatty() else 120)
    console.print(_sentence(parts))
    console.print(_table(rounds))


def _sentence(parts: RoundParts) -> str:
    rates = parts.rates
    return (
        f"Seconds: {rates.step:.2f} a training step; of a test image {rates.evaluated:.3f} and "
        f"{parts.metric:.4f} in the metric; {rates.scored:.3f} a candidate; {parts.build:.1f} for "
        f"building a runner; {parts.commit:.2f} for writing and committing."
    )


def _table(rounds: list[tuple[int, float, float]]) -> Table:
    table = Table()
    for name in ("round", "labelled", "training h", "rest h", "rest %"):
        table.add_column(name, justify="right")
    whole = (sum(training for _, training, _ in rounds), sum(rest for *_, rest in rounds))
    for index, (labeled, training, rest) in enumerate(rounds):
        table.add_row(str(index), str(labeled), *_cells(training, rest))
    table.add_section()
    table.add_row("all", "", *_cells(*whole))
    return table


def _cells(training: float, rest: float) -> tuple[str, str, str]:
    share = 100 * rest / (training + rest)
    return f"{training / 3600:.2f}", f"{rest / 3600:.3f}", f"{share:.2f}"


if __name__ == "__main__":
    main()
