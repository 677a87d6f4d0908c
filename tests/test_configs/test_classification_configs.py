"""The published recipes of classification say what they claim, and the paper's runs."""

from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config

from mmal.engine import DataConfig
from mmal.engine.rounds import RoundSettings
from mmal.models import build_model
from mmal.structures import PoolScores
from tests.classifiers import needs_mmpretrain, tiny_cifar, write_folders
from tests.recipes import train_and_pick

pytestmark = needs_mmpretrain
CONFIGS = Path(__file__).parents[2] / "configs"


def test_resnet18_is_the_papers_protocol() -> None:
    """Yoo & Kweon, CVPR 2019, section 4.1."""
    cfg = Config.fromfile(CONFIGS / "classification/resnet18_cifar10.py")
    assert cfg.train_cfg.max_epochs == 200
    assert cfg.train_dataloader.batch_size == 128
    optimizer = cfg.optim_wrapper.optimizer
    assert (optimizer.type, optimizer.lr, optimizer.momentum) == ("SGD", 0.1, 0.9)
    assert optimizer.weight_decay == 5e-4
    assert (cfg.param_scheduler.milestones, cfg.param_scheduler.gamma) == ([160], 0.1)
    assert cfg.model.ranking_loss == dict(
        type="mmal.PairwiseRankingLoss", margin=1.0, loss_weight=1.0
    )
    assert cfg.custom_hooks[-1].detach_epoch == 120
    settings = RoundSettings.from_config(cfg)
    assert (settings.rounds, settings.initial, settings.budget) == (10, 1000, 1000)
    assert settings.subset == 10000
    names = [t.type for t in cfg.train_dataloader.dataset.pipeline]
    assert names == ["RandomCrop", "RandomFlip", "PackInputs"]
    assert cfg.train_dataloader.dataset.pipeline[0].padding == 2
    model = build_model(cfg)
    assert model.loss_predictor.in_channels == [64, 128, 256, 512]
    assert model.backbone.layer1[0].conv1.stride == (1, 1)  # images are not made smaller at first


def test_resnet18_trains_two_steps_evaluates_and_scores(tmp_path: Path) -> None:
    cfg = Config.fromfile(CONFIGS / "classification/resnet18_cifar10.py")
    cfg.work_dir = str(tmp_path / "work")
    data = tiny_cifar(tmp_path)
    for stage, split in (("train", "train"), ("val", "test"), ("test", "test")):
        loader = cfg[f"{stage}_dataloader"]
        loader.update(batch_size=8, num_workers=0, persistent_workers=False)
        loader.dataset = dict(data, split=split, pipeline=loader.dataset.pipeline)
    cfg.train_cfg.val_interval = 1
    runner, picks = train_and_pick(cfg)
    assert 0 <= runner.message_hub.get_scalar("val/accuracy/top1").current() <= 100
    scores = PoolScores.load(Path(cfg.work_dir, "scores.parquet"))
    assert scores.ids == [f"TinyCIFAR/train/{i:02d}" for i in range(16)]
    best = np.argsort(-scores.fields["pred_loss"], kind="stable")[:3]
    assert picks == [scores.ids[i] for i in best]


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("classification/resnet18_folder.py", "my_images"),
        ("comparison/resnet18-narrow_cifar10.py", "cifar10_folders"),
    ],
)
def test_recipes_read_a_folder_a_class(
    name: str, folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cfg = Config.fromfile(CONFIGS / name)
    classes = cfg.test_dataloader.dataset.metainfo.classes
    for split in ("train", "test"):
        write_folders(tmp_path / "data" / folder / split, dict.fromkeys(classes, 1))
    monkeypatch.chdir(tmp_path)
    data = DataConfig(cfg)
    assert len(data.unlabeled_split()) == len(classes)
    assert data.unlabeled_split()[0]["inputs"].shape[0] == 3
    assert cfg.model.target.head.num_classes == len(classes)
