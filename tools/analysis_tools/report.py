"""Write the report of a finished, stopped or older run: one page that any browser opens."""

import argparse

from mmal.apis import write_run_report
from mmal.apis.cli import one_line_errors

EXAMPLE = """example:
  python tools/analysis_tools/report.py work_dirs/demo
  python tools/analysis_tools/report.py work_dirs/compare/LearnedLoss/seed_0 --out learned_loss.html

It shows what is on disk. Pictures come from the image files: run it where their paths are valid.
Runs write their report themselves, unless active_learning.report is False.
"""


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLE, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("work_dir", help="work directory of tools/run_rounds.py")
    parser.add_argument("--out", help="the page (default: report.html in the work directory)")
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    with one_line_errors():
        path = write_run_report(args.work_dir, args.out)
    print(f"Wrote {path}")


if __name__ == "__main__":
    main()
