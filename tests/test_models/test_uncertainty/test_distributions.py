"""Tests of the distributions that target models predict, against their own predictions."""

import itertools
import math

import pytest
import torch
from mmdet.structures import DetDataSample
from mmdet.testing import demo_mm_inputs
from mmengine.hub import get_config
from mmengine.registry import MODELS, init_default_scope
from mmengine.structures import InstanceData
from mmpose.testing import get_packed_inputs

from mmal.models.uncertainty import MEASURES, distributions_of
from tests.families import DENSE, FAMILIES, TWO_STAGE

DENSE_NAMES = (
    "SSDLite",
    "RetinaNet",
    "FCOS",
    "ATSS",
    "GFL",
    "PAA",
    "YOLOX",
    "RTMDet",
    "VFNet",
    "FSAF",
)
#: Those whose scores are the classifier's alone: FCOS and its kin multiply by the centerness.
DETECTORS = [
    family
    for family in FAMILIES
    if family.group in (DENSE, TWO_STAGE)
    and family.name
    in (
        "SSDLite",
        "RetinaNet",
        "GFL",
        "FSAF",
        "VFNet",
        "YOLOX",
        "RTMDet",
        "Faster R-CNN",
        "Cascade R-CNN",
    )
]
DENSE_FAMILIES = [f for f in FAMILIES if f.group == DENSE and f.name in DENSE_NAMES]
FOLDER = "mmpose::body_2d_keypoint/topdown_heatmap/mpii"
NAN_CONFIGS = [
    "mmdet::retinanet/retinanet_r18_fpn_1x_coco.py",
    "mmdet::faster_rcnn/faster-rcnn_r50_fpn_1x_coco.py",
    f"{FOLDER}/td-hm_res50_8xb64-210e_mpii-256x256.py",
]
NO_NMS = dict(score_thr=0.0, nms=dict(type="nms", iou_threshold=1.0), max_per_img=10**6)


def build(config: str):
    init_default_scope(config.partition("::")[0])
    cfg = get_config(config).model
    cfg.backbone.init_cfg = None
    torch.manual_seed(0)
    model = MODELS.build(cfg)
    model.init_weights()
    return model.eval()


@torch.no_grad()
def predict(model, data):
    return distributions_of(model).predict(
        model, model.extract_feat(data["inputs"]), data["data_samples"]
    )


