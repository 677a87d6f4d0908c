"""Tests of auditing and drawing the data sets of a config."""

from pathlib import Path

import cv2
import pytest
from matplotlib.figure import Figure
from mmengine.config import Config

from mmal.apis import audit_config, plot_training_samples
from mmal.apis.check_dataset import audit_settings
from mmal.datasets.audit import ImageCache

HOOK = dict(type="mmal.ActiveLearningHook", detach_epoch=2)


def pool(cfg: Config, **kwargs) -> list[dict]:
    """The hook of a config, with a pool of all images."""
    images = Path(cfg.train_dataloader.dataset.data_root, "JPEGImages")
    unlabeled = dict(type="mmal.ImageFolder", data_root=str(images))
    return [{**HOOK, "unlabeled": unlabeled, "budget": 2, **kwargs}]


def test_sets_of_a_config(cfg):
    report = audit_config(cfg)
    assert not report.groups
    assert [(c.name, c.images, c.objects) for c in report.sets] == [
        ("train", 16, 32),
        ("test", 5, 10),  # and no val, which is the same
    ]


def test_validation_set_of_its_own_and_pool(cfg):
    cfg.val_dataloader.dataset.ann_file = "ImageSets/Main/train.txt"
    cfg.custom_hooks = pool(cfg)
    report = audit_config(cfg)
    assert sorted(c.name for c in report.sets) == ["pool", "test", "train", "val"]
    assert {"also-in-test", "also-labelled"} <= {g.kind.name for g in report.groups}


def test_fewer_images(cfg, tmp_path):
    (tmp_path / "JPEGImages" / "train_07.jpg").write_bytes(b"")
    cfg.active_learning.audit = dict(max_images=16)
    assert audit_config(cfg).count("train", "image-unreadable") == 1
    report = audit_config(cfg, max_images=2)
    assert [(g.kind.name, g.count) for g in report.groups] == [
        ("not-decoded", 14),
        ("not-decoded", 3),
    ]


def test_cache_remembers(cfg, tmp_path):
    cache = ImageCache(tmp_path / "images.sqlite")
    audit_config(cfg, cache=cache)
    paths = [str(path) for path in (tmp_path / "JPEGImages").iterdir()]
    assert len(cache.lookup(paths)) == 21


def test_settings_of_rounds_and_hook_are_joined(cfg):
    cfg.active_learning.update(ignore_classes=("bird",), audit=dict(accept=("orphan",)))
    cfg.custom_hooks = [{**HOOK, "audit": dict(max_images=3)}]
    settings = audit_settings(cfg)
    assert (settings.ignore_classes, settings.accept) == (("bird",), ("orphan",))
    assert settings.max_images == 3


def test_settings_of_the_hook(cfg):
    cfg.pop("active_learning")
    assert audit_settings(cfg).ignore_classes == ()
    cfg.custom_hooks = [{**HOOK, "audit": dict(max_images=3, ignore_classes=("bird",))}]
    settings = audit_settings(cfg)
    assert (settings.ignore_classes, settings.max_images) == (("bird",), 3)


def test_setting_that_there_is_not(cfg):
    cfg.active_learning.audit = dict(images=3)
    with pytest.raises(ValueError, match=r"active_learning\.audit has .*'images'"):
        audit_config(cfg)
    cfg.pop("active_learning")
    cfg.custom_hooks = [{**HOOK, "audit": dict(images=3)}]
    with pytest.raises(ValueError, match=r"audit of the ActiveLearningHook has .*'images'"):
        audit_config(cfg)


def test_config_without_training_set(cfg, tmp_path):
    cfg.pop("train_dataloader")
    for function in (audit_config, lambda cfg: plot_training_samples(cfg, tmp_path / "s.png")):
        with pytest.raises(ValueError, match=r"no train_dataloader\.dataset"):
            function(cfg)


@pytest.fixture
def titles(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Titles of the tiles of each sheet."""
    found: list[list[str]] = []
    monkeypatch.setattr(
        Figure,
        "savefig",
        lambda self, path: (found.append([a.get_title() for a in self.axes]), path.touch()),
    )
    return found


def test_training_samples_come_from_the_training_pipeline(cfg, tmp_path, titles):
    cfg.train_dataloader.dataset = dict(
        type="RepeatDataset", times=3, dataset=cfg.train_dataloader.dataset
    )
    cfg.train_dataloader.dataset.dataset.pipeline[2].scale = (96, 80)
    assert plot_training_samples(cfg, tmp_path / "sheet.png", 3) == []
    assert titles == [[f"train_{i}.jpg (96 x 80)" for i in ("00", "08", "15")]]


def test_training_samples_of_people(pose_config_file, tmp_path):
    """Without ``pack_transformed`` in the config, as everywhere; the config stays as it is."""
    cfg = Config.fromfile(pose_config_file)
    before = cfg.pretty_text
    leaf = cfg.train_dataloader.dataset
    assert plot_training_samples(cfg, tmp_path / "sheet.png", 2) == []
    assert cv2.imread(str(tmp_path / "sheet.png")).std() > 10
    cfg.train_dataloader.dataset = dict(type="ConcatDataset", datasets=[leaf, leaf])
    assert plot_training_samples(cfg, tmp_path / "sheet.png", 2) == []
    cfg.train_dataloader.dataset = leaf
    assert cfg.pretty_text == before


def test_training_set_that_cannot_be_built(cfg, tmp_path):
    cfg.train_dataloader.dataset.ann_file = "no.txt"
    with pytest.raises(ValueError, match=r"cannot be built: FileNotFoundError.*no\.txt"):
        plot_training_samples(cfg, tmp_path / "sheet.png")
    assert not (tmp_path / "sheet.png").exists()


def test_a_shaped_pool_is_audited_as_its_data_set_and_drawn_as_it_is(cfg, tmp_path, titles):
    plain = audit_config(cfg)
    data = cfg.train_dataloader.dataset.to_dict()
    cfg.train_dataloader.dataset = dict(type="mmal.Redundant", copies=2, size=3, dataset=data)
    report = audit_config(cfg)
    assert not report.groups
    assert report.sets == plain.sets
    assert plot_training_samples(cfg, tmp_path / "sheet.png") == []
    assert len(titles[0]) == 3
    assert len(set(titles[0])) == 1  # an image and its two copies, which are of one file
