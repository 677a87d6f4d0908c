"""Configs that inherit from mmal's own by its name."""

from argparse import Namespace
from pathlib import Path

from mmengine.config import Config
from mmengine.registry import METRICS, MODELS, init_default_scope

from mmal.apis.cli import read_config

ROOT = Path(__file__).parents[2]


def test_it_is_what_it_is_by_its_path(tmp_path: Path) -> None:
    child = tmp_path / "child.py"
    child.write_text('_base_ = "mmal::demo/toy_voc.py"\n')
    cfg = read_config(Namespace(config=str(child), cfg_options=None))
    assert cfg.to_dict() == Config.fromfile(ROOT / "configs/demo/toy_voc.py").to_dict()
    init_default_scope("mmdet")
    METRICS.build(cfg.test_evaluator)
    assert type(MODELS.build(cfg.model)).__name__ == "LearningLossSingleStageDetector"
