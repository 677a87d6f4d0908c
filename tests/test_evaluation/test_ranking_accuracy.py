"""The metric inside mmengine's own evaluation loops."""

import copy

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DATASETS, METRICS
from mmengine.runner import Runner
from scipy.stats import kendalltau, spearmanr

from mmal.engine import DataConfig, measure_losses
from mmal.evaluation import RankingAccuracy


def with_ranking(cfg: Config) -> Config:
    cfg.val_dataloader = copy.deepcopy(cfg.test_dataloader)
    cfg.val_cfg = dict()
    cfg.val_evaluator = [cfg.test_evaluator, dict(type="mmal.RankingAccuracy")]
    cfg.test_evaluator = dict(type="mmal.RankingAccuracy")
    return cfg


def test_val_loop_beside_another_metric(cfg: Config) -> None:
    """Boxes are enlarged with the images for the loss, and stay as they are for VOC's mAP."""
    for transform in cfg.test_dataloader.dataset.pipeline:
        if transform.type == "Resize":
            transform.scale = (96, 80)
    plain = Runner.from_cfg(Config(cfg.to_dict())).test()
    runner = Runner.from_cfg(with_ranking(cfg))
    metrics = runner.val()

    dataset = DATASETS.build(DataConfig(cfg).labeled_dataset())
    pred, target, _, yardsticks, _ = measure_losses(runner.model, dataset)
    tau = kendalltau(yardsticks["margin_mean"], target).statistic
    assert metrics["ranking/margin_mean"] == pytest.approx((tau + 1) / 2)
    assert metrics["ranking/spearman"] == pytest.approx(spearmanr(pred, target).statistic)
    tau = kendalltau(pred, target).statistic
    assert metrics["ranking/kendall"] == pytest.approx(tau)
    assert metrics["ranking/accuracy"] == pytest.approx((tau + 1) / 2)  # no ties here
    assert {name: metrics[name] for name in plain} == pytest.approx(plain)


def test_during_training_and_in_the_test_loop(cfg: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    evaluated = []
    evaluate = RankingAccuracy.evaluate

    def counted(self: RankingAccuracy, size: int) -> dict[str, float]:
        evaluated.append(evaluate(self, size))
        return evaluated[-1]

    monkeypatch.setattr(RankingAccuracy, "evaluate", counted)
    cfg = with_ranking(cfg)
    cfg.train_cfg.val_interval = 2
    runner = Runner.from_cfg(cfg)
    runner.train()
    assert len(evaluated) == 2  # after epochs 2 and 3, the last
    assert runner.test() == pytest.approx(evaluated[1])


def test_each_loop_measures_its_own_images(cfg: Config) -> None:
    cfg = with_ranking(cfg)
    train = cfg.train_dataloader.dataset
    cfg.val_dataloader.dataset.ann_file = train.ann_file
    runner = Runner.from_cfg(cfg)
    for stage, count, evaluate in (("val", 16, runner.val), ("test", 5, runner.test)):
        dataset = DATASETS.build(DataConfig(cfg).labeled_dataset(stage))
        pred, target, *_ = measure_losses(runner.model, dataset)
        assert len(pred) == count
        expected = kendalltau(pred, target).statistic
        assert evaluate()["ranking/kendall"] == pytest.approx(expected)


def test_measures_the_weights_of_ema(cfg: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    measured = []

    def recorded(model: torch.nn.Module, *args, **kwargs) -> tuple:
        measured.append(model.loss_predictor.regressor.weight.detach().clone())
        return measure_losses(model, *args, **kwargs)

    monkeypatch.setattr("mmal.engine.hooks.active_learning_hook.measure_losses", recorded)
    cfg = with_ranking(cfg)
    cfg.custom_hooks.append(dict(type="EMAHook", momentum=0.5))
    cfg.train_cfg.val_interval = cfg.train_cfg.max_epochs
    Runner.from_cfg(cfg).train()
    checkpoint = torch.load(f"{cfg.work_dir}/epoch_3.pth", weights_only=False)
    averaged = checkpoint["state_dict"]["loss_predictor.regressor.weight"]
    assert torch.equal(measured[0], averaged)


def test_training_goes_on_as_if_nothing_had_been_measured(cfg: Config) -> None:
    weights = {}
    cfg = with_ranking(cfg)
    cfg.train_cfg.val_interval = 1
    cfg.randomness.seed = 3
    for evaluators in (cfg.val_evaluator, cfg.val_evaluator[:1]):
        run = copy.deepcopy(cfg)
        run.val_evaluator = evaluators
        run.work_dir = f"{cfg.work_dir}_{len(evaluators)}"
        runner = Runner.from_cfg(run)
        runner.train()
        weights[len(evaluators)] = runner.model.state_dict()
    for name, value in weights[1].items():
        assert torch.equal(value, weights[2][name]), name


def test_without_the_hook_it_says_what_is_missing(cfg: Config) -> None:
    cfg = with_ranking(cfg)
    cfg.custom_hooks = []
    with pytest.raises(RuntimeError, match=r"add dict\(type='mmal.ActiveLearningHook'\)"):
        Runner.from_cfg(cfg).test()


def test_a_plain_model_is_refused(cfg: Config) -> None:
    cfg = with_ranking(cfg)
    cfg.model = cfg.model.target
    with pytest.raises(TypeError, match=r"needs a model of type 'mmal.LearningLoss'"):
        Runner.from_cfg(cfg).test()


def test_losses_are_used_once() -> None:
    metric = METRICS.build(dict(type="mmal.RankingAccuracy", prefix="losses"))
    assert isinstance(metric, RankingAccuracy)
    metric.losses = np.array([1.0, 2, 3]), np.array([1.0, 3, 2])
    assert metric.evaluate(3)["losses/accuracy"] == pytest.approx(2 / 3)
    with pytest.raises(RuntimeError, match="no losses"):
        metric.evaluate(3)
