"""When progress bars are worth showing."""

import sys

from mmengine.dist import is_main_process


def shows_progress() -> bool:
    """Whether this process has a terminal for a bar: in a log it would leave empty lines."""
    return is_main_process() and sys.stdout.isatty()
