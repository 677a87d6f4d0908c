"""Channels of the features, found by shapes alone."""

import copy

import pytest
import torch
from mmengine.registry import MODELS, init_default_scope
from torch import nn

from mmal.models import LearningLossMixin
from mmal.models.feature_channels import UnknownChannelsError, feature_channels
from tests.families import Family
from tests.models import DENSE, build, learning_loss_config, target_config
from tests.test_models.test_families import PARAMETERS
from tests.test_models.test_families import learning_loss as family_config
from tests.test_models.test_families import target_config as family_target
from tests.test_models.test_necks.test_loss_prediction_neck import random_state

#: Whose necks have deformable convolutions, which no meta device knows.
DEFORMABLE = ("NAS-FCOS",)


def without_channels(cfg: dict) -> dict:
    cfg = copy.deepcopy(cfg)
    del cfg["loss_predictor"]["in_channels"]
    return cfg


@pytest.mark.parametrize("family", PARAMETERS)
def test_every_family_is_built_as_with_channels_given(
    family: Family, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same weights and the same random state, and no weight of the model is computed with."""
    init_default_scope(family.package)
    if family.name not in DEFORMABLE:
        monkeypatch.setattr("mmal.models.feature_channels._on_zeros", None)
    cfg = family_config(family, family_target(family))
    models, states = [], []
    for wrapped in (cfg, without_channels(cfg)):
        torch.manual_seed(0)
        model = MODELS.build(copy.deepcopy(wrapped))
        model.init_weights()
        models.append(model)
        states.append(random_state())
    given, found = models
    assert found.loss_predictor.in_channels == family.in_channels
    assert states[0] == states[1]
    assert given.training == found.training
    expected = given.state_dict()
    assert found.state_dict().keys() == expected.keys()
    for key, value in found.state_dict().items():
        assert torch.equal(value, expected[key]), key


class OnWeightsAlone(nn.Module):
    """Fails on meta tensors, as compiled operators do, and counts in a buffer and in attributes."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner
        self.register_buffer("seen", torch.zeros(()))
        self.cache: dict = {}

    def forward(self, inputs: torch.Tensor) -> tuple:
        if inputs.is_meta:
            raise NotImplementedError("no implementation on device meta")
        assert not torch.is_grad_enabled()
        assert not self.training
        self.seen += 1
        self.cache["shape"] = inputs.shape
        torch.rand(1)
        return self.inner(inputs)


@pytest.fixture
def model() -> LearningLossMixin:
    path, channels, _ = DENSE["SSDLite"]
    return build(path, channels)


def test_operators_without_meta_tensors_run_once_and_leave_no_trace(
    model: LearningLossMixin,
) -> None:
    model.backbone = OnWeightsAlone(model.backbone)
    before = copy.deepcopy(model.state_dict())
    state = random_state()
    assert feature_channels(model) == DENSE["SSDLite"][1]
    assert random_state() == state
    assert model.training
    assert model.backbone.training
    assert model.backbone.cache == {}
    for key, value in model.state_dict().items():
        assert torch.equal(value, before[key]), key


@pytest.mark.parametrize("size", [(224, 224), (192, 160)])
def test_a_model_for_one_size_alone(model: LearningLossMixin, size: tuple[int, int]) -> None:
    inner = model.backbone

    class OneSize(nn.Module):
        img_size = size

        def forward(self, inputs: torch.Tensor) -> tuple:
            assert inputs.shape[2:] == size
            return inner(inputs)

    model.backbone = OneSize()
    assert feature_channels(model) == DENSE["SSDLite"][1]


def test_images_of_one_channel(model: LearningLossMixin) -> None:
    model.backbone = nn.Conv2d(1, 96, 32, stride=32)
    model.neck = None
    del model.neck  # MMDetection asks for the attribute
    model.data_preprocessor.mean = torch.zeros(1, 1, 1)
    assert feature_channels(model) == [96]


def test_what_cannot_be_found_is_asked_for(model: LearningLossMixin) -> None:
    class Broken(nn.Module):
        def forward(self, inputs: torch.Tensor) -> tuple:
            raise RuntimeError("of my own")

    model.backbone = Broken()
    with pytest.raises(
        UnknownChannelsError,
        match=r"SingleStageDetector cannot .* RuntimeError: of my own\n.*in_ch",
    ):
        feature_channels(model)


def test_what_cannot_be_found_may_be_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mmal.models.feature_channels._on_meta", None)
    monkeypatch.setattr("mmal.models.feature_channels._on_zeros", None)
    path, channels, _ = DENSE["SSDLite"]
    assert build(path, channels).loss_predictor.in_channels == channels
    with pytest.raises(UnknownChannelsError):
        MODELS.build(without_channels(learning_loss_config(target_config(path), channels)))


def test_wrong_channels_are_refused_when_built() -> None:
    with pytest.raises(
        ValueError, match=r"is \[96, 1280\], but .* \[96, 1280, 512, 256, 256, 128\]"
    ):
        build(DENSE["SSDLite"][0], [96, 1280])


def test_channels_of_named_submodules() -> None:
    cfg = learning_loss_config(
        target_config(DENSE["RetinaNet"][0]),
        [],
        feat_modules=["backbone.layer2", "backbone.layer4"],
    )
    init_default_scope("mmdet")
    model = MODELS.build(without_channels(cfg))
    assert model.loss_predictor.in_channels == [128, 512]
