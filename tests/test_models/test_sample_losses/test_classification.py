"""Losses of images, against plain MMPretrain on batches of one."""

import copy

import pytest
import torch
from mmengine.registry import MODELS, init_default_scope
from torch import nn
from torch.nn.functional import cross_entropy

from mmal.models.sample_losses import sample_losses_for
from tests.classifiers import (
    CHANNELS,
    CLASSES,
    LINEAR,
    Pair,
    build_classifier,
    images,
    needs_mmpretrain,
    target_config,
)
from tests.models import learning_loss_config

pytestmark = needs_mmpretrain

ONE, SEVERAL = [0, 3, 1, 4], [[0], [1, 3], [], [0, 2, 4]]
SIZES = dict(num_classes=CLASSES, in_channels=CHANNELS)
ONE_LABEL_HEADS = [
    (dict(type="ArcFaceClsHead", **SIZES), None),
    (dict(type="ClsHead"), None),
    (dict(type="ConformerHead", num_classes=CLASSES, in_channels=[CHANNELS] * 2), Pair()),
    (dict(type="DeiTClsHead", **SIZES), Pair()),
    (dict(type="EfficientFormerClsHead", distillation=False, **SIZES), None),
    (dict(type="LeViTClsHead", distillation=False, **SIZES), None),
    (dict(type="StackedLinearClsHead", mid_channels=[8], dropout_rate=0.5, **SIZES), None),
    (dict(type="VigClsHead", hidden_dim=8, dropout=0.5, **SIZES), None),
    (dict(type="VisionTransformerClsHead", hidden_dim=8, **SIZES), None),
]
WEIGHTS = [1.0, 2.0, 0.5, 3.0, 0.1]
ONE_LABEL_LOSSES = [
    dict(type="CrossEntropyLoss", loss_weight=0.5),
    dict(type="CrossEntropyLoss", class_weight=WEIGHTS),
    dict(type="CrossEntropyLoss", use_soft=True, class_weight=WEIGHTS),
    dict(type="CrossEntropyLoss", use_sigmoid=True, class_weight=WEIGHTS, pos_weight=WEIGHTS),
    dict(type="LabelSmoothLoss", label_smooth_val=0.1, loss_weight=2.0),
    dict(type="LabelSmoothLoss", label_smooth_val=0.1, mode="classy_vision"),
    dict(type="LabelSmoothLoss", label_smooth_val=0.1, mode="multi_label", use_sigmoid=True),
    dict(type="FocalLoss", gamma=1.5),
    dict(type="AsymmetricLoss", use_sigmoid=False),
]
SEVERAL_LABELS_LOSSES = [
    dict(type="CrossEntropyLoss", use_sigmoid=True, pos_weight=WEIGHTS),
    dict(type="LabelSmoothLoss", label_smooth_val=0.1, mode="multi_label", use_sigmoid=True),
    dict(type="FocalLoss"),
    dict(type="AsymmetricLoss"),
]
MIXES = ["Mixup", "CutMix", "ResizeMix"]


def name(case: dict) -> str:
    return "-".join(str(v) for k, v in case.items() if k in ("type", "mode", "use_sigmoid"))


def one_by_one(model: nn.Module, data: dict) -> torch.Tensor:
    """The reference: the loss of batches of one image, with the head as in training."""
    model.training = model.head.training = True
    losses = []
    for i, sample in enumerate(copy.deepcopy(data["data_samples"])):
        with torch.no_grad():
            found = model.loss(data["inputs"][i : i + 1], [sample])
        losses.append(model.parse_losses(found)[0])
    model.eval()
    return torch.stack(losses)


def check(model: nn.Module, plain: nn.Module, data: dict) -> None:
    plain.load_state_dict(model.state_dict(), strict=False)
    expected = one_by_one(plain, data)
    _, found = model.measure_losses(**copy.deepcopy(data))
    assert expected.isfinite().all()
    assert len(expected.unique()) == len(expected)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=0)


@pytest.mark.filterwarnings("ignore:MMPretrain cannot train the distilled version DeiT")
@pytest.mark.parametrize("head", ONE_LABEL_HEADS, ids=lambda case: case[0]["type"])
def test_heads_of_one_label(head: tuple) -> None:
    cfg, neck = head
    parts = (cfg,) if neck is None else (cfg, neck)
    model, plain = build_classifier(*parts), build_classifier(*parts, plain=True)
    data = model.data_preprocessor(images(ONE), True)
    check(model, plain, data)


@pytest.mark.parametrize("loss", ONE_LABEL_LOSSES, ids=name)
def test_losses_of_one_label(loss: dict) -> None:
    head = {**LINEAR, "loss": loss}
    soft = loss.get("use_soft") or "pos_weight" in loss
    model = build_classifier(head, to_onehot=bool(soft))
    plain = build_classifier(head, plain=True)
    check(model, plain, model.data_preprocessor(images(ONE), True))


@pytest.mark.parametrize("loss", SEVERAL_LABELS_LOSSES, ids=name)
@pytest.mark.parametrize("kind", ["MultiLabelClsHead", "MultiLabelLinearClsHead", "CSRAClsHead"])
def test_several_labels(kind: str, loss: dict) -> None:
    if kind == "MultiLabelClsHead" and "pos_weight" in loss:
        loss = {**loss, "pos_weight": WEIGHTS[:1] * CHANNELS}
    head: dict = dict(type=kind, loss=loss)
    if kind != "MultiLabelClsHead":
        head.update(SIZES)
    if kind == "CSRAClsHead":
        head.update(num_heads=2, lam=0.1)
    neck = (None,) if kind == "CSRAClsHead" else ()
    model, plain = build_classifier(head, *neck), build_classifier(head, *neck, plain=True)
    check(model, plain, model.data_preprocessor(images(SEVERAL), True))


