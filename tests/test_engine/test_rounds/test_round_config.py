"""Tests of the configs of one round."""

import copy

import pytest
from mmdet.datasets import MultiImageMixDataset
from mmengine.config import Config
from mmengine.hub import get_config
from mmengine.registry import HOOKS
from mmengine.runner import EpochBasedTrainLoop

from mmal.engine import DataConfig
from mmal.engine.rounds import WorkDir
from mmal.engine.rounds.round_config import evaluation_config, training_config

LEAF = dict(type="VOCDataset", ann_file="train.txt", pipeline=[dict(type="LoadImageFromFile")])
CONCAT = dict(type="ConcatDataset", datasets=[LEAF, LEAF])
MIX = dict(type="MultiImageMixDataset", dataset=LEAF, pipeline=[dict(type="Mosaic")])
BALANCED = dict(type="mmdet.ClassBalancedDataset", oversample_thr=0.1, dataset=LEAF)


def make_config(dataset: dict = LEAF, **changes) -> Config:
    content = dict(
        model=dict(type="Anything"),
        train_cfg=dict(max_epochs=4, val_interval=1),
        train_dataloader=dict(batch_size=4, persistent_workers=True, dataset=dataset),
        optim_wrapper=dict(optimizer=dict(type="SGD", lr=0.1)),
        param_scheduler=[dict(type="LinearLR")],
        val_cfg=dict(),
        val_dataloader=dict(dataset=LEAF),
        val_evaluator=dict(type="VOCMetric"),
        test_cfg=dict(),
        test_dataloader=dict(dataset=LEAF),
        test_evaluator=dict(type="VOCMetric"),
        default_hooks=dict(checkpoint=dict(type="CheckpointHook", interval=1)),
        custom_hooks=[dict(type="mmal.ActiveLearningHook", detach_epoch=3)],
        visualizer=dict(type="DetLocalVisualizer", name="visualizer"),
        load_from=None,
        resume=False,
    )
    return Config({**content, **changes}, cfg_text="# the file", filename="user/some.py")


@pytest.fixture
def work_dir(tmp_path) -> WorkDir:
    return WorkDir(tmp_path / "run")


def save_checkpoint(work_dir: WorkDir, index: int) -> str:
    folder = work_dir.round_dir(index)
    folder.mkdir(parents=True)
    (folder / "epoch_2.pth").write_bytes(b"weights")
    (folder / "last_checkpoint").write_text("epoch_2.pth")
    return str(folder / "epoch_2.pth")


def nested(*wrappers: dict) -> dict:
    """Put wrappers around the last of them, outermost first."""
    *outer, dataset = wrappers
    for wrapper in reversed(outer):
        dataset = {**wrapper, "dataset": dataset}
    return dataset


NESTINGS = [
    ((), LEAF),
    ((), CONCAT),
    ((MIX,), LEAF),
    ((MIX, BALANCED), CONCAT),
    ((dict(MIX, type="mmdet.MultiImageMixDataset"),), nested(dict(type="RepeatDataset"), CONCAT)),
    ((dict(MIX, type=MultiImageMixDataset),), LEAF),  # as in configs in Python's own syntax
]


@pytest.mark.parametrize(("wrappers", "pool"), NESTINGS)
def test_pool_is_inside_the_wrappers_that_look_at_labels(wrappers, pool):
    assert DataConfig(make_config(nested(*wrappers, pool))).pool == pool


@pytest.mark.parametrize(("wrappers", "pool"), NESTINGS)
def test_training_sees_the_labelled_split_only(work_dir, wrappers, pool):
    cfg = training_config(make_config(nested(*wrappers, pool)), work_dir, 2)

    labeled = dict(type="mmal.PoolDataset", split="labeled", pool=str(work_dir.pool), dataset=pool)
    assert cfg.train_dataloader.dataset == nested(*wrappers, labeled)
    assert cfg.train_dataloader.batch_size == 4


@pytest.mark.parametrize("make", [training_config, evaluation_config])
def test_users_config_stays_as_it_is(work_dir, make):
    cfg = make_config(nested(MIX, LEAF))
    before = copy.deepcopy(cfg.to_dict())
    made = make(cfg, work_dir, 0)
    made.model.type = made.test_dataloader.dataset.type = "Other"

    assert cfg.to_dict() == before
    assert cfg.filename == "user/some.py"


def test_training_repeats_itself_and_is_not_validated(work_dir):
    cfg = training_config(make_config(), work_dir, 0)

    assert not cfg.train_dataloader.persistent_workers
    assert cfg.train_dataloader.worker_init_fn == dict(type="mmal.seed_worker_by_epoch")
    seeded = dict(type="mmal.SeededBatchSampler", batches=None, drop_last=False)
    assert cfg.train_dataloader.batch_sampler == seeded
    assert cfg.val_cfg is cfg.val_dataloader is cfg.val_evaluator is None
    expected = make_config()
    for key in ("model", "optim_wrapper", "param_scheduler", "test_dataloader"):
        assert cfg[key] == expected[key]


