"""Rounds of image classifiers, on folders and on images in memory."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner, load_checkpoint
from torch.nn.functional import cross_entropy

from mmal.engine.rounds import run_rounds
from mmal.models import build_model
from mmal.structures import PoolScores
from tests.classifiers import PACK, needs_mmpretrain, rounds_config, tiny_cifar

pytestmark = needs_mmpretrain


@pytest.fixture
def cfg(tmp_path: Path) -> Config:
    return rounds_config(tmp_path)


def picks_of(work_dir: Path) -> list[list[str]]:
    return [r["picks"] for r in json.loads((work_dir / "pool.json").read_text())["rounds"]]


def table(path: Path) -> list[dict[str, str]]:
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_rounds_of_folders(cfg: Config, tmp_path: Path) -> None:
    records = run_rounds(cfg)
    work_dir = tmp_path / "work"
    assert [record["labeled"] for record in records] == [6, 10, 14]
    assert [record["annotations"] for record in records] == [dict(labels=n) for n in (6, 10, 14)]
    picks = picks_of(work_dir)
    assert len({name for round_ in picks for name in round_}) == 14
    scores = PoolScores.load(work_dir / "round_00/scores.parquet")
    best = np.argsort(-scores.fields["pred_loss"], kind="stable")[:4]
    assert picks[1] == [scores.ids[i] for i in best]
    listed = (work_dir / "round_00/picks.txt").read_text().splitlines()
    assert [Path(path).relative_to(tmp_path).as_posix() for path in listed] == picks[1]
    histogram = table(work_dir / "round_00/histogram.csv")
    assert {row["label"]: int(row["pool"]) for row in histogram} == dict(cat=9, dog=7)
    picked = {name: sum(f"/{name}/" in path for path in listed) for name in ("cat", "dog")}
    assert {row["label"]: int(row["picks"]) for row in histogram} == picked
    for name in ("losses.png", "picks.png"):
        assert (work_dir / "round_00" / name).stat().st_size > 0


def test_accuracy_and_losses_are_those_of_mmpretrain(cfg: Config, tmp_path: Path) -> None:
    (record,) = run_rounds(
        Config({**cfg.to_dict(), "active_learning": dict(rounds=1, initial=6, budget=4)})
    )
    checkpoint = str(tmp_path / "work/round_00/epoch_2.pth")
    plain = Config.fromfile(tmp_path / "config.py")
    plain.model = cfg.model.target
    plain.update(load_from=checkpoint, work_dir=str(tmp_path / "plain"))
    plain.custom_hooks = []
    for key in ("train_dataloader", "train_cfg", "optim_wrapper"):
        plain.pop(key)
    runner = Runner.from_cfg(plain)
    assert runner.test()["accuracy/top1"] == pytest.approx(record["metrics"]["accuracy/top1"])

    model = build_model(cfg)
    load_checkpoint(model, checkpoint, strict=True)
    expected = {}
    with torch.no_grad():
        for data in runner.test_dataloader:
            data = model.eval().data_preprocessor(data, False)
            scores = model.head(model.extract_feat(data["inputs"]))
            for score, sample in zip(scores, data["data_samples"], strict=True):
                loss = cross_entropy(score[None], sample.gt_label)
                expected[Path(sample.img_path).resolve()] = float(loss)
    rows = table(tmp_path / "work/round_00/losses.csv")
    found = {Path(row["img_path"]).resolve(): float(row["target_loss"]) for row in rows}
    assert found == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("query", ["Entropy", "CoreSet", "BADGE"])
def test_rounds_of_images_in_memory(cfg: Config, tmp_path: Path, query: str) -> None:
    data = tiny_cifar(tmp_path)
    cfg.model.target.head.num_classes = 10
    cfg.data_preprocessor.num_classes = 10
    for split in ("train", "test"):
        cfg[f"{split}_dataloader"].dataset = dict(data, split=split, pipeline=[PACK])
    cfg.active_learning.update(rounds=2, query=dict(type=f"mmal.{query}"))
    records = run_rounds(cfg)
    assert [record["labeled"] for record in records] == [6, 10]
    picks = picks_of(tmp_path / "work")
    assert all(name.startswith("TinyCIFAR/train/") for round_ in picks for name in round_)
    listed = (tmp_path / "work/round_00/picks.txt").read_text().splitlines()
    assert listed == picks[1]
    rows = table(tmp_path / "work/round_00/losses.csv")
    assert sorted(row["img_path"] for row in rows) == [str(i) for i in range(5)]


def test_another_number_of_classes_is_named(cfg: Config) -> None:
    cfg.model.target.head.num_classes = 3
    with pytest.raises(ValueError, match=r"2 classes \('cat', 'dog'\).*LinearClsHead predicts 3"):
        run_rounds(cfg)


def test_several_labels_with_a_head_for_one_are_named(cfg: Config, tmp_path: Path) -> None:
    entries = [dict(img_path=f"train/cat/{i}.png", gt_label=[0, 1]) for i in range(9)]
    content = dict(metainfo=dict(classes=["cat", "dog"]), data_list=entries)
    (tmp_path / "labels.json").write_text(json.dumps(content))
    cfg.active_learning.rounds = 1
    cfg.train_dataloader.dataset.update(
        type="MultiLabelDataset", ann_file="labels.json", data_prefix=""
    )
    with pytest.raises(ValueError, match=r"0\.png.* has 2 labels.*LinearClsHead.*MultiLabelLinear"):
        run_rounds(cfg)


def test_doubtful_rounds_are_drawn_at_random_and_go_on(
    cfg: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    doubt = "ranking accuracy is within chance"
    monkeypatch.setattr("mmal.engine.rounds.round_training.doubt_about_ranking", lambda *_: doubt)
    cfg.active_learning.update(rounds=2, when_doubtful="random")
    first, _ = run_rounds(cfg)
    assert first["ranking_doubt"] == first["picks_doubt"] == doubt
    rounds = json.loads((tmp_path / "work/pool.json").read_text())["rounds"]
    assert rounds[1]["query"] == "Random in place of LearnedLoss"
    cfg.active_learning.rounds = 3
    assert len(run_rounds(cfg, resume=True)) == 3
    rows = table(tmp_path / "work/curve.csv")
    assert {"ranking_entropy_mean", "ranking_margin_mean"} <= rows[0].keys()
    assert "ranking_doubt" not in rows[0]


def test_mixed_images_train_and_are_measured_unmixed(cfg: Config) -> None:
    cfg.model.target.train_cfg = dict(augments=dict(type="Mixup", alpha=0.8))
    cfg.active_learning.rounds = 1
    (record,) = run_rounds(cfg)
    assert 0 <= record["ranking_accuracy"] <= 1


def test_a_head_of_sigmoids_may_predict_one_class(cfg: Config) -> None:
    """As in MMPretrain's own configs with Mixup."""
    loss = dict(type="CrossEntropyLoss", use_soft=True)
    cfg.model.target.head = dict(
        type="MultiLabelLinearClsHead", num_classes=2, in_channels=32, loss=loss
    )
    cfg.model.target.train_cfg = dict(augments=dict(type="Mixup", alpha=0.8))
    cfg.active_learning.rounds = 1
    (record,) = run_rounds(cfg)
    assert 0 <= record["metrics"]["accuracy/top1"] <= 100


def test_a_work_directory_that_cannot_be_made(cfg: Config, tmp_path: Path) -> None:
    cfg.work_dir = str(tmp_path / "config.py/x")
    with pytest.raises(FileExistsError, match=r"made or written: .*config\.py is no folder"):
        run_rounds(cfg)
