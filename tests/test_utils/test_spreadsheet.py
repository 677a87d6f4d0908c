import pytest

from mmal.utils import as_cell


@pytest.mark.parametrize("text", ["=1+1", "+x", "-x", "@sum(a)", "\tx", "\rx"])
def test_what_a_spreadsheet_would_compute_is_text(text: str) -> None:
    assert as_cell(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "a=1", "img/1.jpg", "'quoted"])
def test_other_text_stays(text: str) -> None:
    assert as_cell(text) == text
