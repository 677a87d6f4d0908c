"""Tests of the loss prediction module."""

import random

import numpy as np
import pytest
import torch
from mmengine.registry import MODELS

from mmal.models import LossPredictionNeck
from mmal.models.uncertainty import NUM_STATISTICS

IN_CHANNELS = [3, 5, 2]
SHAPES = [(3, 6, 4), (5, 3, 2), (2, 1, 1)]


def features(batch: int = 4, seed: int = 0) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(batch, *shape, generator=generator) for shape in SHAPES]


@pytest.fixture
def neck() -> LossPredictionNeck:
    torch.manual_seed(0)
    return LossPredictionNeck(IN_CHANNELS, channels=7)


def layers(neck: LossPredictionNeck) -> list[torch.nn.Linear]:
    """The FC of each input, as layers of their own."""
    first, width, found = 0, neck.embeddings.out_features, []
    for i, channels in enumerate(neck.embeddings.in_channels):
        layer = torch.nn.Linear(channels, width).requires_grad_(False)
        layer.weight.copy_(neck.embeddings.weight.data[:, first : first + channels])
        layer.bias.copy_(neck.embeddings.bias.data[i * width : (i + 1) * width])
        first += channels
        found.append(layer)
    return found


def by_numpy(neck: LossPredictionNeck, feats: list[torch.Tensor]) -> np.ndarray:
    """Section 3.2 of the paper: GAP, FC, ReLU for each level; concatenation; FC."""
    weights = {name: value.double().numpy() for name, value in neck.state_dict().items()}
    levels = []
    for feat, layer in zip(feats, layers(neck), strict=True):
        pooled = feat.double().numpy().mean(axis=(2, 3))
        embedding = pooled @ layer.weight.double().numpy().T + layer.bias.double().numpy()
        levels.append(np.maximum(embedding, 0))
    return np.hstack(levels) @ weights["regressor.weight"][0] + weights["regressor.bias"]


@pytest.mark.parametrize("batch", [1, 4])
def test_equals_the_papers_module(neck, batch):
    feats = features(batch)
    with torch.no_grad():
        pred_loss = neck(feats)

    assert pred_loss.shape == (batch,)
    np.testing.assert_allclose(pred_loss.numpy(), by_numpy(neck, feats), rtol=1e-5, atol=1e-6)


def test_tokens_are_averaged_like_positions(neck):
    feats = features()
    tokens = [feat.flatten(2).transpose(1, 2) for feat in feats]

    assert [t.shape[2] for t in tokens] == IN_CHANNELS
    torch.testing.assert_close(neck(tokens), neck(feats))


def test_parameters_are_those_of_the_paper():
    # Per level C * 128 weights and 128 biases, then 3 * 128 weights and one bias.
    expected = (3 + 5 + 2) * 128 + 3 * 128 + 3 * 128 + 1

    assert sum(p.numel() for p in LossPredictionNeck(IN_CHANNELS).parameters()) == expected


def test_embedding_is_what_the_regressor_reads(neck):
    with torch.no_grad():
        embedding = neck.embed(features())
        expected = embedding @ neck.regressor.weight[0] + neck.regressor.bias

    assert embedding.shape == (4, 3 * 7)
    assert embedding.min() == 0
    torch.testing.assert_close(neck(features()).detach(), expected)


def test_samples_do_not_see_each_other(neck):
    feats = features()
    alone = torch.cat([neck([feat[i : i + 1] for feat in feats]) for i in range(4)])

    torch.testing.assert_close(neck(feats), alone)


def test_gradient_reaches_all_features_and_parameters(neck):
    feats = [feat.requires_grad_() for feat in features()]
    neck(feats).sum().backward()

    for tensor in (*feats, *neck.parameters()):
        assert tensor.grad.abs().sum() > 0


def random_state() -> list:
    return [random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()]


@pytest.mark.parametrize("init_cfg", [None, dict(type="Normal", layer="Linear", std=5.0)])
def test_building_and_initialising_leave_the_random_state(init_cfg):
    torch.manual_seed(0)
    before = random_state()
    neck = LossPredictionNeck([400], init_cfg=init_cfg)
    built = neck.regressor.weight.clone()
    assert random_state() == before
    neck.init_weights()

    assert random_state() == before
    assert built.equal(neck.regressor.weight) == (init_cfg is None)
    if init_cfg:
        # 400 * 128 draws: their deviation is within 5 * 5 / sqrt(2 * 51200) = 0.08 of 5.
        assert neck.embeddings.weight.std().item() == pytest.approx(5, abs=0.08)


