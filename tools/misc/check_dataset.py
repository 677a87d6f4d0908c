"""Check the data sets of a config: what became of every annotation and image, and why.

Training, validation, test and unlabelled images are compared with what their annotation files say,
and with each other.
"""

import argparse
import json
import sys
from contextlib import redirect_stdout

from mmengine.config import Config
from mmengine.config.utils import ConfigParsingError
from rich.console import Console

from mmal.apis import audit_config, plot_training_samples
from mmal.apis.cli import add_cfg_options, read_config
from mmal.datasets.audit import AuditReport, ImageCache
from mmal.visualization import audit_summary, check_sheet_path, findings_table, sets_table

EXAMPLE = """exit code:
  0  nothing wrong, or warnings without --strict
  1  errors in the data, or a sample that the training pipeline fails on (--show)
  2  the check could not run: no such config, no training set, a wrong option
  3  warnings with --strict

example:
  python tools/misc/check_dataset.py configs/detection/ssd300_voc0712.py --show sheet.png
"""
#: What reading a config may raise.
_UNREADABLE = (
    *(ValueError, TypeError, KeyError, OSError, SyntaxError, ImportError),
    ConfigParsingError,
)


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLE, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("config", help="config file")
    parser.add_argument(
        "--format",
        choices=["table", "json"],
        default="table",
        help="of what is printed (default: table)",
    )
    parser.add_argument(
        "--show", metavar="PNG", help="draw training samples, as the pipeline makes them, in a file"
    )
    parser.add_argument("--num", type=int, default=12, help="how many of them (default: 12)")
    parser.add_argument(
        "--images", type=int, help="decode so many images of a set (default: audit.max_images)"
    )
    parser.add_argument(
        "--no-cache", action="store_true", help="decode images that were good last time, too"
    )
    parser.add_argument("--strict", action="store_true", help="exit code 3 for warnings")
    add_cfg_options(parser)
    return parser.parse_args()


def main() -> int:
    args = parse_args()
    # Progress, logs and what other packages print must not come between the lines of JSON.
    with redirect_stdout(sys.stderr):
        try:
            cfg = read_config(args)
        except _UNREADABLE as error:
            print(f"error: the config {args.config} cannot be read: {error}")
            return 2
        try:
            if args.show is not None:
                check_sheet_path(args.show)
            if args.num < 1:
                raise ValueError(f"--num must be positive. Got {args.num} instead.")
            report = audit_config(cfg, args.images, None if args.no_cache else ImageCache())
        except ValueError as error:
            print(f"error: {error}")
            return 2
    show(report, args)
    drawn = args.show is None or draw(cfg, args)
    if not drawn or any(report.of("error")):
        return 1
    return 3 if args.strict and any(report.of("warning")) else 0


def show(report: AuditReport, args: argparse.Namespace) -> None:
    if args.format == "json":
        print(json.dumps(dict(config=args.config, **report.to_dict()), indent=1))
        return
    console = Console(width=None if sys.stdout.isatty() else 140)
    if report.sets:
        console.print(sets_table(report))
    if report.groups:
        console.print(findings_table(report))
    console.print(audit_summary(report), highlight=False)


def draw(cfg: Config, args: argparse.Namespace) -> bool:
    """Draw the sheet; return whether no sample failed."""
    with redirect_stdout(sys.stderr):
        try:
            failures = plot_training_samples(cfg, args.show, args.num)
        except (ValueError, OSError) as error:
            print(f"error: {args.show} is not written: {error}")
            return False
        for failure in failures:
            print(f"the training pipeline fails on {failure}")
        print(f"Wrote {args.show}")
    return not failures


if __name__ == "__main__":
    sys.exit(main())
