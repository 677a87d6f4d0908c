"""Features of objects, against loops over the boxes and joints that the model itself predicts."""

import copy

import numpy as np
import pytest
import torch
from mmdet.testing import demo_mm_inputs
from mmengine.hub import get_config
from mmengine.registry import MODELS, init_default_scope
from mmengine.structures import InstanceData
from mmpose.testing import get_packed_inputs
from torch import nn

from mmal.models.objects import object_features
from mmal.models.scores import score_function
from tests.models import DENSE, FASTER_RCNN, build

DETECTORS = {
    "RetinaNet": DENSE["RetinaNet"],
    "SSDLite": DENSE["SSDLite"],
    "YOLOX": DENSE["YOLOX"],
    "Faster R-CNN": FASTER_RCNN,
    "Mask R-CNN": ("mask_rcnn/mask-rcnn_r50_fpn_1x_coco.py", None, 128),
    "Cascade R-CNN": ("cascade_rcnn/cascade-rcnn_r50_fpn_1x_coco.py", None, 128),
}
POSE = "mmpose::body_2d_keypoint/topdown_heatmap/mpii/td-hm_res50_8xb64-210e_mpii-256x256.py"


def detector(name: str) -> tuple[nn.Module, dict]:
    """Build a detector that predicts many boxes of little score, and two images."""
    model = build(DETECTORS[name][0], None).eval()
    test_cfg = model.roi_head.test_cfg if hasattr(model, "roi_head") else model.bbox_head.test_cfg
    test_cfg.update(score_thr=0.0, max_per_img=12)
    inputs = demo_mm_inputs(2, [(3, 128, 96), (3, 90, 128)], num_classes=3)
    return model, model.data_preprocessor(inputs, False)


def mean_in_boxes(feat: np.ndarray, boxes: np.ndarray, scores: np.ndarray, shape) -> np.ndarray:
    """Average over positions in boxes, and over boxes by their scores, one position at a time."""
    _, height, width = feat.shape
    y = [(r + 0.5) * shape[0] / height for r in range(height)]
    x = [(c + 0.5) * shape[1] / width for c in range(width)]
    total = np.zeros(len(feat))
    for (x1, y1, x2, y2), score in zip(boxes, scores, strict=True):
        rows = [r for r in range(height) if y1 <= y[r] <= y2]
        columns = [c for c in range(width) if x1 <= x[c] <= x2]
        rows = rows or [min(range(height), key=lambda r: abs(y[r] - (y1 + y2) / 2))]
        columns = columns or [min(range(width), key=lambda c: abs(x[c] - (x1 + x2) / 2))]
        total += score * np.mean([feat[:, r, c] for r in rows for c in columns], axis=0)
    return total / scores.sum()


@pytest.mark.parametrize("name", DETECTORS)
@torch.no_grad()
def test_boxes(name, monkeypatch):
    model, data = detector(name)
    samples = copy.deepcopy(data["data_samples"])
    results = model.predict(data["inputs"], copy.deepcopy(samples), rescale=False)
    if getattr(model, "with_mask", False):
        monkeypatch.setattr(model.roi_head.mask_head, "forward", None)
    found = score_function(model, ["object_features"])(data)["object_features"].numpy()

    finest = model.extract_feat(data["inputs"])[0].double().numpy()
    for i, result in enumerate(results):
        boxes, scores = result.pred_instances.bboxes.numpy(), result.pred_instances.scores.numpy()
        assert len(boxes) > 3
        expected = mean_in_boxes(finest[i], boxes, scores, data["inputs"].shape[2:])
        scale = finest.std()  # untrained, it may be next to nothing
        np.testing.assert_allclose(found[i] / scale, expected / scale, rtol=1e-3, atol=1e-4)
        assert np.abs(found[i] - finest[i].mean(axis=(1, 2))).max() > 1e-2 * scale
    assert "pred_instances" not in data["data_samples"][0]


@torch.no_grad()
def assert_heads_run_once(model: nn.Module, data: dict, layers: list[nn.Module]) -> None:
    """Uncertainties and objects together are what they are alone, and run layers of heads once."""
    calls = []
    for layer in set(layers):
        layer.register_forward_hook(lambda module, *_: calls.append(module))
    names = ["object_features", "margin_mean"]
    alone = [score_function(model, [name])(data)[name] for name in names]
    assert calls == layers * 2
    both = score_function(model, names)(data)
    assert calls == layers * 3
    for name, expected in zip(names, alone, strict=True):
        assert torch.equal(both[name], expected)


@pytest.mark.parametrize("name", ["Faster R-CNN", "Cascade R-CNN"])
def test_heads_of_two_stages_run_once(name):
    model, data = detector(name)
    of_regions = model.roi_head.bbox_head
    several = list(of_regions) if isinstance(of_regions, nn.ModuleList) else [of_regions]
    assert len(several) == (3 if name == "Cascade R-CNN" else 1)
    layers = [model.rpn_head.rpn_cls] * 5 + [head.fc_cls for head in several]  # 5 levels
    assert_heads_run_once(model, data, layers)