@pytest.mark.parametrize("mix", MIXES)
def test_a_mixed_images_loss_is_under_the_mixed_labels(mix: str) -> None:
    augments = dict(augments=[dict(type=mix, alpha=1.0)])
    model = build_classifier(LINEAR, batch_augments=augments)
    torch.manual_seed(0)
    data = model.data_preprocessor(images(ONE), True)
    labels = torch.stack([sample.gt_score for sample in data["data_samples"]])
    assert ((labels > 0).sum(1) == 2).any()

    check(model, build_classifier(LINEAR, plain=True), data)
    with torch.no_grad():
        scores = model.head(model.extract_feat(data["inputs"]))
    expected = [-(y * s.log_softmax(0)).sum() for y, s in zip(labels, scores, strict=True)]
    torch.testing.assert_close(model.measure_losses(**data)[1], torch.stack(expected))


def test_training_takes_what_dropout_left() -> None:
    head = dict(type="StackedLinearClsHead", mid_channels=[16], dropout_rate=0.5, **SIZES)
    model = build_classifier(head).train()
    data = model.data_preprocessor(images(ONE), True)
    scores, found = [], []
    model.head.register_forward_hook(lambda *args: scores.append(args[-1].detach()))
    replay = model.sample_losses.replay
    model.sample_losses.replay = lambda *args: found.append(replay(*args)) or found[-1]

    model.loss(**data)
    assert len(scores) == 1  # the head ran once
    expected = cross_entropy(scores[0], torch.tensor(ONE), reduction="none")
    torch.testing.assert_close(found[0], expected)


@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_other_losses_are_called_image_by_image(reduction: str) -> None:
    """One of a user's own, and one that leaves the mean to the training loop."""
    if reduction == "none":
        head = {**LINEAR, "loss": dict(type="CrossEntropyLoss", reduction="none")}
    else:
        head = {**LINEAR, "loss": HardestLoss()}
    model, plain = build_classifier(head), build_classifier(head, plain=True)
    data = model.data_preprocessor(images(ONE), True)
    check(model, plain, data)


class HardestLoss(nn.Module):
    """Something that does not add up: the length of all scores less those of the labels."""

    def forward(self, scores, labels, avg_factor):
        assert avg_factor == len(scores)
        self.calls = getattr(self, "calls", 0) + 1
        torch.rand(1)
        return (scores.norm() - scores.gather(1, labels[:, None]).sum() / avg_factor).square() + 1


@pytest.mark.parametrize(
    "loss", [dict(type="CrossEntropyLoss"), HardestLoss()], ids=["one", "loop"]
)
def test_replay_leaves_no_trace(loss: dict | nn.Module) -> None:
    model = build_classifier({**LINEAR, "cal_acc": True, "loss": loss}, plain=True).train()
    data = model.data_preprocessor(images(ONE), True)
    strategy = sample_losses_for(model)
    with strategy.record(model, data["data_samples"]) as recording:
        losses = model.loss(**data)
    before, state = copy.deepcopy(model.state_dict()), torch.get_rng_state()
    attributes = dict(vars(model.head.loss_module))
    assert strategy.replay(model, recording, model.loss, data["inputs"]).isfinite().all()
    assert torch.equal(torch.get_rng_state(), state)
    assert vars(model.head.loss_module) == attributes
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    model.parse_losses(losses)[0].backward()
    assert model.head.fc.weight.grad.any()


def refused(head: dict, match: str) -> None:
    init_default_scope("mmpretrain")
    with pytest.raises(TypeError, match=match):
        MODELS.build(learning_loss_config(target_config(head), [CHANNELS]))


def test_seesaw_loss_counts_the_batches_before_and_each_sample_by_itself() -> None:
    loss = dict(type="SeesawLoss", num_classes=CLASSES)
    init_default_scope("mmpretrain")
    torch.manual_seed(0)
    model = MODELS.build(target_config({**LINEAR, "loss": loss}))
    data = model.data_preprocessor(images(ONE, 32), training=True)
    model.eval()
    counts = model.head.loss_module.cum_samples
    counts.copy_(torch.arange(len(counts)))
    strategy = sample_losses_for(model)
    alone = []
    for i in range(4):
        other = copy.deepcopy(model)
        losses = other.loss(data["inputs"][i : i + 1], data["data_samples"][i : i + 1])
        alone.append(losses["loss"].item())
    with strategy.record(model, data["data_samples"]) as recording:
        model.loss(**data)
    after = counts.clone()
    found = strategy.replay(model, recording, model.loss, data["inputs"])
    assert found.tolist() == pytest.approx(alone, rel=1e-5)
    assert torch.equal(model.head.loss_module.cum_samples, after)
    assert after.sum() == torch.arange(len(counts)).sum() + 4


def test_other_heads_are_refused() -> None:
    task = dict(type="LinearClsHead", num_classes=CLASSES)
    head = dict(type="MultiTaskHead", task_heads=dict(a=task), in_channels=CHANNELS)
    refused(head, r"(?s)ImageClassifier with MultiTaskHead\.\n.*README\.md, 'Supported")


def test_a_head_of_the_same_name_from_elsewhere_is_refused() -> None:
    from mmpretrain.models import LinearClsHead

    head = type("LinearClsHead", (LinearClsHead,), {"__module__": "elsewhere"})
    refused(dict(type=head, **SIZES), "ImageClassifier with LinearClsHead")
