"""Text that every picture, page and terminal takes."""


def printable(text: str) -> str:
    """Spell out what is no text: file names may be no UTF-8, and hold control characters."""
    text = str(text).encode("utf-8", "backslashreplace").decode()
    return "".join(c if c.isprintable() or c == "\n" else repr(c)[1:-1] for c in text)


def plain(text: str) -> str:
    """Make text printable, with dollars that matplotlib takes for no mathematics."""
    return printable(text).replace("$", r"\$")
