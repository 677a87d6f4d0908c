"""Where mmal keeps what it can make again."""

import os
from pathlib import Path


def cache_folder() -> Path:
    """``$MMAL_CACHE``, or ``mmal`` in the user's cache folder."""
    if os.environ.get("MMAL_CACHE"):
        return Path(os.environ["MMAL_CACHE"]).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mmal"
