"""Rounds on features that were computed once."""

import copy
import gc
import sqlite3
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import DATASETS, init_default_scope
from mmengine.runner import save_checkpoint

from mmal.datasets import CachedViews, FeatureStore, PoolDataset
from mmal.engine import DataConfig
from mmal.engine.cached_features import (
    CachedFeatures,
    CachedFeaturesError,
    fill,
    with_cached_features,
)
from mmal.engine.data_config import target_config
from mmal.engine.rounds import run_rounds
from mmal.models import build_model
from mmal.structures import PoolError, PoolScores
from mmal.utils import preserved_random_state
from tests.classifiers import needs_mmpretrain, rounds_config
from tests.processes import run_in_processes


@pytest.fixture
def frozen(cfg: Config, tmp_path: Path) -> Config:
    """The tiny detector, its backbone with weights of its own, and a pipeline without chance."""
    _give_weights(cfg, tmp_path)
    cfg.model.target.backbone.update(frozen_stages=3, norm_eval=True)
    train = cfg.train_dataloader.dataset
    train.pipeline = [t for t in train.pipeline if t.type not in ("RandomFlip",)]
    train.pipeline = [t for t in train.pipeline if t.type != "PhotoMetricDistortion"]
    cfg.train_dataloader.update(num_workers=0, persistent_workers=False)
    cfg.active_learning.rounds = 2
    # Heads are initialised after backbones, if there are any: by other random numbers.
    model = build_model(cfg)
    model.init_weights()
    save_checkpoint(dict(state_dict=model.state_dict()), str(tmp_path / "begin.pth"))
    cfg.load_from = str(tmp_path / "begin.pth")
    return cfg


def _give_weights(cfg: Config, tmp_path: Path) -> None:
    """Save the weights of a backbone as built, with statistics of batch norm that do something."""
    init_default_scope(cfg.default_scope)
    with preserved_random_state():
        torch.manual_seed(5)
        backbone = build_model(cfg).backbone
        for name, value in backbone.state_dict().items():
            if name.endswith("running_mean"):
                value.normal_(std=0.1)
    path = tmp_path / "backbone.pth"
    save_checkpoint(dict(state_dict=backbone.state_dict()), str(path))
    cfg.model.target.backbone.init_cfg = dict(type="Pretrained", checkpoint=str(path))


def _all_labeled(cfg: Config) -> PoolDataset:
    return PoolDataset(cfg.train_dataloader.dataset, DataConfig(cfg).labeled_pool())


