"""Rounds of a top-down pose estimator, in MPII layout."""

import json
from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config
from mmengine.runner import load_checkpoint
from mmpose.apis import inference_topdown, init_model

from mmal.engine.rounds import run_rounds
from mmal.engine.rounds.round_training import main_metric_first
from mmal.models import build_model
from mmal.structures import PoolScores


def test_rounds_of_people(pose_config_file: Path, tmp_path: Path) -> None:
    cfg = Config.fromfile(pose_config_file)
    cfg.active_learning.update(metric="PCK", report=True)
    records = run_rounds(cfg, resume=False)
    assert (tmp_path / "work/report.html").exists()
    assert [record["labeled"] for record in records] == [6, 10, 14]
    assert [next(iter(record["metrics"])) for record in records] == ["PCK"] * 3
    for record in records:
        assert 0 <= record["metrics"]["PCK"] <= 100
        assert 0 <= record["ranking_accuracy"] <= 1
    pool = json.loads((tmp_path / "work/pool.json").read_text())
    picked = [sample_id for r in pool["rounds"] for sample_id in r["picks"]]
    assert len(set(picked)) == 14
    assert all("#" in sample_id for sample_id in picked)

    checkpoint = str(tmp_path / "work/round_00/epoch_2.pth")
    plain = Config.fromfile(pose_config_file)
    plain.model = cfg.model.target
    image = str(tmp_path / "images/000000003.jpg")
    boxes = np.array([[10, 20, 60, 70]])
    estimator = init_model(plain, checkpoint, device="cpu")
    theirs = inference_topdown(estimator, image, boxes)[0]
    model = build_model(cfg)
    load_checkpoint(model, checkpoint, strict=True)
    model.cfg, model.dataset_meta = plain, estimator.dataset_meta
    ours = inference_topdown(model.eval(), image, boxes)[0]
    assert np.isfinite(theirs.pred_instances.keypoints).all()
    assert (theirs.pred_instances.keypoints == ours.pred_instances.keypoints).all()
    assert "pred_loss" in ours
    assert "pred_loss" not in theirs


@pytest.mark.parametrize("group_score", ["mean", "max"])
def test_rounds_of_images(pose_config_file: Path, tmp_path: Path, group_score: str) -> None:
    cfg = Config.fromfile(pose_config_file)
    cfg.active_learning.update(rounds=2, group_by="image", group_score=group_score)
    records = run_rounds(cfg, resume=False)
    assert [record["labeled"] for record in records] == [6, 10]
    scores = PoolScores.load(tmp_path / "work/round_00/scores.parquet")
    assert len(scores) == 12 - 6
    pool = json.loads((tmp_path / "work/pool.json").read_text())
    assert not any("#" in sample_id for r in pool["rounds"] for sample_id in r["picks"])


def test_another_number_of_joints_is_named(pose_config_file: Path) -> None:
    cfg = Config.fromfile(pose_config_file)
    cfg.model.target.head.out_channels = 17
    with pytest.raises(ValueError, match=r"16 joints \(mpii\).*HeatmapHead predicts 17"):
        run_rounds(cfg, resume=False)


def test_a_missing_head_box_file_is_named(pose_config_file: Path, tmp_path: Path) -> None:
    (tmp_path / "annotations/test.mat").unlink()
    with pytest.raises(ValueError, match=r"(?s)does not exist .*test.mat: .*MpiiDataset"):
        run_rounds(Config.fromfile(pose_config_file), resume=False)
    assert not (tmp_path / "work").exists()


@pytest.mark.parametrize(
    ("main", "expected"),
    [
        (None, ["a/x", "a/y", "y@1"]),
        ("y", ["a/y", "a/x", "y@1"]),
        ("a/y", ["a/y", "a/x", "y@1"]),
        ("y@1", ["y@1", "a/x", "a/y"]),
        ("z", ["a/x", "a/y", "y@1"]),
    ],
)
def test_main_metric_comes_first(main: str | None, expected: list[str]) -> None:
    metrics = {"a/x": 1.0, "a/y": 2.0, "y@1": 3.0}
    found = main_metric_first(metrics, main)
    assert list(found) == expected
    assert found == metrics
