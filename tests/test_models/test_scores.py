"""Tests of what a model says about unlabelled samples."""

import pytest
import torch
from mmdet.testing import demo_mm_inputs
from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope
from torch import nn

from mmal.models import build_model
from mmal.models.scores import SCORES, score_function


@pytest.fixture
def model(cfg: Config) -> nn.Module:
    init_default_scope("mmdet")
    torch.manual_seed(0)
    model = build_model(cfg)
    model.init_weights()
    model.bbox_head.test_cfg.score_thr = -1  # all boxes
    return model.eval()


@pytest.fixture
def data(model: nn.Module) -> dict:
    sizes = [(3, 64, 64)] * 3
    return model.data_preprocessor(demo_mm_inputs(3, sizes, num_classes=3), False)


@torch.no_grad()
def scores_of(model: nn.Module, data: dict, *names: str, **kwargs) -> dict[str, torch.Tensor]:
    return score_function(model, names, **kwargs)(data)


def test_features_are_averages_over_positions(model, data):
    found = scores_of(model, data, "features")["features"]

    with torch.no_grad():
        feats = model.extract_feat(data["inputs"])
    expected = [[x[i, c].mean() for x in feats for c in range(x.shape[1])] for i in range(3)]
    torch.testing.assert_close(found, torch.tensor(expected))


def test_predicted_loss_is_linear_in_the_embedding(model, data):
    found = scores_of(model, data, "embedding", "pred_loss")

    regressor = model.loss_predictor.regressor
    expected = [sum(regressor.weight[0] * row) + regressor.bias[0] for row in found["embedding"]]
    torch.testing.assert_close(found["pred_loss"], torch.stack(expected).detach())
    with torch.no_grad():
        torch.testing.assert_close(found["pred_loss"], model.predict_loss(data["inputs"]))


@pytest.mark.parametrize("measure", ["entropy", "margin", "least_confidence"])
def test_aggregations_of_boxes(model, data, measure):
    found = scores_of(model, data, *(f"{measure}_{how}" for how in ("sum", "mean", "max")))

    total, mean, most = (found[f"{measure}_{how}"] for how in ("sum", "mean", "max"))
    assert total.shape == (3,)
    levels = zip(model.bbox_head.num_base_priors, model.extract_feat(data["inputs"]), strict=True)
    boxes = sum(anchors * x.shape[2] * x.shape[3] for anchors, x in levels)
    torch.testing.assert_close(total / mean, torch.full((3,), float(boxes)))
    assert ((most >= mean) & (most <= total)).all()
    assert scores_of(model, data, "num_predictions")["num_predictions"].tolist() == [boxes] * 3


def test_nothing_above_the_threshold_is_no_uncertainty(model, data):
    model.bbox_head.test_cfg.score_thr = 1.0

    names = ("entropy_mean", "margin_max", "num_predictions")
    for name, values in scores_of(model, data, *names).items():
        assert (values == 0).all(), name


@pytest.fixture
def calls(model, monkeypatch) -> list[str]:
    """What of the model is called from now on, in order."""
    calls = []
    parts = dict(
        extract_feat=(model, "extract_feat"),
        backbone=(model.backbone, "forward"),
        head=(model.bbox_head, "forward"),
        boxes=(model.bbox_head, "predict_by_feat"),  # decoding and NMS
    )
    for name, (owner, method) in parts.items():
        original = getattr(owner, method)

        def counted(*args, _original=original, _name=name, **kwargs):
            calls.append(_name)
            return _original(*args, **kwargs)

        monkeypatch.setattr(owner, method, counted)
    return calls


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["features", "embedding", "pred_loss"], ["extract_feat", "backbone"]),
        (["pred_loss", "entropy_mean", "margin_max"], ["extract_feat", "backbone", "head"]),
        (["features", "features_unit", "backbone_features"], ["extract_feat", "backbone"]),
        (["backbone_features_unit", "pretrained_features"], ["backbone"]),
        (["pretrained_features"], []),
        (["object_features"], ["extract_feat", "backbone", "head", "boxes"]),
        (["margin_max", "object_features_unit"], ["extract_feat", "backbone", "head", "boxes"]),
        ([], []),
    ],
)
def test_no_more_of_the_model_runs_than_is_asked_for(model, data, calls, names, expected):
    found = scores_of(model, data, *names, pretrained=nn.Identity())
    assert calls == expected
    assert list(found) == names


def test_features_of_a_backbone_that_the_module_reads_too(model, data):
    """Both record what it returns."""
    expected = scores_of(model, data, "backbone_features")["backbone_features"]
    model.feat_modules = ["backbone"]
    found = scores_of(model, data, "pred_loss", "backbone_features")["backbone_features"]
    torch.testing.assert_close(found, expected)


def test_a_head_that_runs_once_gives_what_it_gives_twice(model, data):
    model.bbox_head.test_cfg.score_thr = 0.35
    alone = scores_of(model, data, "object_features")["object_features"]
    both = scores_of(model, data, "entropy_mean", "object_features")
    assert torch.equal(both["object_features"], alone)
    assert not torch.equal(alone, model.extract_feat(data["inputs"])[0].mean(dim=(2, 3)))
    assert "forward" not in vars(model.bbox_head)


def test_plain_model_gives_what_is_the_targets(cfg, model, data):
    plain = MODELS.build(cfg.model.target).eval()
    plain.load_state_dict(model.state_dict(), strict=False)
    plain.bbox_head.test_cfg.score_thr = -1
    of_others = ("pred_loss", "embedding", "logit_gradient", "penultimate")
    names = [name for name in SCORES if name not in of_others]

    expected = scores_of(model, data, *names, pretrained=model.backbone)
    for name, values in scores_of(plain, data, *names, pretrained=plain.backbone).items():
        torch.testing.assert_close(values, expected[name])
    with pytest.raises(TypeError, match=r"SingleStageDetector has no .* \['embedding'\]"):
        score_function(plain, ["embedding", "features"])


def test_unknown_score_is_refused(model):
    with pytest.raises(ValueError, match=r"no scores \['entropy'\]\. Known are \['pred_loss', "):
        score_function(model, ["entropy"])
