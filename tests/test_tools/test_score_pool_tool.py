"""tools/score_pool.py on a folder in which an image is broken."""

import csv
import runpy
import sys
from pathlib import Path

import pytest
from mmengine.registry import init_default_scope
from mmengine.runner import save_checkpoint

from mmal.datasets.audit import DatasetError
from mmal.models import build_model
from tests.classifiers import needs_mmpretrain, rounds_config, write_folders

pytestmark = needs_mmpretrain
TOOL = Path(__file__).parents[2] / "tools/score_pool.py"


@pytest.fixture
def arguments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What scores seven images, of which one is broken and a third may be."""
    monkeypatch.chdir(tmp_path)
    init_default_scope("mmpretrain")
    cfg = rounds_config(tmp_path)
    write_folders(tmp_path / "unlabeled", dict(a=4, b=3))
    sorted((tmp_path / "unlabeled").rglob("*.*"))[2].write_bytes(b"no image")
    save_checkpoint(dict(state_dict=build_model(cfg).state_dict(), meta={}), "model.pth")
    cfg.active_learning.unreadable = 0.3
    cfg.dump("config.py")
    return [str(TOOL), "config.py", "model.pth", "--images", "unlabeled", "--device", "cpu"]


def rows(path: str) -> list[dict]:
    return list(csv.DictReader(Path(path).read_text().splitlines()))


def test_a_broken_image_is_left_out_and_listed(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr(sys, "argv", [*arguments, "--out", "scores.csv"])
    runpy.run_path(str(TOOL), run_name="__main__")
    broken = sorted(Path("unlabeled").rglob("*.*"))[2]
    scored = [row["id"] for row in rows("scores.csv")]
    (skipped,) = rows("scores.skipped.csv")
    assert len(scored) == 6
    assert skipped["path"].endswith(str(broken))
    assert skipped["id"] not in scored
    assert "1 left out, which cannot be read: scores.skipped.csv" in capsys.readouterr().out


def test_more_than_the_share_are_refused(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    options = ["--cfg-options", "active_learning.unreadable=0.1"]
    monkeypatch.setattr(sys, "argv", [*arguments, "--out", "scores.csv", *options])
    with pytest.raises((DatasetError, SystemExit), match=r"unreadable|cannot be read"):
        runpy.run_path(str(TOOL), run_name="__main__")
    assert not Path("scores.csv").exists()