@pytest.mark.parametrize(
    ("loop", "exact"),
    [
        (dict(max_epochs=2), dict(type="mmal.RoundEpochLoop", max_epochs=2)),
        (dict(by_epoch=True, max_epochs=2), dict(type="mmal.RoundEpochLoop", max_epochs=2)),
        (
            dict(type=EpochBasedTrainLoop, max_epochs=2, val_interval=1),
            dict(type="mmal.RoundEpochLoop", max_epochs=2, val_interval=1),
        ),
        (dict(by_epoch=False, max_iters=9), dict(type="mmal.RoundIterLoop", max_iters=9)),
        (
            dict(type="IterBasedTrainLoop", max_iters=9, fast_forward_on_resume=True),
            dict(type="mmal.RoundIterLoop", max_iters=9),
        ),
        (dict(type="OwnLoop", max_epochs=2), dict(type="OwnLoop", max_epochs=2)),
    ],
)
def test_loops_are_those_that_go_on_exactly(work_dir, loop, exact):
    cfg = make_config()
    cfg.train_cfg = loop
    assert training_config(cfg, work_dir, 0).train_cfg == exact


@pytest.mark.parametrize("hooks", [None, [], [dict(type="mmal.ActiveLearningHook")]])
def test_hooks_are_added_behind_the_users(work_dir, hooks):
    found = training_config(make_config(custom_hooks=hooks), work_dir, 3).custom_hooks

    added = found[len(hooks or []) :]
    assert found[: len(hooks or [])] == (hooks or [])
    # Somebody looks after the loss, and once.
    looks = ["mmal.ActiveLearningHook"] if hooks else ["mmal.FiniteLossHook"]
    types = [hook["type"] for hook in found]
    ours = ["mmal.EpochSeedHook", "mmal.ProgressHook", "mmal.ExactResumeHook"]
    assert types == [*looks, *ours]
    assert "round 3" in found[-2]["description"]
    for hook in added:
        HOOKS.build(hook)


@pytest.mark.parametrize(("given", "kept"), [({}, 2), (dict(max_keep_ckpts=5), 5)])
def test_number_of_checkpoints(work_dir, given, kept):
    hooks = dict(checkpoint=dict(type="CheckpointHook", **given))
    cfg = training_config(make_config(default_hooks=hooks), work_dir, 0)

    assert cfg.default_hooks.checkpoint.max_keep_ckpts == kept


def test_config_without_default_hooks(work_dir):
    content = make_config().to_dict()
    del content["default_hooks"]  # mmengine's Runner has its own, a CheckpointHook among them
    cfg = training_config(Config(content), work_dir, 0)

    assert cfg.default_hooks.checkpoint.max_keep_ckpts == 2


@pytest.mark.parametrize("load_from", [None, "pretrained.pth"])
@pytest.mark.parametrize("resume", [False, True])
def test_interrupted_training_goes_on_at_its_last_checkpoint(work_dir, load_from, resume):
    cfg = make_config(load_from=load_from, resume=resume)
    begun = training_config(cfg, work_dir, 1)
    assert (begun.resume, begun.load_from) == (False, load_from)

    path = save_checkpoint(work_dir, 1)
    resumed = training_config(cfg, work_dir, 1)
    assert resumed.resume
    # mmengine's Runner resumes from load_from if it is set, else from the latest checkpoint.
    assert resumed.load_from in (None, path)
    assert not training_config(cfg, work_dir, 2).resume


def test_evaluation_has_no_training(work_dir):
    save_checkpoint(work_dir, 1)
    cfg = evaluation_config(make_config(load_from="pretrained.pth", resume=True), work_dir, 1)

    for part in ("train_cfg", "train_dataloader", "optim_wrapper", "param_scheduler"):
        assert cfg[part] is None
    assert cfg.val_cfg is cfg.val_dataloader is cfg.val_evaluator is None
    for part in ("model", "test_cfg", "test_dataloader", "test_evaluator"):
        assert cfg[part] == make_config()[part]
    assert cfg.load_from is None
    assert not cfg.resume


def test_rounds_and_stages_have_their_own_folders_and_names(work_dir):
    made = [
        make(make_config(), work_dir, index)
        for make in (training_config, evaluation_config)
        for index in (0, 1)
    ]

    assert [cfg.work_dir for cfg in made] == [str(work_dir.round_dir(i)) for i in (0, 1, 0, 1)]
    assert len({cfg.experiment_name for cfg in made}) == 4
    assert len({cfg.visualizer.name for cfg in made}) == 4
    assert len({(cfg.work_dir, cfg.filename) for cfg in made}) == 4
    assert training_config(make_config(visualizer=None), work_dir, 0).visualizer is None


@pytest.mark.parametrize("make", [training_config, evaluation_config])
def test_config_that_is_from_no_file(work_dir, make):
    cfg = Config(make_config().to_dict())

    assert make(cfg, work_dir, 0).model == cfg.model


@pytest.mark.parametrize("make", [training_config, evaluation_config])
@pytest.mark.parametrize(
    "path", ["pascal_voc/ssd300_voc0712.py", "yolox/yolox_s_8xb8-300e_coco.py"]
)
def test_configs_of_mmdet(work_dir, tmp_path, make, path):
    cfg = get_config(f"mmdet::{path}")
    made = make(cfg, work_dir, 0)

    assert made.model == cfg.model
    made.dump(tmp_path / "dumped.py")
    dumped = Config.fromfile(tmp_path / "dumped.py")
    assert dumped.to_dict() == made.to_dict()
