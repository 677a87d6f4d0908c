"""The labels that a run begins with."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope
from mmengine.runner import set_random_seed

from mmal.engine import DataConfig, score_pool
from mmal.engine.rounds import initial, run_rounds
from mmal.engine.rounds.initial import InitialSet
from mmal.models import build_model
from mmal.queries import Herding
from mmal.structures import Pool

CORE_SET = dict(type="mmal.CoreSet")
OBJECTS = dict(type="mmal.Herding", features=dict(source="objects"))


def first_round(work_dir: str) -> dict:
    return json.loads(Path(work_dir, "pool.json").read_text())["rounds"][0]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (dict(size=5), r"number, dict\(size=…, query=…\) or dict\(file=…\).*\['size'\]"),
        (dict(size=1, query=CORE_SET), r"must be at least 2: .* pairs\. Got 1"),
        (dict(size="5", query=CORE_SET), r"must be a positive integer\. Got '5'"),
        (dict(size=5, query=dict(type="mmal.LearnedLoss")), r"LearnedLoss, .* 'pred_loss' of"),
        (dict(size=5, query=dict(type="mmal.Margin")), r"reads 'margin_mean' of a trained model"),
        (dict(size=5, query=OBJECTS), r"reads 'object_features' of a trained model.*Herding"),
        (dict(size=5, query=dict(type="mmal.KMeansPlusPlus")), r"nothing is trained yet"),
    ],
)
def test_what_means_nothing_is_refused(given: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        InitialSet.of(given)


def test_a_missing_or_empty_list(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"initial\.file: .*list\.txt does not exist"):
        InitialSet.of(dict(file=str(tmp_path / "list.txt")))
    (tmp_path / "list.txt").write_text("\n  \n")
    with pytest.raises(ValueError, match=r"list\.txt, must name at least 2 .* names 0"):
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
    with pytest.raises(ValueError, match=r"list\.txt: .*: 'train_99'. Ids look like 'train_00'"):
        run_rounds(cfg)
    assert not Path(cfg.work_dir).exists()


def test_a_query_that_reads_nothing_needs_no_scores(
    cfg: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(initial, "score_pool", None)
    chosen = InitialSet.of(dict(size=5, query=dict(type="mmal.Random")))
    init_default_scope("mmdet")
    pool = Pool(DataConfig(cfg).unlabeled_split().pool.ids, seed=3)
    before = chosen.choose(cfg, pool)
    torn = Path(cfg.train_dataloader.dataset.data_root, "JPEGImages", f"{before[1]}.jpg")
    torn.write_bytes(b"torn")
    cfg.active_learning.unreadable = 0.2
    picks = chosen.choose(cfg, pool)
    assert len(set(picks)) == len(set(before)) == 5
    assert before[1] not in picks


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


def test_pretrained_features(cfg: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are the same before and after training."""
    init_default_scope("mmdet")
    set_random_seed(7)
    backbone = build_model(cfg).backbone
    monkeypatch.chdir(Path(cfg.work_dir).parent)
    torch.save(backbone.state_dict(), "weights.pth")  # long paths take mmengine long to format
    cfg.model.target.backbone.init_cfg = dict(type="Pretrained", checkpoint="weights.pth")
    query = dict(type="mmal.Herding", features=dict(source="pretrained", unit_levels=True))
    cfg.active_learning.update(rounds=2, initial=dict(size=5, query=query), query=query)
    cfg.train_dataloader.num_workers = 0
    seen, select = [], Herding.select

    def seeing(self, scores, budget, rng, labeled=None) -> list[str]:
        seen.append((scores, labeled))
        return select(self, scores, budget, rng, labeled)

    monkeypatch.setattr(Herding, "select", seeing)
    run_rounds(cfg)
    initial, first = json.loads(Path(cfg.work_dir, "pool.json").read_text())["rounds"]
    assert first["query"] == "Herding(features=dict(source='pretrained', unit_levels=True))"
    (at_first, nothing), (candidates, labeled) = seen
    assert nothing is None
    assert (len(at_first), len(candidates)) == (16, 11)
    assert set(labeled.ids) == set(initial["picks"])

    # The weights by themselves, an image at a time.
    dataset, preprocess = DataConfig(cfg).unlabeled_split(), build_model(cfg).data_preprocessor
    backbone.eval()
    expected = {}
    for data in dataset:
        data = preprocess(pseudo_collate([data]), False)
        with torch.no_grad():
            levels = [level.mean(dim=(2, 3))[0] for level in backbone(data["inputs"])]
        vector = torch.cat([level / level.norm() for level in levels])
        expected[data["data_samples"][0].sample_id] = vector.numpy()
    for scores in (at_first, candidates, labeled):
        assert list(scores.fields) == ["pretrained_features_unit"]
        for name, vector in zip(scores.ids, scores.fields["pretrained_features_unit"], strict=True):
            np.testing.assert_allclose(vector, expected[name], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("which", ["initial", "query"])
def test_pretrained_features_without_weights_are_refused(cfg: Config, which: str) -> None:
    query = dict(type="mmal.CoreSet", features=dict(source="pretrained"))
    cfg.active_learning[which] = dict(size=5, query=query) if which == "initial" else query
    with pytest.raises(ValueError, match=r"names none for the ResNet: neither its init_cfg"):
        run_rounds(cfg)
    assert not Path(cfg.work_dir).exists()


def test_weights_that_cannot_be_had_are_one_problem(cfg: Config) -> None:
    query = dict(type="mmal.CoreSet", features=dict(source="pretrained"))
    cfg.active_learning.query = query
    cfg.model.target.backbone.init_cfg = dict(type="Pretrained", checkpoint="no/such.pth")
    with pytest.raises(ValueError, match=r"^model\.target\.backbone\.init_cfg.* cannot be had"):
        run_rounds(cfg)
