"""A virtual environment that can be filled, interrupted and filled on."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from machine import SetupError

PROBE = """
import json, os, numpy, torch
from torch.utils.cpp_extension import CUDA_HOME
gpus = {'%d.%d' % torch.cuda.get_device_capability(i) for i in range(torch.cuda.device_count())}
archs = os.environ.get('TORCH_CUDA_ARCH_LIST') or ' '.join(sorted(gpus))
with_cuda = CUDA_HOME and (gpus or os.environ.get('FORCE_CUDA') == '1')
print(json.dumps({
    'torch': torch.__version__,
    'numpy': numpy.__version__.split('.')[0],
    'ops': 'cuda' + archs.replace(' ', '_').replace(';', '_') if with_cuda else 'cpu',
    'cuda_compiler_missing': bool(gpus and not CUDA_HOME),
}))
"""


def run_as_group(command: list[str], **options: Any) -> int:
    """Run a command; when this is interrupted, no compiler that the command started stays behind.

    Args:
        command: What to run.
        options: Passed to ``subprocess.Popen``.
    """
    # Descriptors are inherited for the lock, which must stay held if we are killed and pip is not.
    process = subprocess.Popen(command, start_new_session=True, close_fds=False, **options)
    try:
        return process.wait()
    except BaseException:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()
        raise


class VirtualEnv:
    """A virtual environment with a log of what pip did in it.

    Args:
        root: Folder of the environment, which need not exist.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.python = root / "bin" / "python"
        self.log = root / "mmal-setup.log"
        self.stamp = root / "mmal-setup.stamp"
        self.constraints = root / "mmal-constraints.txt"
        self.family = root / "mmal-family.txt"

    def is_complete(self, fingerprint: str) -> bool:
        """Return whether a set-up with this fingerprint has run to its end here."""
        return (
            self.python.exists() and self.stamp.exists() and self.stamp.read_text() == fingerprint
        )

    def create(self, family: str) -> None:
        """Create the environment; one that an interruption left broken is created anew.

        Args:
            family: Which OpenMMLab packages it is for. Both families own the same modules, so that
                one environment cannot change from one to the other.
        """
        if self.family.exists() and self.family.read_text() != family:
            raise SetupError(
                f"{self.root} holds the {self.family.read_text()} OpenMMLab packages: remove it, "
                "or name another folder"
            )
        self.stamp.unlink(missing_ok=True)
        if not self.python.exists() or self.run("-m", "pip", "--version").returncode != 0:
            is_foreign = not (self.root / "pyvenv.cfg").exists()
            if is_foreign and any(path.is_file() for path in self.root.rglob("*")):
                raise SetupError(f"{self.root} exists and is no virtual environment: move it away")
            subprocess.run([sys.executable, "-m", "venv", "--clear", self.root], check=True)
        self.family.write_text(family)
        self._drop_unfinished_packages()

    def _drop_unfinished_packages(self) -> None:
        """Let pip reinstall half-installed packages, which it would take for installed."""
        for info in self.root.glob("lib/python*/site-packages/*.dist-info"):
            if not (info / "INSTALLER").exists():  # among the last files that pip writes
                shutil.rmtree(info)

    def run(self, *arguments: str) -> subprocess.CompletedProcess:
        """Run the environment's Python and return what it printed."""
        command = [self.python, *arguments]
        return subprocess.run(command, cwd=self.root, capture_output=True, text=True)

    def pip(self, *arguments: str, variables: dict[str, str] | None = None) -> None:
        """Run pip with its output in the log, whose end becomes the message when it fails.

        Args:
            arguments: What follows ``pip`` on the command line.
            variables: Environment variables to add.
        """
        command = [str(self.python), "-m", "pip", *arguments]
        environment = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1", **(variables or {})}
        with open(self.log, "a") as log:
            print("\n$", *command, file=log, flush=True)
            status = run_as_group(command, stdout=log, stderr=log, env=environment)
        if status != 0:
            tail = "\n".join(self.log.read_text(errors="replace").splitlines()[-25:])
            raise SetupError(f"{tail}\n\nThis failed: {' '.join(command)}\nIts output: {self.log}")

    def install(self, *arguments: str) -> None:
        """Install with pip, held to the versions in the constraints file, but without bytecode."""
        options = ("--no-compile", "--progress-bar", "off", "--constraint", str(self.constraints))
        self.pip("install", *options, *arguments)

    def compile_bytecode(self) -> None:
        """Compile the modules installed so far on all cores; pip would use one."""
        folders = [str(folder) for folder in self.root.glob("lib/python*/site-packages")]
        # Its status says nothing: some packages bring files that are no Python of this version.
        self.run("-m", "compileall", "-q", "-j", "0", *folders)

    def note(self, text: str) -> None:
        """Append a text to the log."""
        with open(self.log, "a") as log:
            print(f"\n{text}", file=log)

    def probe(self) -> dict[str, str]:
        """Return what decides whether a compiled wheel fits this environment."""
        done = self.run("-c", PROBE)
        if done.returncode != 0:
            raise SetupError(f"torch does not import in {self.root}:\n{done.stderr[-2000:]}")
        return json.loads(done.stdout.splitlines()[-1])
