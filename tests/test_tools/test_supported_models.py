"""README's table of supported models is the list that the contract test runs over."""

import runpy
from pathlib import Path

import pytest

from tests.families import FAMILIES

ROOT = Path(__file__).parents[2]
SCRIPT = runpy.run_path(str(ROOT / "tools/dev/supported_models.py"))


def test_readme_is_up_to_date() -> None:
    text = (ROOT / "README.md").read_text()
    assert SCRIPT["with_table"](text) == text
    for family in FAMILIES:
        assert family.name in text


def test_replaces_what_stands_between_the_marks() -> None:
    begin, end = SCRIPT["BEGIN"], SCRIPT["END"]
    text = SCRIPT["with_table"](f"before\n{begin}\nold\n{end}\nafter\n")
    assert text.startswith(f"before\n{begin}\n| group |")
    assert text.endswith(f"|\n{end}\nafter\n")
    assert "old" not in text


def test_missing_marks_are_named() -> None:
    with pytest.raises(ValueError, match="end of supported models"):
        SCRIPT["with_table"](SCRIPT["BEGIN"])
