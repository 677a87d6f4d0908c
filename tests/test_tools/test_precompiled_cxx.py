"""The compiler's stand-in precompiles the header once, and steps aside where that does not work."""

import os
import runpy
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parents[2] / "tools/dev/precompiled_cxx.py"
MODULE = runpy.run_path(str(PROGRAM))
#: Writes down its arguments, then is the compiler, but for what ``{refusal}`` does.
COMPILER = """#!/bin/sh
echo "$@" >> {log}
{refusal}
exec c++ "$@"
"""

needs_compiler = pytest.mark.skipif(not shutil.which("c++"), reason="needs a C++ compiler")


class Project:
    """Two sources with the header, one without, and a compiler that writes down its calls."""

    def __init__(self, root: Path) -> None:
        self.root, self.headers, self.log = root, root / "headers", root / "calls.log"
        (root / "include").mkdir()
        self.headers.mkdir()
        self.write("include/pytorch_cpp_helper.hpp", "#pragma once\ninline int one() { return 1; }")
        self.write("one.cpp", '#include "pytorch_cpp_helper.hpp"\nint f() { return one(); }')
        self.write("two.cpp", "# include <pytorch_cpp_helper.hpp>\nint g() { return one() + 1; }")
        self.write("bare.cpp", "// pytorch_cpp_helper.hpp\nint h() { return 3; }")
        self.refuse("")

    def write(self, name: str, text: str) -> None:
        (self.root / name).write_text(text + "\n")

    def refuse(self, refusal: str) -> None:
        """Let the compiler run this line of shell first."""
        self.write("compiler", COMPILER.format(log=self.log, refusal=refusal))
        (self.root / "compiler").chmod(0o755)

    def arguments(self, name: str) -> list[str]:
        depfile = ("-MMD", "-MF", f"{name}.d")
        return [*depfile, "-O1", "-g", "-Iinclude", "-c", f"{name}.cpp", "-o", f"{name}.o"]

    def start(self, *arguments: str) -> subprocess.Popen:
        command = [sys.executable, PROGRAM, self.headers, "./compiler", *arguments]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, cwd=self.root, stdout=pipe, stderr=pipe, text=True)

    def run(self, *arguments: str) -> tuple[int, str]:
        """Return the status and what was printed."""
        process = self.start(*arguments)
        output, errors = process.communicate(timeout=60)
        return process.returncode, output + errors

    def calls(self) -> list[str]:
        return self.log.read_text().splitlines()

    def precompilations(self) -> int:
        return sum("c++-header" in call for call in self.calls())

    def failures(self) -> list[str]:
        return MODULE["failures"](self.headers)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


@needs_compiler
def test_header_is_precompiled_once(project: Project) -> None:
    for name in ("one", "two"):
        assert project.run(*project.arguments(name)) == (0, "")
    header, one, two = project.calls()
    assert "-x c++-header" in header
    for other in ("-MF", "-c ", "one"):
        assert other not in header
    assert f"-include {project.headers}" in one
    assert f"-include {project.headers}" in two
    assert len([*project.headers.glob("*/*.gch")]) == 1
    assert (project.root / "two.d").exists()
    assert project.failures() == []


@needs_compiler
def test_other_flags_have_a_header_of_their_own(project: Project) -> None:
    for level in ("-O0", "-O2"):
        assert project.run(*project.arguments("one"), level) == (0, "")
    assert project.precompilations() == 2


@needs_compiler
@pytest.mark.skipif(not shutil.which("objcopy"), reason="needs objcopy")
def test_machine_code_stays_the_same(project: Project) -> None:
    def code(*command: str | Path) -> bytes:
        subprocess.run(command, cwd=project.root, check=True)
        section = ("objcopy", "-O", "binary", "--only-section=.text", "one.o", "one.text")
        subprocess.run(section, cwd=project.root, check=True)
        return (project.root / "one.text").read_bytes()

    arguments = project.arguments("one")
    plain = code("c++", *arguments)
    assert plain
    assert code(sys.executable, PROGRAM, project.headers, "c++", *arguments) == plain


@needs_compiler
@pytest.mark.parametrize(
    "arguments",
    [
        ("-Iinclude", "-g", "-c", "bare.cpp", "-o", "bare.o"),
        ("-Iinclude", "-E", "one.cpp", "-o", "one.ii"),
        ("-Iinclude", "-shared", "-fPIC", "one.cpp", "two.cpp", "-o", "both.so"),
        ("--version",),
        ("-h",),
    ],
    ids=["another source", "no compilation", "several sources", "version", "own option"],
)
def test_other_commands_run_unchanged(project: Project, arguments: tuple[str, ...]) -> None:
    project.run(*arguments)
    assert project.calls() == [" ".join(arguments)]


@needs_compiler
@pytest.mark.parametrize("refused", ["c++-header", "-include"])
def test_compiler_that_cannot_do_it_runs_plainly(project: Project, refused: str) -> None:
    project.refuse(f'case "$*" in *{refused}*) echo cannot do this >&2; exit 1;; esac')
    for name in ("one", "two"):
        assert project.run(*project.arguments(name)) == (0, "")
        assert project.calls()[-1] == " ".join(project.arguments(name))
        assert (project.root / f"{name}.o").exists()
    assert project.precompilations() == 1, "it is tried once"
    assert project.failures() == ["cannot do this\n"]


@needs_compiler
def test_folder_that_cannot_be_written_is_named(project: Project) -> None:
    project.headers.rmdir()
    project.headers.write_text("a file, not a folder")
    status, printed = project.run(*project.arguments("one"))
    assert status == 0
    assert str(project.headers) in printed
    assert project.calls() == [" ".join(project.arguments("one"))]


@needs_compiler
def test_wrong_source_fails_as_always(project: Project) -> None:
    project.write("one.cpp", '#include "pytorch_cpp_helper.hpp"\nint f() { return three(); }')
    status, printed = project.run(*project.arguments("one"))
    assert status == 1
    assert printed.count("error:") == 1
    assert "three" in printed
    assert project.failures() == [], "the header is not to blame"


@needs_compiler
def test_parallel_compilers_share_a_header(project: Project) -> None:
    project.refuse('case "$*" in *c++-header*) sleep 0.5;; esac')
    processes = [project.start(*project.arguments(name)) for name in ("one", "two")]
    for process in processes:
        assert process.communicate(timeout=60) == ("", "")
        assert process.returncode == 0
    assert project.precompilations() == 1
    assert sum("-include" in call for call in project.calls()) == 2


def test_compiler_that_is_missing_is_named(project: Project) -> None:
    (project.root / "compiler").unlink()
    status, printed = project.run("--version")
    assert status == 1
    assert printed.count("\n") == 1
    assert "./compiler" in printed


@needs_compiler
def test_stand_in_is_found_in_place_of_the_compiler(project: Project) -> None:
    for compiler, name in (("compiler", "compiler"), ("compiler -DX=1", "c++")):
        variables = MODULE["stand_in"](project.headers, f"{project.root}/{compiler}")
        assert variables["CXX"] == name
        command = shlex.join([name, *project.arguments("two")])
        subprocess.run(
            command,
            shell=True,
            cwd=project.root,
            env={**os.environ, **variables},
            check=True,
            timeout=30,
        )
    assert project.calls()[-1].startswith("-DX=1 ")
    assert project.precompilations() == 2


def test_stand_in_that_does_not_run_is_refused(project: Project) -> None:
    with pytest.raises(OSError, match="no-such-compiler"):
        MODULE["stand_in"](project.headers, "no-such-compiler")
