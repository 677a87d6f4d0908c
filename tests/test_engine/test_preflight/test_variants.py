"""Near-duplicates are made in training and in scoring, or in neither."""

import pytest
from mmengine.config import Config

from mmal.engine.preflight import PreflightError, check_variants

VARY = dict(type="mmal.VaryImage")


@pytest.mark.parametrize("stages", [(), ("train",), ("test",), ("train", "test")])
@pytest.mark.parametrize("shaped", [True, False])
def test_vary_image_stands_in_both_pipelines(cfg: Config, stages: tuple, shaped: bool) -> None:
    for stage in stages:
        cfg[f"{stage}_dataloader"].dataset.pipeline.insert(1, VARY)
    if shaped:
        images = cfg.train_dataloader.dataset
        cfg.train_dataloader.dataset = dict(type="mmal.Redundant", copies=1, dataset=images)
    if not shaped or len(stages) != 1:
        check_variants(cfg)
        return
    with pytest.raises(PreflightError, match=f"in the {stages[0]} pipeline alone"):
        check_variants(cfg)
