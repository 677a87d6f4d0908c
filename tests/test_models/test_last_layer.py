"""Gradients of a classifier's last layer, against automatic differentiation."""

import pytest
import torch
from mmengine.registry import init_default_scope
from torch import nn
from torch.nn.functional import cross_entropy

from mmal.models.last_layer import check_last_layer, last_layer_gradient
from mmal.models.scores import score_function
from tests.classifiers import CHANNELS, CLASSES, LINEAR, build_classifier, images, needs_mmpretrain
from tests.models import DENSE, build

SIZES = dict(num_classes=CLASSES, in_channels=CHANNELS)
HEADS = [
    (LINEAR, "fc"),
    (dict(type="StackedLinearClsHead", mid_channels=[8], dropout_rate=0.5, **SIZES), "fc.fc"),
    (dict(type="VisionTransformerClsHead", **SIZES), "layers.head"),
    (dict(type="VisionTransformerClsHead", hidden_dim=8, **SIZES), "layers.head"),
    (dict(type="VigClsHead", hidden_dim=8, dropout=0.5, **SIZES), "fc2"),
    (dict(type="EfficientFormerClsHead", distillation=False, **SIZES), "head"),
]
REFUSED = [
    dict(type="ArcFaceClsHead", **SIZES),
    dict(type="ClsHead"),
    dict(type="LeViTClsHead", distillation=False, **SIZES),
    dict(type="MultiLabelLinearClsHead", **SIZES),
]


@needs_mmpretrain
@pytest.mark.parametrize(("head", "layer"), HEADS, ids=lambda case: str(case)[:40])
def test_outer_products_are_the_gradients(head: dict, layer: str) -> None:
    model = build_classifier(head)
    data = model.data_preprocessor(images([0, 3, 1, 4]), False)
    with torch.no_grad():
        gradient, inputs = last_layer_gradient(model, model.extract_feat(data["inputs"]))

    last: nn.Module = model.head
    for name in layer.split("."):
        last = getattr(last, name)
    for i in range(4):
        model.zero_grad()
        scores = model.head(model.extract_feat(data["inputs"][i : i + 1]))
        cross_entropy(scores, scores.argmax(dim=1)).backward()
        found = torch.outer(gradient[i], inputs[i])
        torch.testing.assert_close(found, last.weight.grad, rtol=1e-4, atol=1e-6)
        assert found.abs().max() > 1e-3


@needs_mmpretrain
@torch.no_grad()
def test_scores_are_the_two_factors() -> None:
    model = build_classifier(LINEAR)
    data = model.data_preprocessor(images([0, 3, 1, 4]), False)
    found = score_function(model, ["penultimate", "pred_loss", "logit_gradient"])(data)
    gradient, inputs = last_layer_gradient(model, model.extract_feat(data["inputs"]))
    assert torch.equal(found["logit_gradient"], gradient)
    assert torch.equal(found["penultimate"], inputs)
    assert gradient.shape == (4, CLASSES)
    assert inputs.shape == (4, CHANNELS)


@needs_mmpretrain
@pytest.mark.parametrize("head", REFUSED, ids=lambda head: head["type"])
def test_other_heads_are_refused(head: dict) -> None:
    model = build_classifier(head)
    with pytest.raises(TypeError, match=f"ImageClassifier with {head['type']} has no gradient"):
        check_last_layer(model)


def test_detectors_are_refused() -> None:
    init_default_scope("mmdet")
    path, channels, _ = DENSE["SSDLite"]
    model = build(path, channels)
    with pytest.raises(TypeError, match=r"SingleStageDetector has no .* BADGE .* an image classif"):
        score_function(model, ["logit_gradient", "penultimate"])
