"""Texts that a spreadsheet shows as they are."""


def spreadsheet_text(value: object) -> object:
    """Put an apostrophe before a text that a spreadsheet would take for a formula.

    A CSV file has no other way to say that ``=cmd|'/c calc'!A1.jpg`` is the name of an image.

    Example:
        >>> spreadsheet_text("=1+1"), spreadsheet_text("a=b"), spreadsheet_text(-1.5)
        ("'=1+1", 'a=b', -1.5)
    """
    if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r", "\n")):
        return f"'{value}"
    return value
