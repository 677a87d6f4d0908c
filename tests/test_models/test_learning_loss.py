import copy

import pytest
import torch
from mmdet.models.detectors import BaseDetector, SingleStageDetector
from mmengine.optim import OptimWrapper
from mmengine.registry import MODELS, init_default_scope
from torch import nn

from mmal.models import LearningLossMixin
from mmal.models.learning_loss import levels
from tests.classifiers import LINEAR, STAGES, build_classifier, images, needs_mmpretrain
from tests.classifiers import target_config as classifier_config
from tests.models import DENSE, batch, build, learning_loss_config


def train(model: nn.Module, size: int, steps: int) -> None:
    """Train on random images that are the same for every model."""
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9, weight_decay=1e-4)
    wrapper = OptimWrapper(optimizer)
    model.train()
    for _ in range(steps):
        data = batch(model, size, [2, 1, 3, 0])
        with wrapper.optim_context(model):
            losses = model(**data, mode="loss")
        wrapper.update_params(model.parse_losses(losses)[0])


@pytest.mark.parametrize("name", ["SSDLite", "RetinaNet", "ATSS"])
def test_detached_training_leaves_the_target_bit_identical(name: str) -> None:
    path, channels, _ = DENSE[name]
    plain = build(path, None)
    model = build(path, channels)
    model.detach_features = True
    head_before = copy.deepcopy(model.loss_predictor.state_dict())
    for candidate in (plain, model):
        torch.manual_seed(1)
        train(candidate, 64, steps=20)
    expected, found = plain.state_dict(), model.state_dict()
    extra = {key for key in found if key not in expected}
    assert extra == {f"loss_predictor.{key}" for key in head_before}
    for key, value in expected.items():
        assert torch.equal(value, found[key]), key
    changed = [not torch.equal(v, found[f"loss_predictor.{k}"]) for k, v in head_before.items()]
    assert all(changed)


@pytest.fixture(scope="module")
def model() -> nn.Module:
    path, channels, _ = DENSE["SSDLite"]
    return build(path, channels)


@pytest.fixture
def data(model: nn.Module) -> dict:
    torch.manual_seed(0)
    return batch(model, 128, [2, 1, 3, 1])


def test_is_the_target_itself(model: nn.Module) -> None:
    assert isinstance(model, SingleStageDetector)
    assert isinstance(model, BaseDetector)
    assert isinstance(model, LearningLossMixin)
    assert type(copy.deepcopy(model)) is type(model)  # as EMA hooks do


def test_loss_is_the_targets_plus_the_ranking_loss(model: nn.Module, data: dict) -> None:
    plain = build(DENSE["SSDLite"][0], None)
    plain.load_state_dict(model.state_dict(), strict=False)
    model.eval(), plain.eval()
    found, expected = model.loss(*data.values()), plain.loss(*data.values())
    assert found.keys() - expected.keys() == {"loss_rank", "rank_acc", "rank_invalid"}
    for key, value in expected.items():
        torch.testing.assert_close(found[key], value, rtol=0, atol=0)

    target = [
        plain.parse_losses(plain.loss(data["inputs"][i : i + 1], [sample]))[0].item()
        for i, sample in enumerate(data["data_samples"])
    ]
    pred = model.predict_loss(data["inputs"]).tolist()
    hinge = [
        max(0.0, 1.0 - (1 if target[i] > target[j] else -1) * (pred[i] - pred[j]))
        for i, j in ((0, 1), (2, 3))
    ]
    right = [(target[i] > target[j]) == (pred[i] > pred[j]) for i, j in ((0, 1), (2, 3))]
    assert found["loss_rank"].item() == pytest.approx(sum(hinge) / 2, rel=1e-5)
    assert found["rank_acc"].item() == sum(right) / 2


@pytest.mark.parametrize("detach", [False, True])
def test_detaching_stops_the_gradient_into_the_target(
    model: nn.Module, data: dict, detach: bool
) -> None:
    model.train()
    model.detach_features = detach
    model.zero_grad()
    model.loss(*data.values())["loss_rank"].backward()
    into_target = [
        p.grad is not None and bool(p.grad.any())
        for name, p in model.named_parameters()
        if not name.startswith("loss_predictor")
    ]
    # The last bias cancels out of every difference of predictions.
    into_module = [
        bool(p.grad.any())
        for name, p in model.loss_predictor.named_parameters()
        if name != "regressor.bias"
    ]
    model.detach_features = False
    assert all(into_module)
    assert any(into_target) is not detach