def test_weights_depend_on_the_seed():
    def weights(seed: int) -> torch.Tensor:
        torch.manual_seed(seed)
        return LossPredictionNeck([4]).regressor.weight

    assert weights(0).equal(weights(0))
    assert not weights(0).equal(weights(1))


@pytest.mark.parametrize("in_channels", [[], [3, 0], [-1]])
def test_bad_channels(in_channels):
    with pytest.raises(ValueError, match=r"'in_channels' .* must be a non-empty .* Got \[.*\] ins"):
        LossPredictionNeck(in_channels)


@pytest.mark.parametrize(
    ("levels", "found"), [([1, 0, 2], r"\[5, 3, 2\]"), ([0, 1], r"\[3, 5\]"), ([], r"\[\]")]
)
def test_other_features_are_refused_with_the_right_channels(neck, levels, found):
    feats = [features()[i] for i in levels]

    message = (
        rf"is \[3, 5, 2\], but .* have {found} channels\. Leave loss_predictor\.in_channels out"
    )
    with pytest.raises(ValueError, match=message):
        neck(feats)


def test_build_from_config():
    neck = MODELS.build(dict(type="mmal.LossPredictionNeck", in_channels=(3, 5), channels=16))

    assert isinstance(neck, LossPredictionNeck)
    assert neck.regressor.in_features == 32


@pytest.mark.parametrize("dropout", [-0.1, 1, 1.5])
def test_bad_dropout(dropout):
    with pytest.raises(ValueError, match=rf"at least 0 and below 1. Got {dropout} instead"):
        LossPredictionNeck(in_channels=[4], dropout=dropout)


def test_unit_levels_forget_the_length_of_each_level():
    torch.manual_seed(0)
    neck = LossPredictionNeck(in_channels=[4, 6], unit_levels=True)
    levels = [torch.rand(3, 4, 5, 5), torch.rand(3, 6, 2, 2)]
    expected = neck(levels)
    lengths = torch.tensor([0.1, 2, 30])[:, None, None, None]
    torch.testing.assert_close(neck([levels[0] * lengths, levels[1] * 7]), expected)
    # By hand: average, divide by the length, FC and ReLU a level, FC.
    vectors = [level.mean(dim=(2, 3)) for level in levels]
    vectors = [vector / vector.square().sum(dim=1, keepdim=True).sqrt() for vector in vectors]
    pairs = zip(layers(neck), vectors, strict=True)
    embedded = torch.cat([fc(vector).relu() for fc, vector in pairs], dim=1)
    torch.testing.assert_close(neck.regressor(embedded)[:, 0], expected)


def test_dropout_is_of_the_levels_alone_and_of_training():
    torch.manual_seed(0)
    neck = LossPredictionNeck(in_channels=[4], channels=2000, reads_predictions=True, dropout=0.75)
    levels, statistics = [torch.rand(8, 4, 5, 5)], torch.rand(8, NUM_STATISTICS)
    whole = neck.eval().embed(levels, statistics)
    state = torch.get_rng_state()
    dropped = neck.train().embed(levels, statistics)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(dropped[:, 2000:], whole[:, 2000:])
    positive = whole[:, :2000] > 0
    kept = dropped[:, :2000][positive] > 0
    assert kept.float().mean() == pytest.approx(0.25, abs=0.02)
    torch.testing.assert_close(
        dropped[:, :2000][positive][kept], whole[:, :2000][positive][kept] * 4
    )
    assert not torch.equal(neck.embed(levels, statistics), dropped)


def test_dropout_goes_on_where_a_checkpoint_was_saved():
    necks = [LossPredictionNeck(in_channels=[4], dropout=0.5) for _ in range(2)]
    levels = [torch.rand(8, 4, 5, 5)]
    for _ in range(3):
        necks[0](levels)
    necks[1].load_state_dict(necks[0].state_dict())
    assert torch.equal(necks[0](levels), necks[1](levels))
    assert "steps" not in LossPredictionNeck(in_channels=[4]).state_dict()
