"""A cache of compiled wheels, keyed by what each was compiled for.

pip's own cache knows a wheel's Python and platform, yet not the torch or the NumPy it was compiled
against; such a wheel fails only when it is imported. This cache lies outside the checkout, in
``$MMAL_CACHE`` or the user's cache folder.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path


def cache_root() -> Path:
    """Return the folder for everything that is kept between checkouts."""
    if os.environ.get("MMAL_CACHE"):
        return Path(os.environ["MMAL_CACHE"]).expanduser().resolve()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").resolve() / "mmal"


class WheelCache:
    """Wheels in one folder per key, each put there whole or not at all.

    Args:
        root: Folder of the cache; created when missing.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.wheels = root / "wheels"
        self.wheels.mkdir(parents=True, exist_ok=True)

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Keep other set-ups out, and remove what interrupted ones left behind."""
        with open(self.root / "setup.lock", "w") as file:
            os.set_inheritable(file.fileno(), True)  # held as long as a child of ours works
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                print("Waiting for another set-up to finish ...", flush=True)
                fcntl.flock(file, fcntl.LOCK_EX)
            for leftover in self.root.glob("build-*"):
                shutil.rmtree(leftover, ignore_errors=True)
            yield

    def find(self, key: str) -> Path | None:
        """Return the wheel stored under ``key``, if there is one."""
        return next((self.wheels / key).glob("*.whl"), None)

    def drop(self, key: str) -> None:
        """Forget the wheel stored under ``key``."""
        shutil.rmtree(self.wheels / key, ignore_errors=True)

    def build(self, key: str, compile_into: Callable[[Path, Path], None]) -> Path:
        """Compile a wheel, store it under ``key`` and return it.

        Args:
            key: Names the package and what it is compiled for.
            compile_into: Called with an empty folder for the wheel and one for temporary files.
        """
        with tempfile.TemporaryDirectory(prefix="build-", dir=self.root) as scratch:
            output, temporary = Path(scratch, "wheel"), Path(scratch, "tmp")
            output.mkdir()
            temporary.mkdir()
            compile_into(output, temporary)
            self.drop(key)
            os.replace(output, self.wheels / key)
        return next((self.wheels / key).glob("*.whl"))
