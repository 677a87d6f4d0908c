"""Create the virtual environment that mmal's demo and tests run in.

Run again, it returns at once when nothing changed, and continues where an interrupted run stopped.
Compiled wheels are kept in $MMAL_CACHE (by default ~/.cache/mmal), so that a second checkout does
not compile mmcv again.

Example:
    python3 tools/dev/setup_env.py --venv .venv --family continued
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import os
import re
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from machine import SetupError, build_jobs, check_machine
from precompiled_cxx import failures, stand_in
from virtual_env import VirtualEnv
from wheel_cache import WheelCache, cache_root

ROOT = Path(__file__).resolve().parents[2]
REQUIREMENTS = ROOT / "requirements"
PLAN = """Setting up {venv}, which happens once: about 4 minutes on two cores with a fast network,
2 if mmcv was compiled on this machine before (details in {log} there)"""


def parse_args() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--venv", type=Path, default=ROOT / ".venv", help="default: .venv")
    parser.add_argument(
        "--family",
        choices=("continued", "original"),
        default="continued",
        help="which OpenMMLab packages: requirements/mm_FAMILY.txt (default: %(default)s)",
    )
    parser.add_argument(
        "--torch",
        nargs=2,
        metavar=("TORCH", "TORCHVISION"),
        help="other versions than the family's, e.g. 'torch==2.11.*' 'torchvision==0.26.*'",
    )
    return parser.parse_args()


@contextlib.contextmanager
def step(title: str, seconds: int) -> Iterator[None]:
    """Print one line for a step: the seconds to expect on two cores, and those that it took."""
    start = time.monotonic()
    print(f"{title} (about {seconds} s) ...", end="", flush=True)
    try:
        yield
    except BaseException:
        print(" stopped", flush=True)
        raise
    print(f" {time.monotonic() - start:.0f} s", flush=True)


def remark(text: str) -> None:
    """Print a line of its own while a step's line is open."""
    print(f"\n    {text} ...", end="", flush=True)


def read_requirements(file: Path) -> dict[str, str]:
    """Return the lines of a requirements file by package name."""
    specs = [line.split("#")[0].strip() for line in file.read_text().splitlines()]
    return {re.match(r"[\w.-]+", spec).group().lower(): spec for spec in specs if spec}


def fingerprint(args: argparse.Namespace) -> str:
    """Return a hash of everything that decides what gets installed."""
    digest = hashlib.sha256(repr((args.family, args.torch, ROOT, args.venv)).encode())
    here = Path(__file__).parent.resolve()
    # Of the scripts here those that this one imports; others check, or write tables.
    files = {getattr(module, "__file__", None) for module in sys.modules.values()}
    scripts = [file for file in files if file and Path(file).parent.resolve() == here]
    requirements = [*REQUIREMENTS.glob("*.txt"), ROOT / "pyproject.toml"]
    for source in [*sorted(map(Path, scripts)), *sorted(requirements)]:
        digest.update(source.read_bytes())
    return digest.hexdigest()


def compiler_variables(folder: Path) -> dict[str, str]:
    """Return variables that make compiling mmcv five times as fast; none where that is impossible.

    Args:
        folder: For files that the compilers share.
    """
    try:
        return stand_in(folder, os.environ.get("CXX") or "c++")
    except OSError as error:
        remark(f"{error}; compiling the plain way, which takes ten minutes more")
        return {}


def install_compiled(
    venv: VirtualEnv,
    cache: WheelCache,
    spec: str,
    fits: str,
    module: str,
    variables: Callable[[Path], dict[str, str]],
    seconds: int,
) -> None:
    """Install a package that is compiled for this very environment, from the cache if it is there.

    Args:
        venv: Where to install.
        cache: Where the wheel is looked for and kept.
        spec: The package with its exact version.
        fits: What the wheel is compiled for, besides the Python and the platform.
        module: The module whose import proves that the wheel fits.
        variables: Called with a folder for temporary files, returns environment variables for the
            compilation.
        seconds: How long the compilation takes.
    """
    python, package = sys.implementation.cache_tag, spec.split("==")[0]
    key = f"{spec.replace('==', '-')}-{fits}-{python}-{sysconfig.get_platform()}"

    def compile_into(output: Path, temporary: Path) -> None:
        options = ("--no-deps", "--no-build-isolation", "--no-cache-dir", "--no-binary", package)
        extra = {"TMPDIR": str(temporary), **variables(temporary)}
        venv.pip("wheel", *options, "--wheel-dir", str(output), spec, variables=extra)
        for reason in failures(temporary):
            venv.note(f"The header was not precompiled:\n{reason}")
            remark(f"its header could not be precompiled (see {venv.log.name}), hence the time")

    def install(wheel: Path) -> None:
        venv.pip("install", "--no-deps", "--force-reinstall", str(wheel))
        done = venv.run("-c", f"import {module}")
        if done.returncode != 0:
            raise SetupError(f"{spec} is installed but does not import:\n{done.stderr[-2000:]}")

    cached = cache.find(key)
    if cached:
        try:
            with step(f"{spec}, compiled before", 5):
                install(cached)
            return
        except SetupError:
            print(f"The cached wheel of {spec} does not work here and is replaced.", flush=True)
            cache.drop(key)
    with step(f"{spec}, compiling", seconds):
        install(cache.build(key, compile_into))


