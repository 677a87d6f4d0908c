"""Rounds on pools with rare classes, near-duplicates and images of no interest."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from mmengine.config import Config

from mmal.engine.rounds import run_rounds
from mmal.structures import PoolError, PoolScores
from tests.classifiers import needs_mmpretrain, rounds_config, write_folders

VARY = dict(type="mmal.VaryImage")


def shaped(cfg: Config, **shape) -> Config:
    """Make a pool of a config's training data, whose copies vary."""
    training = cfg.train_dataloader.dataset.to_dict()
    for pipeline in (training["pipeline"], cfg.test_dataloader.dataset.pipeline):
        pipeline.insert(1, VARY)
    cfg.train_dataloader.dataset = dict(dataset=training, **shape)
    cfg.active_learning.rounds = 2
    return cfg


def pool_of(cfg: Config) -> dict:
    return json.loads(Path(cfg.work_dir, "pool.json").read_text())


def histogram_of(cfg: Config) -> dict[str, int]:
    with open(Path(cfg.work_dir, "round_00/histogram.csv"), newline="") as file:
        return {row["label"]: int(row["pool"]) for row in csv.DictReader(file)}


def test_a_detector_on_near_duplicates(cfg: Config) -> None:
    cfg = shaped(cfg, type="mmal.Redundant", copies=1)
    records = run_rounds(cfg)
    assert [record["annotations"] for record in records] == [dict(boxes=12), dict(boxes=20)]
    pool = pool_of(cfg)
    assert pool["dataset"]["size"] == 32
    scores = PoolScores.load(Path(cfg.work_dir, "round_00/scores.parquet"))
    value = dict(zip(scores.ids, scores.fields["pred_loss"].tolist(), strict=True))
    pairs = [(name, f"{name}~1") for name in value if f"{name}~1" in value]
    assert pairs
    assert all(value[name] != value[copy] for name, copy in pairs)  # nearly, not the same
    # Files are named as often as samples that are of them.
    picks = Path(cfg.work_dir, "round_00/picks.txt").read_text().splitlines()
    assert [Path(p).stem for p in picks] == [
        p.partition("~")[0] for p in pool["rounds"][1]["picks"]
    ]
    assert sum(histogram_of(cfg).values()) == 2 * 32


def test_a_file_of_the_initial_list_stands_for_its_copies_an_id_for_itself(
    cfg: Config, tmp_path: Path
) -> None:
    cfg = shaped(cfg, type="mmal.Redundant", copies=2)
    image = tmp_path / "JPEGImages/train_03.jpg"
    (tmp_path / "initial.txt").write_text(f"{image}\ntrain_05~2\n")
    cfg.active_learning.update(rounds=1, initial=dict(file=str(tmp_path / "initial.txt")))
    assert [record["labeled"] for record in run_rounds(cfg)] == [4]
    expected = ["train_03", "train_03~1", "train_03~2", "train_05~2"]
    assert pool_of(cfg)["rounds"][0]["picks"] == expected


def test_another_seed_of_the_pool_is_another_pool(cfg: Config) -> None:
    cfg = shaped(cfg, type="mmal.Redundant", copies=1, size=16)
    cfg.active_learning.rounds = 1
    run_rounds(cfg)
    run_rounds(cfg, resume=True)
    cfg.train_dataloader.dataset.seed = 1
    with pytest.raises(PoolError):
        run_rounds(cfg, resume=True)


@needs_mmpretrain
def test_a_classifier_on_a_long_tail_with_images_of_no_interest(tmp_path: Path) -> None:
    cfg = rounds_config(tmp_path)
    write_folders(tmp_path / "elsewhere", dict(a=4))
    training = cfg.train_dataloader.dataset.to_dict()
    tail = dict(type="mmal.LongTailed", exponent=2.0, order=("dog", "cat"), dataset=training)
    cfg.train_dataloader.dataset = dict(
        type="mmal.OffTopic", images=str(tmp_path / "elsewhere"), dataset=tail
    )
    cfg.active_learning.update(rounds=2, initial=6, budget=6)
    records = run_rounds(cfg)
    # 7 dogs, and of 9 cats 9 / 2^2 = 2.25.
    assert histogram_of(cfg) == dict(cat=2, dog=7)
    pool = pool_of(cfg)
    assert pool["dataset"]["size"] == 7 + 2 + 4
    picks = [name for round_ in pool["rounds"] for name in round_["picks"]]
    assert [record["labeled"] for record in records] == [6, 12]
    wasted = sum("elsewhere" in name for name in picks)
    assert wasted >= 3  # 12 of 13 are picked
    assert records[1]["annotations"] == dict(labels=12 - wasted)


@pytest.mark.parametrize("group_by", ["sample", "image"])
def test_a_pose_estimator_on_near_duplicates(pose_config_file: Path, group_by: str) -> None:
    cfg = shaped(Config.fromfile(pose_config_file), type="mmal.Redundant", copies=1)
    cfg.active_learning.group_by = group_by
    run_rounds(cfg)
    pool = pool_of(cfg)
    assert pool["dataset"]["size"] == 2 * (16 if group_by == "sample" else 12)
    assert len({name for round_ in pool["rounds"] for name in round_["picks"]}) == 10


def test_what_a_config_says_of_it_wrongly_is_told_before_any_training(
    cfg: Config, write_voc: Callable[..., dict]
) -> None:
    cfg = shaped(cfg, type="mmal.Redundant", copies=1, size=33)
    with pytest.raises(ValueError, match="at most 32"):
        run_rounds(cfg)
    assert not Path(cfg.work_dir, "pool.json").exists()
