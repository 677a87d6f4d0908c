"""Plot by how much queries are above a baseline, on several data sets, and print it as a table.

Reads what tools/compare_queries.py left. Of each comparison the gain of the area under the curve is
taken, paired by seed, as in its own table, in shares of the baseline's area.
"""

import argparse
import sys
from pathlib import Path

from rich.console import Console

from mmal.apis.cli import one_line_errors
from mmal.apis.gains import read_gains
from mmal.visualization.comparison_table import gain_table_rows, terminal_table
from mmal.visualization.gain_plot import plot_gains

EXAMPLE = """example:
  python tools/analysis_tools/plot_gains.py --out gains.png \\
      "long tail=work_dirs/long_tailed" "people=docs/results/frozen_lspet.csv:Herding"
"""


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLE, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "comparisons",
        nargs="+",
        metavar="[LABEL=]PATH[:QUERY]",
        help="directory of a comparison, or its results.csv, and the query (default: the first "
        "that is not the baseline)",
    )
    parser.add_argument("--baseline", default="Random", help="default: Random")
    parser.add_argument("--metric", help="default: the first of each comparison")
    parser.add_argument("--out", default="gains.png", help="image file")
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    with one_line_errors():
        gains = {}
        for text in args.comparisons:
            label, path, query = _parts(text)
            if label in gains:
                raise ValueError(f"Two comparisons are called {label!r}: label=path names them.")
            gains[label] = read_gains(path, args.baseline, query, args.metric)
        plot_gains(gains, args.out, args.baseline)
    Console(width=None if sys.stdout.isatty() else 120).print(
        terminal_table(gain_table_rows(gains), f"gain of area over {args.baseline}")
    )
    print(f"Wrote {args.out}")


def _parts(text: str) -> tuple[str, str, str | None]:
    """Label, path and query of ``[LABEL=]PATH[:QUERY]``; what exists as a whole is a path."""
    label, path = "", text
    if "=" in text and not any(Path(p).exists() for p in (text, text.rpartition(":")[0] or text)):
        label, path = text.split("=", 1)
    query = None
    if ":" in path and not Path(path).exists():
        path, query = path.rsplit(":", 1)
    return label or Path(path).stem, path, query


if __name__ == "__main__":
    main()
