"""Learning loss inside a plain mmengine training: no script of mmal's."""

import copy
import csv
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import DATASETS
from mmengine.runner import Runner

from mmal.datasets.audit import DatasetError
from mmal.engine import DataConfig
from mmal.engine.hooks import ActiveLearningHook
from mmal.models import build_model
from mmal.queries import CoreSet
from mmal.structures import PoolScores


@pytest.fixture
def pipeline(cfg: Config) -> Config:
    """Someone's training, and a folder of images without annotations."""
    images = Path(cfg.work_dir).parent / "unlabeled"
    images.mkdir()
    rng = np.random.default_rng(1)
    for i in range(21):
        cv2.imwrite(str(images / f"{i:02d}.jpg"), rng.integers(0, 256, (40, 48, 3), np.uint8))
    unlabeled = dict(type="mmal.ImageFolder", data_root=str(images))
    cfg.custom_hooks = [
        dict(type="mmal.ActiveLearningHook", detach_epoch=2, unlabeled=unlabeled, budget=3)
    ]
    return cfg


def test_training_leaves_the_picks(pipeline: Config) -> None:
    runner = Runner.from_cfg(pipeline)
    runner.train()
    work_dir = Path(pipeline.work_dir)
    scores = PoolScores.load(work_dir / "scores.parquet")
    assert len(scores) == 21

    # The scores are those of the trained model, image by image, in the test pipeline.
    model = runner.model.eval()
    folder = dict(pipeline.custom_hooks[0].unlabeled, pipeline=DataConfig(pipeline).test_pipeline)
    dataset = DATASETS.build({**folder, "test_mode": True})
    by_path = dict(zip(scores.img_paths, scores.fields["pred_loss"], strict=True))
    with torch.no_grad():
        for i in (0, 7, 20):
            data = model.data_preprocessor(pseudo_collate([dataset[i]]), False)
            expected = model.loss_predictor(model.extract_feat(data["inputs"])).item()
            path = dataset.get_data_info(i)["img_path"]
            assert by_path[path] == pytest.approx(expected, rel=1e-4)

    picks = (work_dir / "picks.txt").read_text().splitlines()
    best = np.argsort(-scores.fields["pred_loss"])[:3]
    assert picks == [scores.img_paths[i] for i in best]
    assert not (work_dir / "scoring").exists()


def test_a_few_unreadable_images_are_left_out(pipeline: Config) -> None:
    hook = pipeline.custom_hooks[0]
    bad = sorted(Path(hook.unlabeled.data_root).iterdir())[4]
    bad.write_bytes(b"torn")
    with pytest.raises(DatasetError, match="pool: 1 image cannot be decoded"):
        Runner.from_cfg(pipeline).train()  # one of 21 is more than the usual share
    hook.update(unreadable=0.05, budget=20)
    Runner.from_cfg(pipeline).train()
    picks = Path(pipeline.work_dir, "picks.txt").read_text().splitlines()
    assert len(picks) == 20
    assert str(bad) not in picks
    with open(Path(pipeline.work_dir, "skipped.csv"), newline="") as file:
        assert [row["path"] for row in csv.DictReader(file)] == [str(bad)]


def test_resuming_a_finished_training_picks_nothing_more(pipeline: Config) -> None:
    Runner.from_cfg(pipeline).train()
    pool = Path(pipeline.work_dir, "pool.json")
    before = pool.read_text()
    with pytest.raises(FileExistsError, match=r"pool.json holds the picks of an earlier training"):
        Runner.from_cfg(pipeline).train()
    pipeline.resume = True
    Runner.from_cfg(pipeline).train()
    assert pool.read_text() == before


def test_scores_with_the_weights_of_ema(pipeline: Config) -> None:
    pipeline.custom_hooks.append(dict(type="EMAHook", momentum=0.5))
    runner = Runner.from_cfg(pipeline)
    runner.train()
    raw = runner.model.loss_predictor.regressor.weight
    checkpoint = torch.load(Path(pipeline.work_dir, "epoch_3.pth"), weights_only=False)
    averaged = checkpoint["state_dict"]["loss_predictor.regressor.weight"]
    assert not torch.equal(raw, averaged)  # the live model is back at its own weights
    runner.model.load_state_dict(checkpoint["state_dict"])
    model = runner.model.eval()
    folder = dict(pipeline.custom_hooks[0].unlabeled, pipeline=DataConfig(pipeline).test_pipeline)
    dataset = DATASETS.build({**folder, "test_mode": True})
    scores = PoolScores.load(Path(pipeline.work_dir, "scores.parquet"))
    data = model.data_preprocessor(pseudo_collate([dataset[0], dataset[1]]), False)
    with torch.no_grad():
        expected = model.predict_loss(data["inputs"]).numpy()
    np.testing.assert_allclose(scores.fields["pred_loss"][:2], expected, rtol=1e-4)


