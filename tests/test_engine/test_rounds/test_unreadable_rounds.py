"""Rounds on a pool in which a few images cannot be read."""

import csv
import json
from pathlib import Path

import pytest
from mmengine.config import Config

from mmal.datasets.audit import DatasetError
from mmal.engine.preflight import unlabeled_sets
from mmal.engine.rounds import run_rounds
from mmal.engine.unreadable import UnreadableImagesError
from mmal.structures import PoolScores


@pytest.fixture
def short(cfg: Config) -> Config:
    """Two rounds of an epoch, on a pool of which a fifth may be unreadable."""
    cfg.active_learning.update(rounds=2, initial=6, budget=4, unreadable=0.2)
    cfg.train_cfg.max_epochs = 1
    cfg.custom_hooks[0].detach_epoch = None
    cfg.train_dataloader.update(num_workers=0, persistent_workers=False)
    return cfg


def image(cfg: Config, name: str) -> Path:
    return Path(cfg.train_dataloader.dataset.data_root, "JPEGImages", f"{name}.jpg")


def rounds_of(cfg: Config) -> list[list[str]]:
    content = json.loads(Path(cfg.work_dir, "pool.json").read_text())
    return [acquired["picks"] for acquired in content["rounds"]]


@pytest.mark.parametrize("query", ["LearnedLoss", "Random"])
def test_a_run_goes_on_without_them(short: Config, capsys, query: str) -> None:
    whole = Config(short.to_dict())
    whole.work_dir += "_whole"
    whole.active_learning.query = short.active_learning.query = dict(type=f"mmal.{query}")
    run_rounds(whole)
    initial, picks = rounds_of(whole)
    bad = [picks[0]]
    image(short, bad[0]).write_bytes(b"torn")
    if query == "LearnedLoss":  # the others a random draw of the round would find elsewhere
        bad.append(initial[2])
        image(short, bad[1]).unlink()
    capsys.readouterr()
    records = run_rounds(short)

    found_initial, found = rounds_of(short)
    assert not {*found_initial, *found} & set(bad)
    kept = [name for name in initial if name not in bad]
    assert found_initial[: len(kept)] == kept
    if query == "Random":  # those that follow take its place
        assert found[:3] == picks[1:]
    folder = Path(short.work_dir, "round_00")
    with open(folder / "skipped.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["id"]: Path(row["path"]) for row in rows} == {i: image(short, i) for i in bad}
    assert records[0]["skipped"] == len(bad)
    told = f"{len(bad)} images could not be read and were left out of round 0"
    assert told in " ".join(capsys.readouterr().out.split())
    if query == "LearnedLoss":
        scores = PoolScores.load(folder / "scores.parquet").ids
        assert set(scores) == {f"train_{i:02d}" for i in range(16)} - {*found_initial, *bad}
    assert not (folder / "scoring").exists()


def test_too_many_are_an_error_before_anything_is_trained(short: Config) -> None:
    short.active_learning.unreadable = 0.05
    image(short, "train_03").unlink()
    with pytest.raises(DatasetError, match=r"train: 1 image is missing.*"):
        run_rounds(short)
    assert not Path(short.work_dir).exists()


def test_listed_images_have_to_be_there(short: Config, tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("train_03\ntrain_07\ntrain_01\n")
    short.active_learning.initial = dict(file=str(tmp_path / "list.txt"))
    image(short, "train_07").unlink()
    with pytest.raises(UnreadableImagesError, match=r"1 labelled .*train_07\.jpg does not exist"):
        run_rounds(short)
    assert not Path(short.work_dir).exists()


def test_more_that_break_during_the_run_stop_it(short: Config, monkeypatch) -> None:
    def evaluated(self, record: dict) -> object:
        for name in sorted({f"train_{i:02d}" for i in range(16)} - set(rounds_of(short)[0]))[:4]:
            image(short, name).write_bytes(b"torn")
        return evaluate(self, record)

    from mmal.engine.rounds.round_training import RoundTraining

    evaluate = RoundTraining.evaluate
    with monkeypatch.context() as patch:
        patch.setattr(RoundTraining, "evaluate", evaluated)
        with pytest.raises(UnreadableImagesError, match=r"of 10 candidates cannot be read"):
            run_rounds(short)
    assert len(rounds_of(short)) == 1
    short.active_learning.unreadable = 0.4  # as the message says
    records = run_rounds(short, resume=True)
    assert records[0]["skipped"] == 4


def test_which_sets_are_a_pool(cfg: Config) -> None:
    assert unlabeled_sets(cfg) == ["train"]
    cfg.active_learning.cached_features = dict(views=1)  # of every image
    assert unlabeled_sets(cfg) == []
    cfg.custom_hooks[0].update(unlabeled=dict(type="mmal.ImageFolder", data_root="x"), budget=1)
    assert unlabeled_sets(cfg) == ["pool"]
    for key in ("active_learning", "custom_hooks"):
        cfg.pop(key)
    assert unlabeled_sets(cfg) == []
