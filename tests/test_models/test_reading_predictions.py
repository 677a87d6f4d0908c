"""A loss prediction module that reads how uncertain the model's own predictions are."""

import copy
import math

import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.optim import OptimWrapper
from mmengine.registry import MODELS, init_default_scope
from torch import nn

from mmal.models.uncertainty import NUM_STATISTICS, distributions_of, uncertainty_statistics
from tests.classifiers import (
    LINEAR,
    STAGES,
    build_classifier,
    images,
    needs_mmpretrain,
)
from tests.classifiers import target_config as classifier_config
from tests.models import DENSE, FASTER_RCNN, batch, build, target_config

DAB_DETR = "dab_detr/dab-detr_r50_8xb2-50e_coco.py"
READS = dict(type="mmal.LossPredictionNeck", in_channels=[], reads_predictions=True)


def extended(target: dict, predictor: dict = READS, **kwargs) -> nn.Module:
    config = dict(
        type="mmal.LearningLoss",
        target=target,
        loss_predictor=predictor,
        ranking_loss=dict(type="mmal.PairwiseRankingLoss"),
        **kwargs,
    )
    torch.manual_seed(0)
    model = MODELS.build(config)
    model.init_weights()
    return model


def test_statistics_of_distributions() -> None:
    found = uncertainty_statistics(torch.tensor([[0.5, 0.5, 0.0], [0.0, 1.0, 0.0]]))
    share = math.log(2) / math.log(3)
    expected = [share / 2, share, math.log1p(share)]  # entropies: of one half of two classes, 0
    expected += [0.5, 1.0, math.log1p(1.0)]  # margins: 1 - 0, 1 - 1
    expected += [0.25, 0.5, math.log1p(0.5)]  # least confidence
    assert found.tolist() == pytest.approx([*expected, math.log1p(2)])
    assert len(found) == NUM_STATISTICS
    assert not uncertainty_statistics(torch.zeros(0, 5)).any()


def test_no_level_and_no_prediction_is_refused() -> None:
    with pytest.raises(ValueError, match="non-empty list"):
        MODELS.build(dict(type="mmal.LossPredictionNeck", in_channels=[]))


@pytest.mark.parametrize(
    ("path", "size"),
    [
        (DENSE["SSDLite"][0], 128),
        (DENSE["RetinaNet"][0], 64),
        (FASTER_RCNN[0], 64),
        (DAB_DETR, 64),  # with dropout, in the transformer, too
    ],
)
def test_training_leaves_the_target_bit_identical(path: str, size: int) -> None:
    """Not detached: without levels no gradient can reach the target."""
    init_default_scope("mmdet")
    plain = build(path, None)
    model = extended(target_config(path))
    # An untrained detector is sure of nothing: above its threshold there is no box to read.
    head = getattr(model, "roi_head", None) or model.bbox_head
    head.test_cfg = ConfigDict({**(head.test_cfg or {}), "score_thr": 0.0})
    before = copy.deepcopy(model.loss_predictor.state_dict())
    for candidate in (plain, model):
        torch.manual_seed(1)
        optimizer = OptimWrapper(torch.optim.SGD(candidate.parameters(), lr=1e-3))
        candidate.train()
        for _ in range(3):
            data = batch(candidate, size, [2, 1, 3, 0])
            losses = candidate(**data, mode="loss")
            optimizer.update_params(candidate.parse_losses(losses)[0])
    found = model.state_dict()
    for key, value in plain.state_dict().items():
        assert torch.equal(value, found[key]), key
    assert any(not torch.equal(v, found[f"loss_predictor.{k}"]) for k, v in before.items())


def test_prediction_is_that_of_the_heads_in_evaluation() -> None:
    init_default_scope("mmdet")
    model = extended(target_config(DENSE["SSDLite"][0]))
    data = batch(model, 128, [1, 2])
    found = model.eval().predict_loss(**data)
    with torch.no_grad():
        distributions = distributions_of(model).predict(
            model, model.extract_feat(data["inputs"]), data["data_samples"]
        )
        inputs = torch.stack([uncertainty_statistics(d) for d in distributions])
        hidden = torch.relu(model.loss_predictor.embeddings(inputs))
        expected = model.loss_predictor.regressor(hidden)[:, 0]
    torch.testing.assert_close(found, expected)
    assert found[0] != found[1]


@needs_mmpretrain
@pytest.mark.parametrize("with_features", [False, True])
def test_classifiers(with_features: bool) -> None:
    init_default_scope("mmpretrain")
    predictor = {**READS, "in_channels": STAGES if with_features else []}
    modules = [f"backbone.layer{i}" for i in range(1, 5)] if with_features else None
    model = extended(classifier_config(LINEAR), predictor, feat_modules=modules).train()
    plain = build_classifier(LINEAR, plain=True).train()
    plain.load_state_dict(model.state_dict(), strict=False)
    data = model.data_preprocessor(images([0, 1, 2, 3]), True)
    losses = model.loss(**copy.deepcopy(data))
    torch.testing.assert_close(losses["loss"], plain.loss(**copy.deepcopy(data))["loss"])
    losses["loss_rank"].backward()
    into = [p.grad is not None and bool(p.grad.any()) for p in model.backbone.parameters()]
    assert any(into) == with_features
    assert not any(p.grad is not None for p in model.head.parameters())

    (results,) = [model.eval().predict(**copy.deepcopy(data))]
    expected = model.predict_loss(**data)
    torch.testing.assert_close(torch.stack([r.pred_loss for r in results]), expected)


def test_heads_without_distributions_are_refused() -> None:
    init_default_scope("mmdet")
    with pytest.raises(TypeError, match="cannot be read as distributions"):
        extended(target_config("foveabox/fovea_r50_fpn_4xb4-1x_coco.py"))
