"""Features of target and backbone, against loops over plain calls."""

import numpy as np
import pytest
import torch
from mmengine.registry import init_default_scope
from torch import Tensor, nn

from mmal.models.features import (
    FEATURES,
    SOURCES,
    feature_column,
    feature_vectors,
    read_of_trained,
    sources_of,
)
from mmal.models.scores import SCORES, score_function
from tests.classifiers import LINEAR, build_classifier, images, needs_mmpretrain
from tests.models import build


@pytest.fixture(scope="module")
def model() -> nn.Module:
    """A detector with a neck."""
    return build("retinanet/retinanet_r18_fpn_1x_coco.py", None).eval()


@pytest.fixture(scope="module")
def data(model: nn.Module) -> dict:
    from mmdet.testing import demo_mm_inputs

    return model.data_preprocessor(demo_mm_inputs(2, [(3, 64, 96)] * 2, num_classes=80), False)


@torch.no_grad()
def score(model: nn.Module, data: dict, *names: str, **kwargs) -> list[np.ndarray]:
    return [values.numpy() for values in score_function(model, names, **kwargs)(data).values()]


def averages(feats: tuple[Tensor], image: int) -> list[np.ndarray]:
    """The mean of each channel of each level, in double precision."""
    return [
        np.array([channel.double().mean().item() for channel in level[image]]) for level in feats
    ]


@pytest.mark.parametrize("source", ["target", "backbone"])
def test_vectors_are_those_of_a_loop_over_plain_calls(model, data, source):
    raw, unit = score(model, data, feature_column(source, False), feature_column(source, True))

    with torch.no_grad():
        feats = model.backbone(data["inputs"])
        feats = model.neck(feats) if source == "target" else feats
    for i in range(2):
        vectors = averages(feats, i)
        np.testing.assert_allclose(raw[i], np.concatenate(vectors), rtol=1e-4, atol=1e-6)
        scaled = [v / np.sqrt((v * v).sum()) for v in vectors]
        np.testing.assert_allclose(unit[i], np.concatenate(scaled), rtol=1e-4, atol=1e-5)
    assert raw.shape[1] == (5 * 256 if source == "target" else 64 + 128 + 256 + 512)


def test_a_backbone_alone_gives_what_it_gives_under_the_neck(model, data):
    (alone,) = score(model, data, "backbone_features")
    beside, *_ = score(model, data, "backbone_features", "features", "entropy_mean")
    np.testing.assert_array_equal(alone, beside)


def test_the_level_of_largest_variance_decides_unless_levels_are_scaled():
    small, large = torch.tensor([[1.0, 0], [0, 1]]), torch.tensor([[300.0, 400], [300, 400]])
    raw = feature_vectors([small, large * 1.01], "features")
    unit = feature_vectors([small, large * 1.01], "features_unit")
    torch.testing.assert_close(raw, torch.cat([small, large * 1.01], dim=1))
    torch.testing.assert_close(unit[0], torch.tensor([1, 0, 0.6, 0.8]))
    torch.testing.assert_close(unit.norm(dim=1), torch.full((2,), 2**0.5))


def test_levels_of_all_shapes_and_of_length_0():
    level = torch.arange(24.0).reshape(1, 2, 3, 4)
    tokens = level.flatten(2).transpose(1, 2)
    vectors = [level, [tokens, (level.mean(dim=(2, 3)),)], torch.zeros(1, 2)]
    expected = torch.tensor([[5.5, 17.5]])
    torch.testing.assert_close(
        feature_vectors(vectors, "features"), torch.cat([expected] * 3 + [torch.zeros(1, 2)], 1)
    )
    unit = feature_vectors(vectors, "object_features_unit")
    torch.testing.assert_close(unit[:, :2], expected / expected.norm())
    assert (unit[:, 6:] == 0).all()


def test_values_that_are_no_numbers_stay_so():
    diverged = torch.tensor([[1.0, torch.nan], [1, torch.inf], [1, 1]])
    finite = feature_vectors(diverged, "features_unit").isfinite().all(dim=1)
    assert finite.tolist() == [False, False, True]


def test_columns_have_names_of_their_own():
    columns = [feature_column(source, unit) for source in SOURCES for unit in (False, True)]
    assert columns == list(FEATURES)
    assert len(set(columns)) == 8
    assert set(columns) <= set(SCORES)
    assert sources_of([*columns[2:5], "pred_loss"]) == {"backbone", "pretrained"}


def test_predictions_losses_and_objects_need_training():
    images = [column for column in FEATURES if "object" not in column]
    others = set(SCORES) - set(images)
    assert read_of_trained(SCORES) == [name for name in SCORES if name in others]
    assert {"pred_loss", "object_features_unit", "penultimate", "margin_mean"} <= others


def test_a_model_without_backbone_is_refused(model):
    class Other(nn.Module):
        pass

    with pytest.raises(TypeError, match=r"Other has no module called backbone, .*'pretrained'"):
        score_function(Other(), ["backbone_features"])
    with pytest.raises(ValueError, match=r"'pretrained' .* parameter\. Got None"):
        score_function(model, ["pretrained_features"])


@needs_mmpretrain
def test_classifiers():
    init_default_scope("mmpretrain")
    model = build_classifier(LINEAR, plain=True)
    data = model.data_preprocessor(images([0, 1]), False)
    features, backbone = score(model, data, "features", "backbone_features")
    # The neck only averages over the positions, as mmal does.
    np.testing.assert_allclose(features, backbone, rtol=1e-5)
    with pytest.raises(TypeError, match=r"ImageClassifier cannot be read as boxes or joints"):
        score_function(model, ["object_features"])