@pytest.mark.parametrize("family", DETECTORS, ids=lambda family: family.name)
@torch.no_grad()
def test_boxes_are_those_of_the_detector_without_nms(family):
    model = build(f"mmdet::{family.config}")
    sizes = [(3, 64, 64)] * 2
    data = model.data_preprocessor(demo_mm_inputs(2, sizes, num_classes=80), False)
    if family.group == TWO_STAGE:
        model.rpn_head.test_cfg.update(nms_pre=50, max_per_img=20)
        model.roi_head.test_cfg.update(NO_NMS)
    else:
        model.bbox_head.test_cfg.update(NO_NMS, nms_pre=10**6)

    detected = [sample.pred_instances.scores for sample in model.predict(*data.values())]
    found = predict(model, data)
    for scores, distributions in zip(detected, found, strict=True):
        torch.testing.assert_close(distributions.sum(1), torch.ones(len(distributions)))
        # Softmax: the background is last; sigmoid: of the most likely class alone.
        foreground = distributions[:, :-1]
        best = scores.sort(descending=True).values
        assert foreground.max() == pytest.approx(best[0].item(), rel=1e-5)
        if foreground.shape[1] > 1:  # every class of every box is a detection
            expected = foreground.flatten().sort(descending=True).values
            torch.testing.assert_close(best, expected[: len(best)], rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(
    "family", [f for f in DENSE_FAMILIES if f.name != "YOLOX"], ids=lambda family: family.name
)
@torch.no_grad()
def test_boxes_of_dense_heads_are_those_of_a_loop(family):
    model = build(f"mmdet::{family.config}")
    head = model.bbox_head
    generator = torch.Generator().manual_seed(0)
    anchors = head.num_base_priors
    anchors = anchors if isinstance(anchors, list) else [anchors] * 2
    scores = [torch.randn(2, a * head.cls_out_channels, 3, 2, generator=generator) for a in anchors]
    head.forward = lambda feats: (scores, None, None)
    head.test_cfg.score_thr = threshold = 0.6

    expected: list[list] = [[], []]
    for n, level in itertools.product(range(2), range(len(scores))):
        for y, x, anchor in itertools.product(range(3), range(2), range(anchors[level])):
            first = anchor * head.cls_out_channels
            logits = scores[level][n, first : first + head.cls_out_channels, y, x]
            if head.use_sigmoid_cls:
                p = max(1 / (1 + math.exp(-v)) for v in logits.tolist())
                row, best = [p, 1 - p], p
            else:
                total = sum(math.exp(v) for v in logits.tolist())
                row = [math.exp(v) / total for v in logits.tolist()]
                best = max(row[:-1])
            if best > threshold:
                expected[n].append(row)
    found = distributions_of(model).predict(model, None, [None, None])
    for rows, distributions in zip(expected, found, strict=True):
        shape = (len(rows), 2 if head.use_sigmoid_cls else head.cls_out_channels)
        torch.testing.assert_close(distributions, torch.tensor(rows).reshape(shape))


@pytest.mark.parametrize("config", NAN_CONFIGS)
@torch.no_grad()
def test_predictions_that_are_not_numbers_stay_so(config):
    model = build(config)
    head = model.head if "mmpose" in config else getattr(model, "bbox_head", None)
    if head is None:
        nan = InstanceData(scores=torch.full((3, 81), torch.nan))
        model.rpn_head.predict = lambda *args, **kwargs: None
        model.roi_head.predict_bbox = lambda *args, **kwargs: [nan]
    else:
        nan = torch.full((1, 80 * 9 if "retina" in config else 16, 4, 4), torch.nan)
        head.forward = lambda feats: nan if "mmpose" in config else ([nan], None)
    (found,) = distributions_of(model).predict(model, None, [DetDataSample()])

    for measure in MEASURES.values():
        assert not measure(found).isfinite().any()


def test_peaks_of_heatmaps():
    model = build(
        "mmpose::body_2d_keypoint/topdown_heatmap/mpii/td-hm_res50_8xb64-210e_mpii-256x256.py"
    )
    inputs = get_packed_inputs(1, num_keypoints=16, img_shape=(64, 64), input_size=(64, 64))
    data = model.data_preprocessor(inputs, False)
    heatmaps = torch.zeros(1, 16, 16, 16)
    heatmaps[0, 0, 3, 4] = 0.5
    heatmaps[0, 1, 3, 4], heatmaps[0, 1, 3, 5], heatmaps[0, 1, 10, 10] = 0.6, 0.5, 0.2
    heatmaps[0, 2] = -1
    model.head.forward = lambda feats: heatmaps

    (found,) = predict(model, data)
    assert found.shape == (16, 256)
    torch.testing.assert_close(found.sum(1), torch.ones(16))
    assert found[0, 3 * 16 + 4] == 1
    assert found[1, 3 * 16 + 4] == pytest.approx(0.75)  # 0.6 of 0.6 + 0.2; 0.5 is no peak
    assert found[1, 10 * 16 + 10] == pytest.approx(0.25)
    assert (found[2] == 1 / 256).all()


def test_the_offsets_of_udp_are_no_joints():
    folder = "mmpose::body_2d_keypoint/topdown_heatmap/coco"
    model = build(f"{folder}/td-hm_hrnet-w32_udp-regress-8xb64-210e_coco-256x192.py")
    maps = torch.zeros(1, 51, 8, 6)
    maps[0, 3, 1, 2] = 0.5  # the label of the second joint, whose offsets are larger
    maps[0, 4:6, 5, 5] = 9.0
    model.head.forward = lambda feats: maps

    (found,) = distributions_of(model).predict(model, None, [None])
    assert found.shape == (17, 48)
    assert found[1].argmax() == 1 * 6 + 2
    assert found[1].max() == 1
    assert (found[2] == 1 / 48).all()


def test_peaks_of_coordinates():
    folder = "mmpose::body_2d_keypoint/rtmpose/coco"
    model = build(f"{folder}/rtmpose-t_8xb256-420e_coco-256x192.py")
    x, y = torch.full((1, 17, 6), -1.0), torch.full((1, 17, 8), -1.0)
    x[0, 0, 2], x[0, 0, 3], x[0, 0, 5] = 1.0, 0.99, 0.9
    y[0, 0, 7] = 1.0
    model.head.forward = lambda feats: (x, y)
    beta = model.head.loss_module.beta
    assert beta == 10

    (found,) = distributions_of(model).predict(model, None, [None])
    assert found.shape == (34, 8)
    torch.testing.assert_close(found.sum(1), torch.ones(34))
    odds = math.exp(beta * 1.0) / math.exp(beta * 0.9)  # of two peaks; bin 3 is none
    assert found[0, 2] / found[0, 5] == pytest.approx(odds, rel=1e-4)
    assert found[0, 3] == 0
    assert (found[0, 6:] == 0).all()
    assert found[1, 7] == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize(
    "name", ["DETR", "Conditional DETR", "DAB-DETR", "Deformable DETR", "DINO"]
)
def test_queries_are_those_that_the_detector_reports(name):
    """The best class of each query, with its score, is what the detector itself predicts."""
    family = next(f for f in FAMILIES if f.name == name)
    cfg = get_config(f"mmdet::{family.config}")
    cfg.merge_from_dict({f"model.{key}": value for key, value in family.options.items()})
    cfg.model.backbone.init_cfg = None
    init_default_scope("mmdet")
    torch.manual_seed(0)
    model = MODELS.build(cfg.model).eval()
    model.init_weights()
    data = model.data_preprocessor(demo_mm_inputs(2, [(3, 128, 128)] * 2), False)
    model.bbox_head.test_cfg = dict(score_thr=-1.0, max_per_img=50)
    with torch.no_grad():
        feats = model.extract_feat(data["inputs"])
        found = distributions_of(model).predict(model, feats, data["data_samples"])
        reported = model.predict(data["inputs"], data["data_samples"])
    for distributions, sample in zip(found, reported, strict=True):
        expected = sample.pred_instances.scores.sort(descending=True).values
        if distributions.shape[1] > 2:
            best = distributions[:, :-1].amax(dim=1).sort(descending=True).values
            torch.testing.assert_close(best[:50], expected)
        else:  # a query may be reported for several classes
            torch.testing.assert_close(distributions[:, 0].max(), expected[0])
    model.bbox_head.test_cfg = dict(score_thr=2.0, max_per_img=50)
    found = distributions_of(model).predict(model, feats, data["data_samples"])
    assert [len(distributions) for distributions in found] == [0, 0]


def test_centres_are_those_that_centernet_reports():
    model = build("mmdet::centernet/centernet_r18_8xb16-crop512-140e_coco.py")
    data = model.data_preprocessor(demo_mm_inputs(2, [(3, 128, 128)] * 2), False)
    model.bbox_head.test_cfg.score_thr = 0.0
    model.bbox_head.test_cfg.topk = 5
    with torch.no_grad():
        feats = model.extract_feat(data["inputs"])
        found = distributions_of(model).predict(model, feats, data["data_samples"])
        reported = model.predict(data["inputs"], data["data_samples"])
    for distributions, sample in zip(found, reported, strict=True):
        torch.testing.assert_close(distributions.sum(1), torch.ones(len(distributions)))
        best = distributions[:, 0].sort(descending=True).values[:5]
        torch.testing.assert_close(best, sample.pred_instances.scores.sort(descending=True).values)


def test_other_heads_are_refused():
    model = build("mmdet::foveabox/fovea_r50_fpn_4xb4-1x_coco.py")

    with pytest.raises(TypeError, match=r"predictions of FOVEA cannot be read .* docs/queries\.md"):
        distributions_of(model)
