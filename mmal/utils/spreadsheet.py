"""Text in tables that are opened with a spreadsheet."""


def as_cell(text: str) -> str:
    """Keep a spreadsheet from taking text for a formula: such text gets an apostrophe before it.

    Args:
        text: An id, a path; numbers are none and need no care.
    """
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
