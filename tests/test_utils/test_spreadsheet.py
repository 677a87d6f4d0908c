import csv

import numpy as np
import pytest

from mmal.engine.rounds import WorkDir
from mmal.structures import PoolScores
from mmal.utils import spreadsheet_text

FORMULA = "=cmd|'/c calc'!A1.jpg"


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1"])
def test_formulas_begin_with_an_apostrophe(text):
    assert spreadsheet_text(text) == f"'{text}"


@pytest.mark.parametrize("value", ["a=1", "", " =1", "VOC2007/000005", -1.5, None])
def test_all_else_stays(value):
    assert spreadsheet_text(value) == value


def test_tables_for_people(tmp_path):
    work_dir = WorkDir(tmp_path)
    losses = dict(img_path=[FORMULA, "b.jpg"], pred_loss=[-1.0, 2.0])
    work_dir.write_losses(0, losses)
    work_dir.write_histograms(0, dict(picks={"=cat": 1}, pool={"=cat": 2}))
    scores = PoolScores([FORMULA, "b"], [FORMULA, "b.jpg"], dict(pred_loss=np.array([-1.0, 2.0])))
    scores.save(tmp_path / "scores.csv")
    scores.save(tmp_path / "scores.parquet")

    def rows(path):
        with open(path, newline="") as file:
            return list(csv.reader(file))[1:]

    assert rows(tmp_path / "round_00/losses.csv") == [[f"'{FORMULA}", "-1.0"], ["b.jpg", "2.0"]]
    assert rows(tmp_path / "round_00/histogram.csv") == [["'=cat", "1", "2"]]
    assert rows(tmp_path / "scores.csv")[0] == [f"'{FORMULA}", f"'{FORMULA}", "-1"]
    assert PoolScores.load(tmp_path / "scores.parquet").ids == [FORMULA, "b"]