def test_scoring_runs_no_head(model: nn.Module, data: dict) -> None:
    model.eval()

    def fail(*args):
        raise AssertionError("the head ran")

    handle = model.bbox_head.register_forward_pre_hook(fail)
    try:
        pred_loss = model.predict_loss(data["inputs"])
    finally:
        handle.remove()
    feats = model.extract_feat(data["inputs"])
    torch.testing.assert_close(pred_loss, model.loss_predictor(feats))
    assert pred_loss.shape == (4,)


def test_predict_adds_the_predicted_loss(model: nn.Module, data: dict) -> None:
    model.eval()
    with torch.no_grad():
        expected = model.predict_loss(data["inputs"])
        results = model(**data, mode="predict")
    found = torch.stack([sample.pred_loss for sample in results])
    torch.testing.assert_close(found, expected)


def test_checkpoints_interchange(model: nn.Module, data: dict) -> None:
    plain = build(DENSE["SSDLite"][0], None, seed=1).eval()
    keys = plain.load_state_dict(model.state_dict(), strict=False)
    assert not keys.missing_keys
    assert all(key.startswith("loss_predictor.") for key in keys.unexpected_keys)
    model.eval()
    for candidate in (model, plain):  # untrained scores are low
        candidate.bbox_head.test_cfg.score_thr = 0.0
    with torch.no_grad():
        ours = model(**copy.deepcopy(data), mode="predict")
        theirs = plain(**copy.deepcopy(data), mode="predict")
    for a, b in zip(ours, theirs, strict=True):
        assert len(a.pred_instances) > 0
        assert torch.equal(a.pred_instances.bboxes, b.pred_instances.bboxes)
        assert torch.equal(a.pred_instances.scores, b.pred_instances.scores)

    other = build(*DENSE["SSDLite"][:2], seed=2)
    keys = other.load_state_dict(plain.state_dict(), strict=False)
    assert not keys.unexpected_keys
    assert all(key.startswith("loss_predictor.") for key in keys.missing_keys)


def test_feat_modules_feed_the_module() -> None:
    names = ["backbone.layer2", "backbone.layer4"]
    model = build(DENSE["RetinaNet"][0], [128, 512], feat_modules=names).eval()
    data = batch(model, 128, [1, 1])
    with torch.no_grad():
        stages = model.backbone(data["inputs"])
        expected = model.loss_predictor([stages[1], stages[3]])
        torch.testing.assert_close(model.predict_loss(data["inputs"]), expected)


def test_unknown_feat_modules_are_named() -> None:
    with pytest.raises(ValueError, match=r"\['backbone.stage9'\].*RetinaNet.*'backbone'"):
        build(DENSE["RetinaNet"][0], [128], feat_modules=["backbone.stage9"])


def test_measured_losses_use_the_heads_training_mode() -> None:
    """FCOS multiplies its boxes by the stride in evaluation, which would spoil the loss."""
    path = "fcos/fcos_r50-dcn-caffe_fpn_gn-head-center-normbbox-centeronreg-giou_1x_coco.py"
    cfg = dict(seed=0)
    plain, model = build(path, None, **cfg), build(path, [256] * 5, **cfg)
    data = batch(model, 128, [2, 1])
    plain.eval(), model.eval()
    plain.bbox_head.training = True
    with torch.no_grad():
        expected = [
            plain.parse_losses(plain.loss(data["inputs"][i : i + 1], [sample]))[0]
            for i, sample in enumerate(data["data_samples"])
        ]
    pred, target = model.measure_losses(**data)
    torch.testing.assert_close(target, torch.stack(expected), rtol=1e-5, atol=0)
    torch.testing.assert_close(pred, model.predict_loss(data["inputs"]).detach())
    assert not model.bbox_head.training