def install_everything(venv: VirtualEnv, cache: WheelCache, args: argparse.Namespace) -> None:
    """Install all packages; the order matters."""
    family = read_requirements(REQUIREMENTS / f"mm_{args.family}.txt")
    if args.torch:
        family["torch"], family["torchvision"] = args.torch
    family |= read_requirements(REQUIREMENTS / f"classification_{args.family}.txt")
    pose = read_requirements(REQUIREMENTS / "pose.txt")
    mmcv = family.get("mmcv") or family["onedl-mmcv"]
    xtcocotools, mmpose = pose.pop("xtcocotools"), pose.pop("mmpose")
    bare = [
        spec for name, spec in family.items() if re.search("mmengine|mmdet|mmpretrain|imaug", name)
    ]
    apart = {*bare, mmcv, family["torch"], family["torchvision"]}
    libraries = [spec for spec in [*family.values(), *pose.values()] if spec not in apart]
    venv.constraints.write_text("\n".join([*family.values(), ""]))

    with step("PyTorch", 60):
        venv.install(family["torch"], family["torchvision"])
    with step("Build tools and libraries", 20):
        files = ("build.txt", "runtime.txt", "mm_deps.txt", "classification.txt", "tests.txt")
        options = [option for name in files for option in ("-r", str(REQUIREMENTS / name))]
        venv.install(*options, *libraries)
    with step("OpenMMLab packages", 5):
        venv.install("--no-deps", "--no-build-isolation", *bare, mmpose)
    with step("Bytecode", 15):
        venv.compile_bytecode()

    facts = venv.probe()
    build = {"MMCV_WITH_OPS": "1", "MAX_JOBS": os.environ.get("MAX_JOBS") or str(build_jobs())}
    if facts["cuda_compiler_missing"]:
        print("There is no CUDA compiler (nvcc): mmcv's operators will run on the CPU only.")
        # Whenever torch sees a GPU, mmcv compiles for CUDA, and without nvcc it fails.
        build["CUDA_VISIBLE_DEVICES"] = ""
    fits = f"torch-{facts['torch']}-{facts['ops']}"
    seconds = 150 if facts["ops"] == "cpu" else 1200  # nvcc is slow
    install_compiled(
        venv,
        cache,
        mmcv,
        fits,
        "mmcv.ops",
        lambda folder: {**build, **compiler_variables(folder)},
        seconds,
    )
    fits = f"numpy-{facts['numpy']}"
    install_compiled(venv, cache, xtcocotools, fits, "xtcocotools._mask", lambda _: {}, 10)
    with step("mmal", 2):
        venv.pip("install", "--no-deps", "--no-build-isolation", "--editable", str(ROOT))
    with step("Checking that everything imports", 15):
        done = venv.run(str(Path(__file__).with_name("check_env.py")), "test")
        if done.returncode != 0:
            raise SetupError(done.stderr)


def main() -> None:
    """Set up the environment, or return at once when it is up to date."""
    args = parse_args()
    args.venv = args.venv.absolute()
    venv, wanted = VirtualEnv(args.venv), fingerprint(args)
    if venv.is_complete(wanted):
        return
    # A plain kill then cleans up as Ctrl-C does.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped by a signal"))
    try:
        check_machine()
        cache = WheelCache(cache_root())
        with cache.lock():
            if not venv.is_complete(wanted):
                print(PLAN.format(venv=venv.root, log=venv.log.name), flush=True)
                venv.create(args.family)
                install_everything(venv, cache, args)
                venv.stamp.write_text(wanted)
    except KeyboardInterrupt:
        sys.exit("interrupted; run the same command again to continue")
    except (SetupError, OSError, subprocess.CalledProcessError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
