"""Distributions of image classifiers, against what MMPretrain predicts."""

import math

import pytest
import torch

from mmal.models.scores import score_function
from mmal.models.uncertainty import distributions_of
from tests.classifiers import (
    CHANNELS,
    CLASSES,
    LINEAR,
    Pair,
    build_classifier,
    images,
    needs_mmpretrain,
)

pytestmark = needs_mmpretrain

SIZES = dict(num_classes=CLASSES, in_channels=CHANNELS)
#: Heads, with the neck where it is not average pooling.
SOFTMAX = [
    (LINEAR,),
    (dict(type="ClsHead"),),
    (dict(type="ArcFaceClsHead", **SIZES),),
    (dict(type="ConformerHead", num_classes=CLASSES, in_channels=[CHANNELS] * 2), Pair()),
    (dict(type="DeiTClsHead", **SIZES), Pair()),
    (dict(type="EfficientFormerClsHead", **SIZES),),
    (dict(type="LeViTClsHead", **SIZES),),
    (dict(type="StackedLinearClsHead", mid_channels=[8], dropout_rate=0.5, **SIZES),),
    (dict(type="VigClsHead", hidden_dim=8, dropout=0.5, **SIZES),),
    (dict(type="VisionTransformerClsHead", **SIZES),),
    ({**LINEAR, "loss": dict(type="CrossEntropyLoss", use_sigmoid=True)},),
]
SIGMOID = [
    (dict(type="MultiLabelClsHead"),),
    (dict(type="MultiLabelLinearClsHead", **SIZES),),
    (dict(type="CSRAClsHead", num_heads=2, lam=0.1, **SIZES), None),
]
LABELS = [0, 3, 1, 4]


def name(case: tuple) -> str:
    return case[0]["type"]


@pytest.mark.parametrize("case", SOFTMAX, ids=name)
@torch.no_grad()
def test_one_distribution_an_image(case: tuple) -> None:
    model = build_classifier(*case)
    data = model.data_preprocessor(images(LABELS), False)
    feats = model.extract_feat(data["inputs"])
    found = distributions_of(model).predict(model, feats, data["data_samples"])

    classes = CHANNELS if case[0]["type"] == "ClsHead" else CLASSES
    for sample in data["data_samples"]:
        sample.set_field(classes, "num_classes", field_type="metainfo")
    predicted = [sample.pred_score for sample in model.predict(**data)]
    assert [d.shape for d in found] == [(1, classes)] * 4
    torch.testing.assert_close(torch.cat(found), torch.stack(predicted))


@pytest.mark.parametrize("case", SIGMOID, ids=name)
@torch.no_grad()
def test_one_distribution_a_class_of_several_labels(case: tuple) -> None:
    model = build_classifier(*case)
    data = model.data_preprocessor(images([[y] for y in LABELS]), False)
    names = ["entropy_mean", "entropy_max", "entropy_sum", "margin_mean", "least_confidence_mean"]
    found = score_function(model, names)(data)

    probabilities = model.head(model.extract_feat(data["inputs"])).sigmoid().tolist()
    for i, row in enumerate(probabilities):
        entropies = [-p * math.log(p) - (1 - p) * math.log(1 - p) for p in row]
        expected = dict(
            entropy_mean=sum(entropies) / len(row),
            entropy_max=max(entropies),
            entropy_sum=sum(entropies),
            margin_mean=sum(1 - abs(2 * p - 1) for p in row) / len(row),
            least_confidence_mean=sum(min(p, 1 - p) for p in row) / len(row),
        )
        assert {k: v[i].item() for k, v in found.items()} == pytest.approx(expected, rel=1e-4)


@torch.no_grad()
def test_scores_by_hand() -> None:
    """Three classes of 1/2, 1/4, 1/4: 1.5 bits."""
    model = build_classifier(dict(type="LinearClsHead", num_classes=3, in_channels=CHANNELS))
    data = model.data_preprocessor(images([0]), False)
    model.head.forward = lambda feats: torch.tensor([[0.5, 0.25, 0.25]]).log()
    names = ["entropy_mean", "margin_max", "least_confidence_sum"]
    found = score_function(model, names)(data)
    expected = [1.5 * math.log(2), 0.75, 0.5]
    assert [found[name].item() for name in names] == pytest.approx(expected)


@torch.no_grad()
def test_predictions_that_are_not_numbers_stay_so() -> None:
    model = build_classifier(LINEAR)
    data = model.data_preprocessor(images(LABELS), False)
    model.head.fc.bias.fill_(torch.nan)
    found = score_function(model, ["entropy_mean", "margin_mean", "least_confidence_mean"])(data)
    for values in found.values():
        assert not values.isfinite().any()
