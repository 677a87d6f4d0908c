"""The sweep over the packages' config folders."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def sweep(file: Path, *folders: str) -> dict[str, dict[str, str]]:
    command = [sys.executable, str(ROOT / "tools/dev/sweep_models.py"), str(file)]
    command += ["--folders", *folders] if folders else []
    subprocess.run(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=True)
    with open(file, newline="") as rows:
        return {f"{row['package']}/{row['folder']}": row for row in csv.DictReader(rows)}


@pytest.mark.slow
def test_some_folders(tmp_path: Path) -> None:
    pose = "mmpose/body_2d_keypoint"
    found = sweep(
        tmp_path / "found.csv",
        *("mmdet/atss", "mmdet/seesaw_loss", "mmdet/tridentnet", "mmdet/common"),
        *(f"{pose}/simcc", f"{pose}/rtmo"),
    )
    verdicts = {name: row["learning loss"] for name, row in found.items()}
    assert verdicts == {
        "mmdet/atss": "yes",
        "mmdet/seesaw_loss": "yes",
        "mmdet/tridentnet": "no",
        "mmdet/common": "no model",
        f"{pose}/simcc": "yes",
        f"{pose}/rtmo": "no",
    }


@pytest.mark.slow
def test_the_table_in_the_docs_is_what_the_sweep_finds(tmp_path: Path) -> None:
    """What cannot be tried depends on the machine."""
    found = sweep(tmp_path / "found.csv")
    with open(ROOT / "docs/supported_models.csv", newline="") as rows:
        for row in csv.DictReader(rows):
            now = found[f"{row['package']}/{row['folder']}"]["learning loss"]
            if "cannot be tried" not in (now, row["learning loss"]):
                assert now == row["learning loss"], row["folder"]
