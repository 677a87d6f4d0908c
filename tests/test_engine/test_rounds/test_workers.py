"""The demos pick the same, whoever loads their data."""

import json
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope

from mmal.datasets.toy import make_toy_mpii, make_toy_voc
from mmal.engine.rounds import WorkDir, run_rounds

CONFIGS = Path(__file__).parents[3] / "configs" / "demo"


def detection(folder: Path) -> Config:
    make_toy_voc(folder, num_train=24, num_test=6)
    cfg = Config.fromfile(CONFIGS / "toy_voc.py")
    cfg.custom_hooks[-1].detach_epoch = None
    return cfg


def pose(folder: Path) -> Config:
    make_toy_mpii(folder, num_train=24, num_val=6)
    cfg = Config.fromfile(CONFIGS / "toy_mpii.py")
    cfg.test_dataloader.dataset.headbox_file = f"{folder}/annotations/mpii_gt_val.mat"
    return cfg


def test_a_training_does_not_depend_on_workers(cfg: Config) -> None:
    """Of one round; the boxes are flipped and the colours distorted at random."""
    cfg.custom_hooks[0].detach_epoch = None
    cfg.train_cfg.max_epochs = 2
    cfg.active_learning.rounds = 1
    ends = []
    for workers in (0, 2):
        cfg.train_dataloader.update(num_workers=workers, persistent_workers=False)
        cfg.work_dir = f"{Path(cfg.work_dir).parent}/{workers}"
        run_rounds(cfg)
        content = torch.load(WorkDir(cfg.work_dir).checkpoint(0), weights_only=False)
        ends.append(content["state_dict"])
    for name, value in ends[0].items():
        assert torch.equal(ends[1][name], value), name


@pytest.mark.slow
@pytest.mark.parametrize("make", [detection, pose])
def test_picks_and_weights_do_not_depend_on_workers(make, tmp_path: Path) -> None:
    cfg = make(tmp_path / "data")
    init_default_scope(cfg.default_scope)
    for dataset in (cfg.train_dataloader.dataset.dataset, cfg.test_dataloader.dataset):
        dataset.data_root = f"{tmp_path}/data/"
    cfg.train_dataloader.dataset.times = 1
    cfg.train_cfg.max_epochs = 2
    cfg.val_dataloader = cfg.val_cfg = cfg.val_evaluator = None
    # Dropout draws in the main process, where samples are loaded without workers.
    cfg.model.loss_predictor.dropout = 0.5
    cfg.active_learning.update(rounds=2, initial=10, budget=4, report=False)
    ends = []
    for workers in (0, 1, 2):
        for loader in (cfg.train_dataloader, cfg.test_dataloader):
            loader.update(batch_size=4, num_workers=workers)
        cfg.work_dir = str(tmp_path / str(workers))
        records = run_rounds(cfg)
        work_dir = WorkDir(cfg.work_dir)
        content = torch.load(work_dir.checkpoint(1), weights_only=False)
        picks = json.loads(work_dir.pool.read_text())
        ends.append((picks, [r["metrics"] for r in records], content["state_dict"]))
    for picks, metrics, weights in ends[1:]:
        assert picks == ends[0][0]
        assert metrics == ends[0][1]
        for name, value in ends[0][2].items():
            assert torch.equal(weights[name], value), name
