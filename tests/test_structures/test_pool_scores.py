"""Tests of the scores' table."""

import csv

import numpy as np
import pyarrow as pa
import pytest

from mmal.structures import PoolScores


@pytest.fixture
def scores() -> PoolScores:
    pred_loss = np.array([0.1, np.nan, -np.inf], dtype=np.float32)
    boxes = np.array([3, 0, 2**40])
    ids = ["VOC2007/000005", "Über, 1", ""]
    return PoolScores(ids, ["a.jpg", "b c.jpg", "d.jpg"], dict(pred_loss=pred_loss, boxes=boxes))


def test_parquet_gives_back_what_was_saved(scores, tmp_path):
    scores.save(tmp_path / "new" / "scores.parquet")
    loaded = PoolScores.load(tmp_path / "new" / "scores.parquet")

    assert loaded.ids == scores.ids
    assert loaded.img_paths == scores.img_paths
    assert list(loaded.fields) == ["pred_loss", "boxes"]
    for name, column in scores.fields.items():
        assert loaded.fields[name].dtype == column.dtype
        np.testing.assert_array_equal(loaded.fields[name], column)


def test_csv_has_a_row_a_sample(scores, tmp_path):
    scores.save(tmp_path / "scores.csv")

    with open(tmp_path / "scores.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["id"] for row in rows] == scores.ids
    assert [row["img_path"] for row in rows] == scores.img_paths
    assert [int(row["boxes"]) for row in rows] == [3, 0, 2**40]
    np.testing.assert_array_equal(
        np.array([row["pred_loss"] for row in rows], np.float32), scores.fields["pred_loss"]
    )


@pytest.mark.parametrize("fields", [{}, dict(pred_loss=np.zeros(0, np.float32))])
def test_no_samples(tmp_path, fields):
    PoolScores([], [], fields).save(tmp_path / "scores.parquet")
    loaded = PoolScores.load(tmp_path / "scores.parquet")

    assert len(loaded) == 0
    assert loaded.ids == loaded.img_paths == []
    assert list(loaded.fields) == list(fields)


@pytest.mark.parametrize(
    ("img_paths", "pred_loss", "message"),
    [
        (["a.jpg"], np.zeros(2), r"'img_paths' has 1 entries for 2 samples"),
        (["a.jpg", "b.jpg"], np.zeros(3), r"'pred_loss' has 3 entries for 2 samples"),
    ],
)
def test_columns_of_other_lengths_are_refused(img_paths, pred_loss, message):
    with pytest.raises(ValueError, match=message):
        PoolScores(["a", "b"], img_paths, dict(pred_loss=pred_loss))


def test_length(scores):
    assert len(scores) == 3


@pytest.mark.parametrize("name", ["scores.parquet", "scores.csv"])
def test_failed_save_leaves_the_old_table(scores, tmp_path, name):
    path = tmp_path / name
    scores.save(path)
    before = path.read_bytes()
    scores.fields["masks"] = np.array([object()] * 3)  # no column

    with pytest.raises(pa.ArrowInvalid):
        scores.save(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