def single_boxes(model: nn.Module, feats, boxes: list, scores: list, shape=(64, 64)):
    """Features of one image whose boxes are given."""
    found = InstanceData(
        bboxes=torch.tensor(boxes).reshape(-1, 4).float(), scores=torch.tensor(scores)
    )
    model.bbox_head.predict = lambda *args, **kwargs: [found]
    (sample,) = demo_mm_inputs(1, [(3, *shape)])["data_samples"]
    sample.set_metainfo(dict(batch_input_shape=shape))
    return object_features(model, feats, [sample])


@pytest.mark.parametrize(
    ("boxes", "scores", "expected"),
    [
        ([], [], 7.5),  # the plain average
        ([[0, 0, 64, 64]], [0.3], 7.5),
        ([[16, 0, 31, 15]], [0.3], 1),
        ([[16, 0, 31, 31]], [0.3], (1 + 5) / 2),
        ([[16, 0, 31, 15], [48, 48, 64, 64]], [0.2, 0.6], (0.2 * 1 + 0.6 * 15) / 0.8),
        ([[17, 1, 20, 4]], [0.3], 1),  # no position's middle is in it
        ([[-9, -9, -5, -5]], [0.3], 0),
        ([[16, 0, 31, 15]], [0.0], 7.5),
    ],
)
def test_boxes_by_hand(boxes, scores, expected):
    """On a level of 4 x 4 positions that count from 0, and a coarser one."""
    model = build(DENSE["RetinaNet"][0], None)
    feats = (torch.full((1, 1, 2, 2), 99.0), torch.arange(16.0).reshape(1, 1, 4, 4))
    found = single_boxes(model, feats, boxes, scores)
    assert found.shape == (1, 1)
    assert found.item() == pytest.approx(expected)


def test_of_equally_fine_levels_the_last_and_none_without_positions():
    model = build(DENSE["RetinaNet"][0], None)
    stacks = [[torch.zeros(1, 1, 4, 4), torch.ones(1, 1, 4, 4)], torch.zeros(1, 1, 2, 2)]
    assert single_boxes(model, stacks, [], []) == 1
    with pytest.raises(TypeError, match=r"RetinaNet have no positions, .* 'objects'"):
        single_boxes(model, [torch.zeros(1, 16, 4)], [], [])


@pytest.fixture
def pose() -> tuple[nn.Module, dict]:
    init_default_scope("mmpose")
    cfg = get_config(POSE).model
    cfg.backbone.init_cfg = None
    torch.manual_seed(0)
    model = MODELS.build(cfg)
    model.init_weights()
    inputs = get_packed_inputs(2, num_keypoints=16, img_shape=(64, 128), input_size=(128, 64))
    return model.eval(), model.data_preprocessor(inputs, False)


@torch.no_grad()
def test_joints(pose):
    """Features at the peaks, which are where MMPose's decoder puts the joints."""
    model, data = pose
    (found,) = score_function(model, ["object_features"])(data).values()

    feat = model.extract_feat(data["inputs"])[0]
    heatmaps = model.head([feat])
    assert feat.shape[2:] == (2, 4)
    assert heatmaps.shape[2:] == (16, 32)
    for i in range(2):
        total, weight = torch.zeros(feat.shape[1]), 0
        for heatmap in heatmaps[i]:
            row, column = np.unravel_index(heatmap.argmax().item(), (16, 32))
            height = max(heatmap[row, column].item(), 0)
            total += height * feat[i, :, row // 8, column // 8]
            weight += height
        torch.testing.assert_close(found[i], total / weight, rtol=1e-4, atol=1e-6)


def test_a_head_of_joints_runs_once(pose):
    model, data = pose
    assert_heads_run_once(model, data, [model.head.final_layer])


@torch.no_grad()
def test_joints_by_hand(pose):
    model, _ = pose
    heatmaps = torch.zeros(2, 3, 8, 8)
    heatmaps[0, 0, 1, 1], heatmaps[0, 0, 6, 6] = 0.5, 0.4  # a second peak does not count
    heatmaps[0, 1, 7, 5] = 0.25
    heatmaps[0, 2] = -1  # nowhere
    model.head.forward = lambda feats: [heatmaps * 0, [heatmaps]]
    feat = torch.arange(4.0).reshape(1, 1, 2, 2).repeat(2, 1, 1, 1)
    found = object_features(model, [feat], [])
    assert found[0].item() == pytest.approx((0.5 * 0 + 0.25 * 3) / 0.75)
    assert found[1].item() == 1.5  # no joint at all: the plain average


def test_heads_that_give_neither_are_refused():
    model = build("detr/detr_r50_8xb2-150e_coco.py", None)
    with pytest.raises(TypeError, match=r"DETR cannot be read as boxes or joints.* that docs/quer"):
        score_function(model, ["object_features_unit"])
