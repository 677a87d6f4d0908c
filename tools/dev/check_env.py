"""Check that this Python can import what a task needs, and say how to install what is missing.

Example:
    python tools/dev/check_env.py test
"""

from __future__ import annotations

import argparse
import importlib
import sys
import warnings

# What is imported, and the requirements file that brings it.
RUNTIME = {
    "torch": "mm_continued.txt",
    "torchvision": "mm_continued.txt",
    "cv2": "mm_deps.txt",
    "mmengine": "mm_continued.txt",
    "mmcv.ops": "mm_continued.txt",
    "mmdet.apis": "mm_continued.txt",
    "mmdet.datasets": "mm_continued.txt",
    "filelock": "runtime.txt",
    "jinja2": "runtime.txt",
    "matplotlib": "runtime.txt",
    "numpy": "runtime.txt",
    "PIL": "runtime.txt",
    "pyarrow.parquet": "runtime.txt",
    "rich": "runtime.txt",
    "scipy": "runtime.txt",
    "sklearn": "runtime.txt",
}
TASKS = {
    "demo": RUNTIME,
    "test": {
        **RUNTIME,
        "mmpose.apis": "pose.txt",
        "hypothesis": "tests.txt",
        "pytest": "tests.txt",
        "xdist": "tests.txt",
    },
    "lint": {"ruff": "tests.txt"},
}
ADVICE = """Either let make prepare an environment of its own, used when PYTHON is not given:
    make env
or install into this one (mmcv, mmpose and xtcocotools with the options in tools/dev/setup_env.py;
with the original OpenMMLab packages, mm_original.txt):
    {python} -m pip install {files}"""


def problem(module: str) -> str | None:
    """Return why ``module`` cannot be imported, or None when it can."""
    try:
        importlib.import_module(module)
    except Exception as error:  # a package may refuse its neighbours' versions in any way
        return f"{type(error).__name__}: {error}".strip().splitlines()[0]
    return None


def main() -> None:
    """Import everything the task needs; exit with 1 and a list when something fails."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("task", choices=TASKS, help="the make target to check for")
    needs = TASKS[parser.parse_args().task]

    warnings.simplefilter("ignore")  # others' deprecations would hide what is missing
    problems = {module: problem(module) for module in needs}
    failed = {module: reason for module, reason in problems.items() if reason}
    if failed:
        lines = [f"{sys.executable} cannot import:"]
        lines += [f"    {module:16} {reason}" for module, reason in failed.items()]
        files = sorted({needs[module] for module in failed})
        advice = ADVICE.format(
            python=sys.executable, files=" ".join(f"-r requirements/{name}" for name in files)
        )
        sys.exit("\n".join([*lines, advice]))


if __name__ == "__main__":
    main()
