"""The labels that a run begins with."""

import json
from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import set_random_seed

from mmal.engine import DataConfig, score_pool
from mmal.engine.rounds import run_rounds
from mmal.engine.rounds.initial import InitialSet
from mmal.models import build_model

CORE_SET = dict(type="mmal.CoreSet")


def first_round(work_dir: str) -> dict:
    return json.loads(Path(work_dir, "pool.json").read_text())["rounds"][0]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (dict(size=5), r"number, dict\(size=…, query=…\) or dict\(file=…\).*\['size'\]"),
        (dict(size=1, query=CORE_SET), r"must be at least 2: .* pairs\. Got 1"),
        (dict(size="5", query=CORE_SET), r"must be a positive integer\. Got '5'"),
        (dict(size=5, query=dict(type="mmal.LearnedLoss")), r"LearnedLoss, which reads pred_loss"),
        (dict(size=5, query=dict(type="mmal.DiverseLoss")), r"nothing is trained yet"),
    ],
)
def test_what_means_nothing_is_refused(given: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        InitialSet.of(given)


def test_a_missing_or_empty_list(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"initial\.file: .*list\.txt does not exist"):
        InitialSet.of(dict(file=str(tmp_path / "list.txt")))
    (tmp_path / "list.txt").write_text("\n")
    with pytest.raises(ValueError, match=r"positive integer\. Got 0"):
        InitialSet.of(dict(file=str(tmp_path / "list.txt")))


def test_a_list_of_ids_or_image_files_starts_a_run(cfg: Config, tmp_path: Path) -> None:
    names = ["train_03", f"{tmp_path}/JPEGImages/train_07.jpg", "train_01", "train_03"]
    (tmp_path / "list.txt").write_text("".join(f"{name}\n" for name in names))
    cfg.active_learning.update(rounds=1, initial=dict(file=str(tmp_path / "list.txt")))
    (record,) = run_rounds(cfg)
    assert record["labeled"] == 3
    assert first_round(cfg.work_dir)["picks"] == ["train_03", "train_07", "train_01"]
    assert len(run_rounds(cfg, resume=True)) == 1

    # What a run drew can start another.
    cfg.active_learning.initial = dict(file=f"{cfg.work_dir}/initial.txt")
    cfg.work_dir = str(tmp_path / "again")
    run_rounds(cfg)
    assert first_round(cfg.work_dir)["picks"] == ["train_03", "train_07", "train_01"]


def test_a_name_that_is_no_sample_is_refused_before_training(cfg: Config, tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("train_03\ntrain_99\n")
    cfg.active_learning.initial = dict(file=str(tmp_path / "list.txt"))
    with pytest.raises(ValueError, match=r"list\.txt: 'train_99' is neither .* 'train_00'"):
        run_rounds(cfg)
    assert not Path(cfg.work_dir).exists()


def test_a_query_on_untrained_features_starts_a_run(cfg: Config) -> None:
    cfg.active_learning.update(rounds=1, initial=dict(size=5, query=CORE_SET))
    cfg.randomness.seed = 3
    run_rounds(cfg)
    found = first_round(cfg.work_dir)
    assert found["query"] == "initial"

    # The farthest from what is picked, again and again, begun by the first of them.
    init_default_scope("mmdet")
    set_random_seed(3)
    model = build_model(cfg)
    model.init_weights()
    scores = score_pool(model, DataConfig(cfg).unlabeled_split(), 2, names=["features"])
    features = dict(zip(scores.ids, scores.fields["features"], strict=True))
    picks = found["picks"]
    assert len(set(picks)) == 5
    for i in range(1, 5):
        far = {
            name: min(np.linalg.norm(features[name] - features[other]) for other in picks[:i])
            for name in features
        }
        assert far[picks[i]] == pytest.approx(max(far.values()), rel=1e-4)
