"""The kinds of findings and their page."""

from pathlib import Path

from mmal.datasets.audit.kinds import KINDS

PAGE = Path(__file__).parents[3] / "docs" / "data_checks.md"


def test_the_page_has_every_kind_and_no_other():
    _, _, kinds = PAGE.read_text().partition("## Kinds of findings")
    rows = [line for line in kinds.splitlines() if line.startswith("| `")]
    listed = [row.split("`")[1] for row in rows]
    assert sorted(listed) == sorted(KINDS)
    for row in rows:
        assert KINDS[row.split("`")[1]].of_many in row
