"""Run a C++ compiler with the header precompiled that all of mmcv's sources include.

Compiling one of mmcv's 78 sources is mostly reading PyTorch's headers, which come with
``pytorch_cpp_helper.hpp``. This program stands in for the compiler: it precompiles that header
once for each set of flags, adds it to the commands that compile such a source, and leaves out debug
information, which would be about PyTorch as well. The machine code stays the same. Other commands
run as they are; so do those that fail in this way.

Example:
    python tools/dev/precompiled_cxx.py /tmp/headers c++ -O3 -Icommon -c nms.cpp -o nms.o
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

HEADER = "pytorch_cpp_helper.hpp"
INCLUDE = re.compile(rf'^\s*#\s*include\s*["<]{re.escape(HEADER)}[">]', re.MULTILINE)
NO_DEBUG = "-g0"
# What a command says about its one source, and the header's must not: without and with a value.
OF_ONE_SOURCE = {"-c", "-MD", "-MMD", "-MP"}
OF_ONE_SOURCE_WITH_VALUE = {"-o", "-MF", "-MT", "-MQ"}


def source_in(command: list[str]) -> str | None:
    """Return the source that a command compiles, or None if the header is not for that command."""
    sources = [word for word in command if word.endswith((".cpp", ".cc", ".cxx"))]
    if "-c" not in command or len(sources) != 1:
        return None
    text = Path(sources[0]).read_text(errors="replace")
    return sources[0] if INCLUDE.search(text) else None


def without_source(command: list[str], source: str) -> list[str]:
    """Return the compiler and those of its flags that hold for any source."""
    words, kept = iter(command), []
    for word in words:
        if word in OF_ONE_SOURCE_WITH_VALUE:
            next(words, None)
        elif word != source and word not in OF_ONE_SOURCE:
            kept.append(word)
    return kept


class PrecompiledHeader:
    """The header, precompiled for one set of flags.

    Args:
        folder: Where those for all sets of flags are kept.
        command: The compiler and its flags, without a source.
    """

    def __init__(self, folder: Path, command: list[str]) -> None:
        self.command = command
        self.folder = folder / hashlib.sha256("\0".join(command).encode()).hexdigest()[:16]
        self.path = self.folder / "header.hpp"
        # gcc and clang look for this one when they are told to include the other.
        self.binary = self.folder / "header.hpp.gch"
        self.failure = self.folder / "failure.txt"

    def is_usable(self) -> bool:
        """Precompile, unless that was tried before; others that ask meanwhile wait."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with open(self.folder / "lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not self.binary.exists() and not self.failure.exists():
                self._precompile()
        return not self.failure.exists()

    def give_up(self, reason: str) -> None:
        """Let no further command use it."""
        self.failure.write_text(reason)

    def _precompile(self) -> None:
        self.path.write_text(f"#include <{HEADER}>\n")
        unfinished = self.folder / "unfinished.gch"
        output = ("-x", "c++-header", str(self.path), "-o", str(unfinished))
        done = subprocess.run([*self.command, *output], capture_output=True, text=True)
        if done.returncode == 0:
            os.replace(unfinished, self.binary)
        else:
            self.give_up(done.stderr)


def failures(folder: Path) -> list[str]:
    """Return why compilers had to do without the header, a text for each set of flags."""
    return [file.read_text() for file in sorted(folder.glob("*/failure.txt"))]


def stand_in(folder: Path, compiler: str) -> dict[str, str]:
    """Return environment variables by which this program is called in place of a compiler.

    The builds that read ``CXX`` take it for one word, and its name for the kind of compiler.
    Therefore an executable of that name is written, to be found first.

    Args:
        folder: Where it is written; the precompiled headers come to lie there, too.
        compiler: The compiler's command.

    Raises:
        OSError: If it does not run.
    """
    program, *arguments = shlex.split(compiler)
    name = "c++" if arguments else Path(program).name
    command = (sys.executable, "-I", __file__, str(folder), shutil.which(program) or program)
    executable = folder / name
    executable.write_text(f'#!/bin/sh\nexec {shlex.join([*command, *arguments])} "$@"\n')
    executable.chmod(0o755)
    variables = {"CXX": name, "PATH": os.pathsep.join([str(folder), os.environ.get("PATH", "")])}
    done = subprocess.run([executable, "--version"], capture_output=True, text=True)
    if done.returncode != 0:
        raise OSError(f"{executable} does not run: {done.stderr.strip()}")
    return variables


def run_with_header(folder: Path, command: list[str]) -> int | None:
    """Run a command with the precompiled header; None when it has yet to run as it is."""
    source = source_in(command)
    if source is None:
        return None
    header = PrecompiledHeader(folder, [*without_source(command, source), NO_DEBUG])
    if not header.is_usable():
        return None
    quick = [*command, NO_DEBUG, "-Winvalid-pch", "-include", str(header.path)]
    done = subprocess.run(quick, capture_output=True, text=True)
    if done.returncode == 0:
        sys.stderr.write(done.stderr)
        return 0
    plain = subprocess.run(command)
    if plain.returncode == 0:  # so the header was to blame, not the source
        header.give_up(done.stderr)
    return plain.returncode


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="where precompiled headers are kept")
    parser.add_argument("compiler", help="the compiler to run")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="its arguments")
    args = parser.parse_args()
    command = [args.compiler, *args.arguments]
    # A compiler that is itself a wrapper must find another one in the path, not this one again.
    folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
    os.environ["PATH"] = os.pathsep.join(f for f in folders if f != str(args.folder))
    try:
        status = run_with_header(args.folder, command)
    except (OSError, ValueError) as error:  # a full disk, an unreadable source, odd characters
        print(f"precompiled_cxx: {error}; running the command as it is", file=sys.stderr)
        status = None
    if status is None:
        try:
            os.execvp(command[0], command)
        except OSError as error:
            sys.exit(f"{command[0]} does not run: {error}")
    sys.exit(status)


if __name__ == "__main__":
    main()
