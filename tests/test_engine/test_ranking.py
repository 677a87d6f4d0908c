"""Predicted and true losses of images that were not trained on."""

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import DATASETS, MODELS, init_default_scope

from mmal.engine import DataConfig, measure_losses
from mmal.models import build_model
from mmal.models.uncertainty.dense import DenseHeadDistributions


def test_target_losses_are_plain_mmdetections(cfg: Config) -> None:
    """On images that the pipeline enlarges: boxes have to follow."""
    init_default_scope("mmdet")
    for transform in cfg.test_dataloader.dataset.pipeline:
        if transform.type == "Resize":
            transform.scale = (96, 80)
    torch.manual_seed(0)
    model = build_model(cfg)
    model.init_weights()
    plain = MODELS.build(cfg.model.target).eval()
    plain.load_state_dict(model.state_dict(), strict=False)

    dataset = DATASETS.build(DataConfig(cfg).labeled_dataset())
    pred, target, paths, yardsticks, dead = measure_losses(model, dataset, batch_size=2)
    assert pred.shape == target.shape == (5,)

    load, resize = dict(type="LoadImageFromFile"), dict(type="Resize", scale=(96, 80))
    boxes, pack = dict(type="LoadAnnotations", with_bbox=True), dict(type="PackDetInputs")
    reference = dict(cfg.test_dataloader.dataset, pipeline=[load, boxes, resize, pack])
    reference = DATASETS.build(reference)
    assert sorted(paths) == sorted(reference.get_data_info(i)["img_path"] for i in range(5))
    expected = {}
    for i in range(5):
        data = plain.data_preprocessor(pseudo_collate([reference[i]]), False)
        with torch.no_grad():
            path = reference.get_data_info(i)["img_path"]
            expected[path] = plain.parse_losses(plain.loss(*data.values()))[0].item()
    np.testing.assert_allclose(target, [expected[path] for path in paths], rtol=1e-4)

    data = plain.data_preprocessor(pseudo_collate([reference[i] for i in range(5)]), False)
    distributions = DenseHeadDistributions().predict(
        plain, plain.extract_feat(data["inputs"]), data["data_samples"]
    )
    by_path = dict(zip(paths, yardsticks["entropy_sum"], strict=True))
    for i, found in enumerate(distributions):
        entropy = -(found * found.clamp(min=1e-30).log()).sum()
        path = reference.get_data_info(i)["img_path"]
        assert by_path[path] == pytest.approx(entropy.item(), rel=1e-4)

    embeddings = model.loss_predictor.embed(list(model.eval().extract_feat(data["inputs"])))
    assert dead == pytest.approx((embeddings == 0).all(dim=0).float().mean().item())
