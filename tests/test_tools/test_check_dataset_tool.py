"""Tests of the tool that checks the data sets of a config."""

import json
import runpy
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

TOOL = Path(__file__).parents[2] / "tools" / "misc" / "check_dataset.py"


class Result(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def check(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture, tmp_path: Path
) -> Callable[..., Result]:
    monkeypatch.setenv("MMAL_CACHE", str(tmp_path / "cache"))

    def run(*args: object) -> Result:
        monkeypatch.setattr(sys, "argv", [str(TOOL), *map(str, args)])
        with pytest.raises(SystemExit) as stop:
            runpy.run_path(str(TOOL), run_name="__main__")
        return Result(stop.value.code, *capsys.readouterr())

    return run


def test_good_data(check, config_file, tmp_path):
    result = check(config_file, "--strict")
    assert result.code == 0
    assert result.out.splitlines()[-1] == "Nothing wrong found in 2 sets: 21 images, 42 objects."
    assert (tmp_path / "cache").exists()


def test_errors_as_a_table(check, config_file, tmp_path):
    (tmp_path / "JPEGImages" / "train_03.jpg").unlink()
    result = check(config_file)
    assert result.code == 1
    assert "image-missing" in result.out
    assert result.out.splitlines()[-1] == "1 error (1 finding)"


def test_json_alone_on_stdout(check, config_file, tmp_path):
    (tmp_path / "JPEGImages" / "train_03.jpg").unlink()
    result = check(config_file, "--format", "json", "--show", tmp_path / "sheet.png", "--num", 2)
    report = json.loads(result.out)
    assert report["config"] == str(config_file)
    assert [counts["name"] for counts in report["sets"]] == ["train", "test"]
    (finding,) = report["findings"]
    assert (finding["kind"], finding["count"]) == ("image-missing", 1)
    assert finding["examples"][0]["file"] == str(tmp_path / "JPEGImages" / "train_03.jpg")
    assert f"Wrote {tmp_path / 'sheet.png'}" in result.err


def test_warnings_count_under_strict(check, config_file, tmp_path):
    images = tmp_path / "JPEGImages"
    shutil.copy(images / "train_03.jpg", images / "train_04.jpg")
    assert check(config_file).code == 0
    result = check(config_file, "--strict", "--no-cache")
    assert result.code == 3
    assert result.out.splitlines()[-1] == "1 warning (1 finding)"


def test_sheet_with_a_sample_that_fails(check, config_file, tmp_path):
    sheet = tmp_path / "sheet.png"
    (tmp_path / "JPEGImages" / "train_00.jpg").write_bytes(b"")
    result = check(config_file, "--images", 0, "--show", sheet)
    assert result.code == 1  # although the audit looked at no image
    assert result.out.splitlines()[-1].startswith("Nothing wrong found")
    assert "the training pipeline fails on " in result.err
    assert "train_00.jpg" in result.err
    assert sheet.stat().st_size > 10000


def test_sheet_of_a_training_set_that_cannot_be_built(check, config_file, tmp_path):
    (tmp_path / "ImageSets" / "Main" / "train.txt").unlink()
    result = check(config_file, "--show", tmp_path / "sheet.png")
    assert result.code == 1
    assert "path-missing" in result.out
    assert "sheet.png is not written: The training set cannot be built" in result.err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--show", "sheet.txt"], "must end in one of"),
        (["--num", "0"], "--num must be positive"),
        (["--images", "-1"], "audit.max_images must be"),
        (["--cfg-options", "train_dataloader.dataset=None"], "no train_dataloader.dataset"),
        (["--cfg-options", "active_learning.audit.accept=['x']"], "'x', which is no kind"),
    ],
)
def test_what_cannot_run_says_so_in_a_line(options, message, check, config_file):
    result = check(config_file, *options)
    assert result.code == 2
    assert result.out == ""
    assert message in result.err
    assert result.err.startswith("error: ")
    assert len(result.err.splitlines()) == 1


@pytest.mark.parametrize("content", [None, "x = (", "_base_ = 'no.py'", "import nothing_there"])
def test_config_that_cannot_be_read(content, check, tmp_path):
    path = tmp_path / "config.py"
    if content is not None:
        path.write_text(content)
    result = check(path)
    assert result.code == 2
    assert "error: " in result.err
    assert "Traceback" not in result.err