def test_mixed_precision_ranks_in_float32(model: nn.Module, data: dict) -> None:
    model.eval()
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        assert model.extract_feat(data["inputs"])[0].dtype == torch.bfloat16
        pred = model.predict_loss(data["inputs"])
        losses = model.loss(*data.values())
    assert pred.dtype == losses["loss_rank"].dtype == torch.float32
    assert len(pred.unique()) == len(pred)
    with torch.no_grad():
        expected = model.predict_loss(data["inputs"])
    torch.testing.assert_close(pred, expected, rtol=0.1, atol=0.1)


def test_losses_that_are_not_finite_are_counted_and_train_nothing(
    model: nn.Module, data: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        model.sample_losses, "losses", lambda *args: torch.tensor([float("nan"), 1, 2, 3])
    )
    model.train()
    model.zero_grad()
    losses = model.loss(*data.values())
    assert losses["rank_invalid"] == 1
    losses["loss_rank"].backward()
    assert all(
        p.grad.isfinite().all() for p in model.loss_predictor.parameters() if p.grad is not None
    )
    pred = model.eval().predict_loss(data["inputs"])
    assert pred.isfinite().all()


@needs_mmpretrain
@pytest.mark.parametrize("by", ["feat_modules", "out_indices"])
@torch.no_grad()
def test_the_four_stages_of_a_classifier(by: str) -> None:
    """As in the paper; what the target predicts is that of the plain classifier."""
    plain = build_classifier(LINEAR, plain=True)
    data = plain.data_preprocessor(images([0, 3, 1]), False)
    cfg, kwargs = classifier_config(LINEAR), {}
    if by == "out_indices":
        cfg["backbone"]["out_indices"] = (0, 1, 2, 3)
    else:
        kwargs["feat_modules"] = [f"backbone.layer{i}" for i in (1, 2, 3, 4)]
    model = MODELS.build(learning_loss_config(cfg, STAGES, **kwargs)).eval()
    model.load_state_dict(plain.state_dict(), strict=False)

    plain.backbone.out_indices = (0, 1, 2, 3)
    maps = plain.extract_feat(data["inputs"], stage="backbone")
    assert [m.dim() for m in maps] == [4] * 4
    plain.backbone.out_indices = (3,)
    torch.testing.assert_close(model.predict_loss(data["inputs"]), model.loss_predictor(maps))
    expected = plain.predict(**copy.deepcopy(data))
    for a, b in zip(model.predict(**data), expected, strict=True):
        assert torch.equal(a.pred_score, b.pred_score)


@needs_mmpretrain
@torch.no_grad()
def test_tokens_of_a_transformers_layers() -> None:
    init_default_scope("mmpretrain")
    cfg = classifier_config(dict(type="VisionTransformerClsHead", num_classes=3, in_channels=8))
    arch = dict(embed_dims=8, num_layers=3, num_heads=2, feedforward_channels=16)
    cfg.update(neck=None, backbone=dict(type="VisionTransformer", arch=arch, img_size=32))
    modules = ["backbone.layers.0", "backbone.layers.2"]
    model = MODELS.build(learning_loss_config(cfg, [8, 8], feat_modules=modules)).eval()
    inputs = torch.rand(2, 3, 32, 32)
    tokens = {}
    for name in modules:
        model.get_submodule(name).register_forward_hook(
            lambda module, args, out, name=name: tokens.update({name: out})
        )
    found = model.predict_loss(inputs)
    assert [t.shape for t in tokens.values()] == [(2, 5, 8)] * 2  # four patches, one class
    means = [torch.stack([x.mean(dim=0) for x in t]) for t in tokens.values()]
    torch.testing.assert_close(found, model.loss_predictor(means))


@needs_mmpretrain
@torch.no_grad()
def test_predict_without_data_samples() -> None:
    model = build_classifier(LINEAR)
    inputs = model.data_preprocessor(images([0, 3]), False)["inputs"]
    found = torch.stack([sample.pred_loss for sample in model.predict(inputs)])
    torch.testing.assert_close(found, model.predict_loss(inputs))


def test_features_that_are_no_tensors_are_named() -> None:
    """As the stages of Swin hand out the size of their map."""
    with pytest.raises(TypeError, match=r"an object of type int; .* feat_modules, or .* out_indic"):
        list(levels([(torch.rand(1, 4, 8), (2, 2))]))