def _stores(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.sqlite"))


def _run(
    cfg: Config, work_dir: Path, scores: bool = True, **settings
) -> tuple[list[dict], PoolScores | None]:
    cfg = copy.deepcopy(cfg)
    cfg.work_dir = str(work_dir)
    if settings:
        cfg.active_learning.cached_features = settings
    records = run_rounds(cfg)
    path = work_dir / "round_00" / "scores.parquet"
    return records, PoolScores.load(path) if scores else None


def test_rounds_are_those_of_the_frozen_backbone(frozen: Config, tmp_path: Path) -> None:
    """The plain package trains the same model slowly: no random views, the same batches."""
    plain, plain_scores = _run(frozen, tmp_path / "plain")
    cached, scores = _run(frozen, tmp_path / "cached", views=1, folder=str(tmp_path / "store"))
    assert scores.ids == plain_scores.ids
    loss, expected = scores.fields["pred_loss"], plain_scores.fields["pred_loss"]
    assert np.ptp(expected) > 1e-3
    # Features are kept in half precision.
    np.testing.assert_allclose(loss, expected, atol=0.02 * np.ptp(expected))
    for one, other in zip(cached, plain, strict=True):
        assert one["metrics"] == pytest.approx(other["metrics"], abs=0.02)
        assert one["annotations"] == other["annotations"]
    (path,) = _stores(tmp_path / "store")
    # Of 16 images of the pool and 5 for testing each is there once, whatever pipeline loads it.
    assert sqlite3.connect(path).execute("SELECT COUNT(*) FROM features").fetchone() == (21,)


def test_views_are_those_of_the_training_pipeline(cfg: Config, tmp_path: Path) -> None:
    """Each is the features of one of the two images that the pipeline can make."""
    _give_weights(cfg, tmp_path)
    cfg.train_dataloader.dataset.pipeline = [
        t for t in cfg.train_dataloader.dataset.pipeline if t.type != "PhotoMetricDistortion"
    ]
    cached = with_cached_features(cfg, CachedFeatures(views=6, folder=str(tmp_path / "store")))
    model = build_model(cfg)
    model.init_weights()
    model.eval()
    images = DATASETS.build(cfg.train_dataloader.dataset)
    views = _all_labeled(cached)
    begins = build_model(cached).backbone
    seen = set()
    for index in range(4):
        # An image as it is, and mirrored: nothing else can come of this pipeline.
        image = images.pipeline.transforms[0](images.get_data_info(index))["img"]
        image = cv2.resize(image, (48, 40), interpolation=cv2.INTER_LINEAR)
        expected = []
        for pixels in (image, image[:, ::-1]):
            inputs = torch.from_numpy(pixels.transpose(2, 0, 1).copy())
            data = model.data_preprocessor(dict(inputs=[inputs], data_samples=None), False)
            with torch.no_grad():
                expected.append(model.backbone(data["inputs"]))
        for _ in range(12):
            data = views[index]
            found = begins(data["inputs"][None])
            flip = data["data_samples"].flip
            seen.add((index, flip))
            for level, other in zip(found, expected[flip], strict=True):
                torch.testing.assert_close(level, other, atol=1e-3, rtol=1e-3)
    assert {flip for _, flip in seen} == {True, False}


def test_rounds_of_people(pose_config_file: Path, tmp_path: Path) -> None:
    cfg = Config.fromfile(pose_config_file)
    _give_weights(cfg, tmp_path)
    cfg.model.target.test_cfg.flip_test = False
    cfg.active_learning.rounds = 2
    records, scores = _run(cfg, tmp_path / "cached", views=2, folder=str(tmp_path / "store"))
    assert len(records) == 2
    assert np.isfinite(scores.fields["pred_loss"]).all()


@needs_mmpretrain
def test_rounds_of_averages(tmp_path: Path) -> None:
    cfg = rounds_config(tmp_path)
    _give_weights(cfg, tmp_path)
    cfg.model.update(feat_modules=None)
    cfg.model.target.backbone.out_indices = (0, 3)
    cfg.active_learning.rounds = 2
    folder = tmp_path / "store"
    _, scores = _run(cfg, tmp_path / "cached", views=2, average=True, folder=str(folder))
    assert np.ptp(scores.fields["pred_loss"]) > 0
    (path,) = _stores(folder)
    store = FeatureStore(path)
    known = store.keys()
    assert {store.shapes(key) for key in known} == {((4, 1, 1), (32, 1, 1))}


def test_what_is_there_is_not_computed_again(
    frozen: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = CachedFeatures(views=2, folder=str(tmp_path / "store"))
    with_cached_features(frozen, settings)
    added = []
    add = FeatureStore.add
    monkeypatch.setattr(
        FeatureStore, "add", lambda self, views, f: (added.extend(views), add(self, views, f))
    )
    with_cached_features(frozen, settings)
    assert added == []
    # Another image is another sample: of the 2 views, the candidate.
    path = next((tmp_path / "JPEGImages").glob("train_03*"))
    cv2.imwrite(str(path), np.zeros((40, 48, 3), np.uint8))
    with_cached_features(frozen, settings)
    assert len(added) == 3
    # Other weights are another backbone.
    frozen.load_from = str(tmp_path / "other.pth")
    save_checkpoint(dict(state_dict=build_model(frozen).state_dict()), frozen.load_from)
    with_cached_features(frozen, settings)
    assert len(_stores(tmp_path / "store")) == 2


def test_an_interrupted_computation_goes_on(
    frozen: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = CachedFeatures(views=1, folder=str(tmp_path / "store"))
    monkeypatch.setattr("mmal.engine.cached_features.fill._VIEWS", 4)
    add, calls = FeatureStore.add, []

    def full_disk(self: FeatureStore, views: list, features: dict) -> None:
        calls.append(len(views))
        if len(calls) == 3:
            raise sqlite3.OperationalError("database or disk is full")
        add(self, views, features)

    monkeypatch.setattr(FeatureStore, "add", full_disk)
    with pytest.raises(CachedFeaturesError, match=r"database or disk is full.*Make room"):
        with_cached_features(frozen, settings)
    (path,) = _stores(tmp_path / "store")
    assert len(FeatureStore(path).keys()) == 8
    cached = with_cached_features(frozen, settings)
    assert sum(calls[3:]) == (16 - 8) + 16 + 5 + 5
    batch = pseudo_collate([DataConfig(cached).unlabeled_split()[i] for i in range(2)])
    assert [len(vector) for vector in batch["inputs"]] == [len(batch["inputs"][0])] * 2


def test_rejected_samples_are_remembered(frozen: Config, tmp_path: Path) -> None:
    """As a cropping pipeline rejects images whose boxes are all cut away."""
    pipeline = frozen.train_dataloader.dataset.pipeline
    pipeline.insert(-1, dict(type="FilterAnnotations", min_gt_bbox_wh=(99, 99), keep_empty=True))
    cached = with_cached_features(frozen, CachedFeatures(views=1, folder=str(tmp_path / "store")))
    (dataset,) = _all_labeled(cached).leaves
    assert dataset.prepare_data(0) is None
    (path,) = _stores(tmp_path / "store")
    before = len(FeatureStore(path).keys())
    with_cached_features(frozen, CachedFeatures(views=1, folder=str(tmp_path / "store")))
    assert len(FeatureStore(path).keys()) == before


def test_images_of_several_sizes_are_refused(frozen: Config, tmp_path: Path) -> None:
    for loader in (frozen.train_dataloader, frozen.test_dataloader):
        loader.dataset.pipeline = [t for t in loader.dataset.pipeline if t.type != "Resize"]
    path = next((tmp_path / "JPEGImages").glob("train_03*"))
    cv2.imwrite(str(path), np.zeros((80, 96, 3), np.uint8))
    settings = CachedFeatures(views=1, folder=str(tmp_path / "store"))
    refused = r"train_03.* gives features of the shapes .*keep_ratio"
    with pytest.raises(CachedFeaturesError, match=refused):
        with_cached_features(frozen, settings)
    # The mend that the message names is one.
    for loader in (frozen.train_dataloader, frozen.test_dataloader):
        loader.dataset.pipeline.insert(1, dict(type="Resize", scale=(48, 40), keep_ratio=False))
    shapes = with_cached_features(frozen, settings).model.target.backbone.shapes
    assert shapes == ((8, 5, 6), (16, 3, 3))


def test_configs_of_other_sizes_share_a_file(frozen: Config, tmp_path: Path) -> None:
    settings = CachedFeatures(views=1, folder=str(tmp_path / "store"))
    with_cached_features(frozen, settings)
    for loader in (frozen.train_dataloader, frozen.test_dataloader):
        for transform in loader.dataset.pipeline:
            if transform.type == "Resize":
                transform.scale = (96, 80)
    cached = with_cached_features(frozen, settings)
    assert len(_stores(tmp_path / "store")) == 1
    assert cached.model.target.backbone.shapes == ((8, 10, 12), (16, 5, 6))
    # All is there now, and its shapes are found again.
    assert with_cached_features(frozen, settings).model == cached.model


@pytest.mark.parametrize("owner", ["target", "model", "config"])
def test_other_preprocessing_is_another_file(frozen: Config, tmp_path: Path, owner: str) -> None:
    settings = CachedFeatures(views=1, folder=str(tmp_path / "store"))
    holder = dict(target=frozen.model.target, model=frozen.model, config=frozen)[owner]
    preprocessor = frozen.model.target.pop("data_preprocessor")
    frozen.pop("data_preprocessor", None)
    holder["data_preprocessor"] = preprocessor
    first = with_cached_features(frozen, settings)
    frozen.custom_hooks = []  # says nothing of features
    with_cached_features(frozen, settings)
    assert len(_stores(tmp_path / "store")) == 1
    holder["data_preprocessor"].update(mean=[0, 0, 0], std=[1, 1, 1])
    second = with_cached_features(frozen, settings)
    assert len(_stores(tmp_path / "store")) == 2
    vectors = [_all_labeled(cfg)[0]["inputs"] for cfg in (first, second)]
    assert not torch.equal(*vectors)


def test_workers_hand_over_what_one_process_makes(frozen: Config, tmp_path: Path) -> None:
    vectors = []
    for workers in (0, 2):
        frozen.test_dataloader.num_workers = workers
        settings = CachedFeatures(views=2, folder=str(tmp_path / f"store_{workers}"))
        dataset = _all_labeled(with_cached_features(frozen, settings))
        vectors.append(torch.stack([dataset[i]["inputs"] for i in range(len(dataset))]))
    assert torch.equal(*vectors)


def test_values_that_half_precision_does_not_hold_are_refused(
    frozen: Config, tmp_path: Path
) -> None:
    frozen.model.target.data_preprocessor.std = [1e-6] * 3
    settings = CachedFeatures(views=1, folder=str(tmp_path / "store"))
    with pytest.raises(CachedFeaturesError, match=r"train_.*too large for half precision"):
        with_cached_features(frozen, settings)


def test_a_run_goes_on_as_it_began(frozen: Config, tmp_path: Path) -> None:
    store = tmp_path / "store"
    _run(frozen, tmp_path / "run", views=1, folder=str(store))
    for path in store.iterdir():
        path.unlink()
    frozen.work_dir = str(tmp_path / "run")
    frozen.active_learning.cached_features = dict(views=1, folder=str(store))
    assert len(run_rounds(frozen, resume=True)) == 2
    assert not list(store.iterdir())  # nothing was left to do
    frozen.active_learning.rounds = 3
    for changed in (None, dict(views=2, folder=str(store))):
        frozen.active_learning.cached_features = changed
        with pytest.raises(PoolError, match=r"round 0 was trained with .*cached_features=\{'views"):
            run_rounds(frozen, resume=True)


def no_weights(cfg: Config) -> None:
    cfg.model.target.backbone.init_cfg = cfg.load_from = None


def modules_inside(cfg: Config) -> None:
    cfg.model.feat_modules = ["backbone.layer1"]


def mixes(cfg: Config) -> None:
    dataset = cfg.train_dataloader.dataset
    cfg.train_dataloader.dataset = dict(
        type="MultiImageMixDataset", dataset=dataset, pipeline=[dict(type="Mosaic")]
    )


def mixes_batches(cfg: Config) -> None:
    cfg.model.target.data_preprocessor.batch_augments = [dict(type="BatchSyncRandomResize")]


def mixes_inside(cfg: Config) -> None:
    choice = dict(type="RandomChoice", transforms=[[dict(type="CachedMosaic")]])
    cfg.train_dataloader.dataset.pipeline.insert(2, choice)


def flips(cfg: Config) -> None:
    cfg.model.target.test_cfg.flip_test = True


def switches(cfg: Config) -> None:
    cfg.custom_hooks.append(dict(type="PipelineSwitchHook", switch_epoch=1, switch_pipeline=[]))


def averages(cfg: Config) -> None:
    cfg.active_learning.cached_features = dict(average=True)


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (no_weights, "no pretrained weights"),
        (modules_inside, r"feat_modules names \['backbone.layer1'\]"),
        (mixes, "MultiImageMixDataset mixes images"),
        (mixes_batches, "batches of images are changed"),
        (mixes_inside, r"mixes images \(CachedMosaic\)"),
        (flips, "flip_test=False"),
        (switches, "PipelineSwitchHook changes the pipeline"),
        (averages, "where boxes are predicted, heads need more than averages"),
    ],
)
def test_what_cannot_be_is_told_before_anything_is_written(
    frozen: Config, tmp_path: Path, break_it, message: str
) -> None:
    frozen.active_learning.cached_features = dict()
    break_it(frozen)
    frozen.active_learning.cached_features.folder = str(tmp_path / "store")
    with pytest.raises(ValueError, match=message):
        run_rounds(frozen)
    assert not Path(frozen.work_dir).exists()
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (dict(views=0), "views must be a positive integer. Got 0"),
        (dict(average=1), "average must be True or False. Got 1"),
        (dict(folder=3), "folder must be the path of a folder. Got 3"),
        (dict(view=1), r"keys of \['views', 'average', 'folder'\]"),
        (True, "must be None or a dict"),
    ],
)
def test_settings_that_cannot_be(given: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CachedFeatures.of(given)


def test_weights_of_a_part_of_the_backbone_are_refused(frozen: Config, tmp_path: Path) -> None:
    """It would be drawn at random, and stay so."""
    frozen.load_from = None
    init = frozen.model.target.backbone.init_cfg
    weights = torch.load(init.checkpoint)["state_dict"]
    part = {key: value for key, value in weights.items() if not key.startswith("layer3.1")}
    save_checkpoint(dict(state_dict=part), str(tmp_path / "part.pth"))
    init.checkpoint = str(tmp_path / "part.pth")
    frozen.active_learning.cached_features = dict(folder=str(tmp_path / "store"))
    with pytest.raises(ValueError, match=r"leave out 10 of \d+ parameters .* \('layer3\.1\."):
        run_rounds(frozen)
    assert not (tmp_path / "store").exists()


def test_a_run_goes_on_with_the_weights_that_it_began_with(frozen: Config, tmp_path: Path) -> None:
    store = dict(views=1, folder=str(tmp_path / "store"))
    frozen.active_learning.rounds = 1
    _run(frozen, tmp_path / "run", **store, scores=False)
    other = {k: v + 0.01 for k, v in torch.load(frozen.load_from)["state_dict"].items()}
    save_checkpoint(dict(state_dict=other), frozen.load_from)  # the file is another one now
    frozen.work_dir = str(tmp_path / "run")
    frozen.active_learning.update(rounds=2, cached_features=store)
    with pytest.raises(CachedFeaturesError, match="trained on features of another backbone"):
        run_rounds(frozen, resume=True)


@pytest.mark.parametrize("damage", [b"no database at all", b""])
def test_a_damaged_file_says_what_to_do(frozen: Config, tmp_path: Path, damage: bytes) -> None:
    settings = CachedFeatures(views=1, folder=str(tmp_path / "store"))
    with_cached_features(frozen, settings)
    (path,) = _stores(tmp_path / "store")
    gc.collect()  # closes the file, and what SQLite keeps beside it is gone
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(damage * 300 or content[:100_000])
    with pytest.raises(CachedFeaturesError, match=r"is damaged: .*Delete it and run again"):
        with_cached_features(frozen, settings)


def test_a_folder_that_cannot_be_made(frozen: Config, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    settings = CachedFeatures(folder=str(tmp_path / "file" / "store"))
    with pytest.raises(CachedFeaturesError, match="cannot be made or written"):
        with_cached_features(frozen, settings)


def test_what_was_computed_before_an_interruption_stays(
    frozen: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = CachedFeatures(views=1, folder=str(tmp_path / "store"))
    monkeypatch.setattr("mmal.engine.cached_features.fill._SAMPLES", 4)
    make, calls = CachedViews.make, []

    def interrupted(self: CachedViews, *args: object) -> dict | None:
        calls.append(args)
        if len(calls) == 11:
            raise KeyboardInterrupt
        return make(self, *args)

    monkeypatch.setattr(CachedViews, "make", interrupted)
    with pytest.raises(KeyboardInterrupt):
        with_cached_features(frozen, settings)
    (path,) = _stores(tmp_path / "store")
    assert len(FeatureStore(path).keys()) == 8


def _computed_by(rank: int, cfg: Config, folder: str) -> tuple[list, bool]:
    """Return the shapes that a process found, and whether it computed the features."""
    init_default_scope(cfg.default_scope)
    said = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fill, "print_log", lambda line, *_, **__: said.append(line))
        cached = with_cached_features(cfg, CachedFeatures(views=1, folder=folder))
    return target_config(cached).backbone.shapes, any("were computed" in line for line in said)


def test_of_several_processes_the_main_one_computes(frozen: Config, tmp_path: Path) -> None:
    """What it says of its progress is seen: the others' logs are silent."""
    (shapes, main), (others_shapes, other) = run_in_processes(
        _computed_by, 2, frozen, str(tmp_path / "store")
    )
    assert shapes == others_shapes
    assert (main, other) == (True, False)
