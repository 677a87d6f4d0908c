"""What the machine must offer, and how much of it, to compile packages."""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig
from pathlib import Path


class SetupError(Exception):
    """The set-up cannot go on; the message is what the user gets to see."""


def check_machine() -> None:
    """Raise when this machine cannot build the environment; needs no download to find out."""
    if sys.version_info < (3, 10):  # noqa: UP036 - any Python may be asked to run this
        raise SetupError(
            f"mmal needs Python 3.10 or newer; {sys.executable} is {sys.version.split()[0]}. "
            "Name a newer one: make env BASE_PYTHON=python3.11"
        )
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError as error:
        raise SetupError(
            f"{sys.executable} lacks the module {error.name}: install your system's python3-venv"
        ) from None
    if not Path(sysconfig.get_path("include"), "Python.h").exists():
        raise SetupError(
            f"{sys.executable} lacks its C headers (Python.h), which compiling mmcv needs: "
            "install your system's python3-dev"
        )
    for variable, default in (("CXX", "c++"), ("CC", "cc")):
        command = os.environ.get(variable) or default
        if not shutil.which(command.split()[0]):
            raise SetupError(
                f"There is no compiler {command!r}, which mmcv's operators need: install g++ "
                f"(build-essential), or name yours in the environment variable {variable}"
            )


def build_jobs() -> int:
    """Return how many compilers fit: one a core and one per 3 GB; mmcv's largest file takes 2.5."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return max(1, min(len(os.sched_getaffinity(0)), memory // (3 * 10**9)))
