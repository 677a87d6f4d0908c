"""Tests of what is predicted in the samples that a report shows."""

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DATASETS, init_default_scope

from mmal.datasets import PoolDataset
from mmal.engine import DataConfig
from mmal.engine.reporting import (
    leave_pool_predictions,
    leave_test_predictions,
    predict_samples,
    read_predictions,
    write_predictions,
)
from mmal.engine.reporting.predictions import easiest, most_wrong
from mmal.models import build_model
from mmal.structures import ImageLabels, ObjectLabel, PoolScores
from mmal.tasks import task_of_pipeline
from tests.processes import run_in_processes


def model_of(cfg: Config) -> torch.nn.Module:
    init_default_scope(cfg.default_scope)
    torch.manual_seed(0)
    model = build_model(cfg)
    model.init_weights()
    return model


def unlabeled(cfg: Config) -> PoolDataset:
    return DataConfig(cfg).unlabeled_split()


def test_boxes_are_the_models_own(cfg: Config) -> None:
    model, dataset = model_of(cfg).train(), unlabeled(cfg)
    state = torch.get_rng_state()
    found = predict_samples(model, dataset, ["train_03", "train_01"], dataset.task, batch_size=2)

    assert list(found) == ["train_03", "train_01"]
    assert model.training
    assert torch.equal(torch.get_rng_state(), state)
    (labels,) = found["train_03"]
    assert Path(labels.name).name == "train_03.jpg"
    with torch.no_grad():
        (sample,) = model.eval().test_step(_batch(dataset, 3))
    expected = sample.pred_instances
    first = labels.objects[0]
    assert first.score == pytest.approx(float(expected.scores.max()), rel=1e-4)
    # Before any training several boxes share the score.
    same = (expected.bboxes - torch.tensor(first.box)).abs().amax(dim=1).argmin()
    assert expected.bboxes[same].tolist() == pytest.approx(first.box, abs=0.01)
    assert float(expected.scores[same]) == pytest.approx(first.score, rel=1e-4)
    assert ("cat", "dog")[int(expected.labels[same])] == first.name
    scores = [thing.score for thing in labels.objects]
    assert scores == sorted(scores, reverse=True)


def _batch(dataset: PoolDataset, index: int) -> dict:
    packed = dataset[index]
    return dict(inputs=[packed["inputs"]], data_samples=[packed["data_samples"]])


def test_people_are_shown_with_their_joints_and_what_is_around_them(
    pose_config_file: Path, tmp_path: Path
) -> None:
    cfg = Config.fromfile(pose_config_file)
    model, dataset = model_of(cfg), unlabeled(cfg)
    picks = dataset.pool.ids[:2]
    leave_pool_predictions(model, dataset, picks, None, tmp_path, batch_size=2)
    samples, skeleton, zoom = read_predictions(tmp_path / "predictions.json")

    assert list(samples) == picks
    assert zoom
    ((person,),) = [labels.objects for labels in samples[picks[0]]]
    assert len(person.keypoints) == 16
    assert {seen for *_, seen in person.keypoints} <= {1, 2}
    assert person.box is not None
    assert (0, 1) in skeleton or (1, 0) in skeleton  # ankle and knee


def test_all_people_of_an_image_are_of_its_sample(pose_config_file: Path, tmp_path: Path) -> None:
    cfg = Config.fromfile(pose_config_file)
    cfg.active_learning.group_by = "image"
    model, dataset = model_of(cfg), unlabeled(cfg)
    name = dataset.sample_name(0)[0]
    leave_pool_predictions(model, dataset, [name], None, tmp_path)
    samples, _, zoom = read_predictions(tmp_path / "predictions.json")

    assert len(samples[name]) == 2
    assert not zoom


def test_the_easiest_candidates_are_looked_at_beside_the_picks(cfg: Config, tmp_path: Path) -> None:
    model, dataset = model_of(cfg), unlabeled(cfg)
    ids = dataset.pool.ids
    scores = PoolScores(ids, ids, dict(pred_loss=np.array([5.0, *range(15)])))
    cut = "mmal.engine.reporting.predictions."
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cut + "easiest", lambda scores: easiest(scores, 2))
        leave_pool_predictions(model, dataset, ids[5:7], scores, tmp_path)
    samples, *_ = read_predictions(tmp_path / "predictions.json")
    assert list(samples) == [*ids[5:7], *ids[1:3]]


def test_test_images_are_named_by_their_files(cfg: Config, tmp_path: Path) -> None:
    model = model_of(cfg)
    dataset = DATASETS.build(copy.deepcopy(cfg.test_dataloader.dataset))
    paths = [dataset.get_data_info(i)["img_path"] for i in range(len(dataset))]
    losses = dict(img_path=paths, pred_loss=[4, 3, 2, 1, np.nan], target_loss=[1, 2, 3, 4, 5])
    task = task_of_pipeline(DataConfig(cfg).test_pipeline)
    leave_test_predictions(model, dataset, task, losses, tmp_path)
    samples, *_ = read_predictions(tmp_path / "predictions_test.json")
    assert sorted(samples) == sorted(paths[:4])  # the last has no predicted loss


def test_what_ranks_farthest_from_the_truth_is_most_wrong() -> None:
    pred, target = np.array([3.0, 1, 2, 9, np.inf]), np.array([1.0, 3, 2, 8, 7])
    # By prediction 9, 3, 2, 1; in truth 8, 3, 2, 1.
    assert most_wrong(pred, target) == [(0, 2, 4), (1, 4, 2)]
    assert most_wrong(pred, target, 1) == [(0, 2, 4)]
    assert most_wrong(pred[4:], target[4:]) == []


def test_easiest_needs_predicted_losses() -> None:
    ids = ["a", "b", "c"]
    assert easiest(PoolScores(ids, ids, dict(pred_loss=np.array([2.0, 0, 1]))), 2) == [1, 2]
    assert easiest(PoolScores(ids, ids, dict(entropy_mean=np.zeros(3)))) == []
    assert easiest(None) == []


def test_predictions_come_back_as_they_were(tmp_path: Path) -> None:
    person = ObjectLabel("person", (1.0, 2.0, 3.0, 4.0), ((1.5, 2.5, 2), (3.0, 4.0, 1)), score=0.5)
    samples = {
        "odd \udcff <": [ImageLabels("x.jpg", objects=(person, ObjectLabel("dog", score=0.25)))],
        "class": [ImageLabels("y.jpg", image_class="cat", score=0.75)],
    }
    write_predictions(tmp_path / "p.json", samples, [(0, 1)], zoom=True)
    found = read_predictions(tmp_path / "p.json")
    assert found == ({k: tuple(v) for k, v in samples.items()}, ((0, 1),), True)


def _predict_on_the_first_rank(rank: int, path: str) -> int:
    cfg = Config.fromfile(path)
    model, dataset = model_of(cfg), unlabeled(cfg)
    if rank > 0:
        return 0
    names = dataset.pool.ids[:3]
    return len(predict_samples(model, dataset, names, dataset.task, batch_size=2))


def test_one_process_predicts_while_others_wait(config_file: Path) -> None:
    assert run_in_processes(_predict_on_the_first_rank, 2, str(config_file)) == [3, 0]