@pytest.mark.parametrize(
    ("detach_epoch", "expected"), [(None, [False] * 3), (0, [True] * 3), (2, [False, False, True])]
)
def test_detaches_from_the_epoch_on(
    cfg: Config, detach_epoch: int | None, expected: list[bool]
) -> None:
    cfg.custom_hooks = [dict(type="mmal.ActiveLearningHook", detach_epoch=detach_epoch)]
    runner = Runner.from_cfg(cfg)
    seen = []
    after = runner.hooks[0].after_train_epoch
    runner.hooks[0].after_train_epoch = lambda r: (seen.append(r.model.detach_features), after(r))
    runner.train()
    assert seen == expected


def test_a_resumed_training_is_detached_where_it_was(cfg: Config) -> None:
    cfg.train_cfg.max_epochs = 2
    cfg.custom_hooks = [dict(type="mmal.ActiveLearningHook", detach_epoch=1)]
    Runner.from_cfg(cfg).train()
    cfg.train_cfg.max_epochs, cfg.resume = 3, True
    runner = Runner.from_cfg(cfg)
    assert not runner.model.detach_features
    runner.train()
    assert runner.model.detach_features


def test_picks_by_the_backbone_that_training_began_with(
    pipeline: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A resumed training has another checkpoint for load_from."""
    hook = pipeline.custom_hooks[0]
    hook.query = dict(type="mmal.CoreSet", features=dict(source="pretrained"))
    with pytest.raises(ValueError, match=r"names none for the ResNet: neither its init_cfg"):
        Runner.from_cfg(pipeline).train()
    assert not list(Path(pipeline.work_dir).glob("*.pth"))

    torch.manual_seed(7)
    backbone = build_model(pipeline).backbone
    monkeypatch.chdir(Path(pipeline.work_dir).parent)
    torch.save(backbone.state_dict(), "weights.pth")  # long paths take mmengine long to format
    pipeline.model.target.backbone.init_cfg = dict(type="Pretrained", checkpoint="weights.pth")
    seen, select = [], CoreSet.select
    monkeypatch.setattr(
        CoreSet, "select", lambda self, *args: seen.append(args[0]) or select(self, *args)
    )
    pipeline.train_dataloader.update(num_workers=0, persistent_workers=False)
    Runner.from_cfg(pipeline).train()
    Path(pipeline.work_dir, "pool.json").unlink()
    pipeline.update(resume=True, load_from=str(Path(pipeline.work_dir, "epoch_2.pth")))
    Runner.from_cfg(pipeline).train()

    images, resumed = seen
    assert len(images) == 21
    found, again = (scores.fields["pretrained_features"] for scores in (images, resumed))
    np.testing.assert_array_equal(found, again)
    model = build_model(pipeline)
    folder = dict(hook.unlabeled, pipeline=DataConfig(pipeline).test_pipeline)
    data = pseudo_collate([DATASETS.build({**folder, "test_mode": True})[5]])
    backbone.eval()
    with torch.no_grad():
        levels = backbone(model.data_preprocessor(data, False)["inputs"])
    expected = np.concatenate([level[0].mean(dim=(1, 2)).numpy() for level in levels])
    np.testing.assert_allclose(found[5], expected, rtol=1e-4, atol=1e-6)


def test_bad_input_is_refused_before_training(pipeline: Config) -> None:
    hook = pipeline.custom_hooks[0]
    with pytest.raises(ValueError, match="must be given together"):
        ActiveLearningHook(budget=3)
    hook.budget = 22
    with pytest.raises(ValueError, match=r"budget of ActiveLearningHook is 22, but .* has 21"):
        Runner.from_cfg(pipeline).train()
    hook.budget = 3
    pipeline.train_dataloader.batch_size = 1
    with pytest.raises(ValueError, match=r"batch_size must be at least 2"):
        Runner.from_cfg(pipeline).train()
    pipeline.train_dataloader.batch_size = 4
    pipeline.model.loss_predictor.in_channels = [8]
    with pytest.raises(ValueError, match=r"is \[8\], but .* features have \[8, 16\]"):
        Runner.from_cfg(pipeline).train()
    pipeline.model = pipeline.model.target
    with pytest.raises(TypeError, match=r"'mmal.LearningLoss'.*is a SingleStageDetector"):
        Runner.from_cfg(pipeline).train()
    assert not list(Path(pipeline.work_dir).glob("*.pth"))
    assert not Path(pipeline.work_dir, "pool.json").exists()


def test_iterations_have_no_epoch_to_detach_at(cfg: Config) -> None:
    cfg.train_cfg = dict(type="IterBasedTrainLoop", max_iters=2, val_interval=2)
    cfg.train_dataloader.sampler = dict(type="InfiniteSampler")
    with pytest.raises(ValueError, match="detach_epoch=2, but the training loop counts iterations"):
        Runner.from_cfg(cfg).train()


def test_says_how_far_a_loaded_training_was(cfg: Config) -> None:
    """Heads such as TOOD's ask, also where nothing is trained."""
    Runner.from_cfg(cfg).train()
    loaded = copy.deepcopy(cfg)
    loaded.work_dir += "_loaded"
    runner = Runner.from_cfg(loaded)
    assert runner.message_hub.get_info("epoch") is None
    runner.load_checkpoint(f"{cfg.work_dir}/epoch_3.pth")
    assert runner.message_hub.get_info("epoch") == 3
