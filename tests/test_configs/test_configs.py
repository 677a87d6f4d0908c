"""The published recipes say what they claim, and the paper's runs."""

import copy
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config
from mmengine.registry import init_default_scope

from mmal.engine import DataConfig
from mmal.engine.data_config import OUTER_WRAPPERS
from mmal.engine.rounds import RoundSettings
from mmal.engine.rounds.round_config import training_config
from mmal.engine.rounds.work_dir import WorkDir
from mmal.models import LearningLossMixin, build_model
from tests.classifiers import needs_mmpretrain
from tests.recipes import train_and_pick

CONFIGS = Path(__file__).parents[2] / "configs"
RECIPES = sorted(p.relative_to(CONFIGS) for p in CONFIGS.glob("[!_]*/*.py"))


def recipe(path: Path) -> object:
    of_classifiers = path.parent.name == "classification" or "cifar10" in path.stem
    return pytest.param(path, marks=needs_mmpretrain if of_classifiers else (), id=str(path))


@pytest.mark.parametrize("path", [recipe(path) for path in RECIPES])
def test_builds(path: Path, tmp_path: Path) -> None:
    cfg = Config.fromfile(CONFIGS / path)
    init_default_scope(cfg.get("default_scope", "mmdet"))
    assert isinstance(build_model(cfg), LearningLossMixin)
    RoundSettings.from_config(cfg).build_query()
    cfg = training_config(cfg, WorkDir(tmp_path), 0)
    labelled = cfg.train_dataloader.dataset
    while labelled.type in OUTER_WRAPPERS:
        labelled = labelled.dataset
    assert labelled.type == "mmal.PoolDataset"
    hooks = [h for h in cfg.custom_hooks if h.type == "mmal.ActiveLearningHook"]
    # 0: learning loss costs the target nothing; the paper detaches later.
    assert 0 <= hooks[0].detach_epoch < cfg.train_cfg.max_epochs


def test_ssd300_is_the_papers_protocol() -> None:
    """Yoo & Kweon, CVPR 2019, section 4.2."""
    cfg = Config.fromfile(CONFIGS / "detection/ssd300_voc0712.py")
    assert cfg.train_cfg.max_epochs == 300
    assert cfg.train_dataloader.batch_size == 32
    assert cfg.optim_wrapper.optimizer.lr == 1e-3
    assert [(s.milestones, s.gamma) for s in cfg.param_scheduler if "gamma" in s] == [([240], 0.1)]
    assert cfg.model.ranking_loss == dict(
        type="mmal.PairwiseRankingLoss", margin=1.0, loss_weight=1.0
    )
    assert cfg.model.loss_predictor.channels == 128
    settings = RoundSettings.from_config(cfg)
    assert (settings.rounds, settings.initial, settings.budget) == (10, 1000, 1000)
    assert settings.subset is None
    assert cfg.test_evaluator.eval_mode == "11points"
    years = [leaf.data_prefix.sub_data_root for leaf in DataConfig(cfg).pool.datasets]
    assert years == ["VOC2007/", "VOC2012/"]
    assert cfg.test_dataloader.dataset.ann_file == "VOC2007/ImageSets/Main/test.txt"


def test_ssd300_trains_and_scores_on_the_layout_of_voc0712(
    tmp_path: Path, write_voc: Callable[..., dict], monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    for year, split, names in (
        ("VOC2007/", "trainval", "ab"),
        ("VOC2012/", "trainval", "ef"),
        ("VOC2007/", "test", "yz"),
    ):
        images = {n: [("cat", 1 + int(rng.integers(8)), 1, 40, 38)] for n in names}
        write_voc(tmp_path / "data/VOCdevkit", images, sub_dir=year, split=split)
    monkeypatch.chdir(tmp_path)
    cfg = Config.fromfile(CONFIGS / "detection/ssd300_voc0712.py")
    cfg.work_dir = str(tmp_path / "work")
    backbone = cfg.model.target.backbone  # a shallower one, with the same features
    backbone.pop("init_cfg")
    backbone.update(depth=11, out_feature_indices=(14, 24))
    cfg.train_dataloader.update(batch_size=2, num_workers=0, persistent_workers=False)
    cfg.test_dataloader.update(num_workers=0, persistent_workers=False)
    cfg.val_dataloader = copy.deepcopy(cfg.test_dataloader)
    cfg.train_cfg.val_interval = 2
    _, picks = train_and_pick(cfg)
    assert set(picks) < {
        *(f"VOC2007/{n}" for n in "ab"),
        *(f"VOC2012/{n}" for n in "ef"),
    }


def test_hourglass_is_the_papers_protocol() -> None:
    """Yoo & Kweon, CVPR 2019, section 4.3."""
    cfg = Config.fromfile(CONFIGS / "pose/hourglass_mpii.py")
    assert cfg.train_cfg.max_epochs == 125
    assert cfg.train_dataloader.batch_size == 6
    assert (cfg.optim_wrapper.optimizer.type, cfg.optim_wrapper.optimizer.lr) == ("RMSprop", 2.5e-4)
    assert [(s.milestones, s.gamma) for s in cfg.param_scheduler] == [([100], 0.1)]
    assert cfg.model.ranking_loss.loss_weight == 1e-4
    assert cfg.custom_hooks[-1].detach_epoch == 75
    settings = RoundSettings.from_config(cfg)
    assert (settings.rounds, settings.initial, settings.budget) == (10, 1000, 1000)
    assert (settings.subset, settings.group_by) == (5000, "sample")
    assert not build_model(cfg).sample_losses.per_visible_joint


def test_hourglass_trains_evaluates_and_scores_on_the_layout_of_mpii(
    tmp_path: Path, write_mpii: Callable[..., dict], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "data/mpii"
    people = [(f"{i:09d}.jpg", (40, 40)) for i in range(4)]
    write_mpii(root, people, split="mpii_train")
    write_mpii(root, people[:1], split="mpii_val")
    (root / "annotations/mpii_val.mat").rename(root / "annotations/mpii_gt_val.mat")
    monkeypatch.chdir(tmp_path)
    cfg = Config.fromfile(CONFIGS / "pose/hourglass_mpii.py")
    cfg.work_dir = str(tmp_path / "work")
    narrow = dict(downsample_times=2, stage_channels=(256, 16, 16), stage_blocks=(1, 1, 1))
    cfg.model.target.backbone.update(narrow, feat_channel=32)
    cfg.model.target.head.in_channels, cfg.model.loss_predictor.in_channels = 32, [32, 32]
    for loader in (cfg.train_dataloader, cfg.test_dataloader, cfg.val_dataloader):
        loader.update(batch_size=2, num_workers=0, persistent_workers=False)
    cfg.train_cfg.val_interval = 1
    runner, picks = train_and_pick(cfg)
    assert 0 <= runner.message_hub.get_scalar("val/PCK").current() <= 100
    assert set(picks) < {f"images/{name}#0" for name, _ in people}
