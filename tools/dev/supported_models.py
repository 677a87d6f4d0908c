"""Write README's table of supported models from the list that the contract test runs over.

Example:
    PYTHONPATH=. python tools/dev/supported_models.py README.md
"""

import argparse
import sys
from itertools import groupby
from pathlib import Path

from tests.families import FAMILIES, Family

BEGIN = "<!-- supported models: written by tools/dev/supported_models.py -->"
END = "<!-- end of supported models -->"


def table() -> str:
    """Return the table, in Markdown; an asterisk marks losses that are a matter of definition."""
    rows = ["| group | families |", "|---|---|"]
    for group, families in groupby(FAMILIES, key=lambda family: family.group):
        rows.append(f"| {group} | {', '.join(_marked(family) for family in families)} |")
    return "\n".join(rows)


def _marked(family: Family) -> str:
    return family.name + r"\*" * family.defined


def with_table(text: str) -> str:
    """Return ``text`` with the table between the two marks.

    Raises:
        ValueError: If a mark is missing.
    """
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"The text needs the lines {BEGIN!r} and {END!r}, in this order.")
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", type=Path, help="the Markdown file to change")
    path = parser.parse_args().file
    try:
        path.write_text(with_table(path.read_text()))
    except ValueError as error:
        sys.exit(f"{path}: {error}")


if __name__ == "__main__":
    main()
