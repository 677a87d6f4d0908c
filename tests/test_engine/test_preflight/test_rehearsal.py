"""What is refused before the first training, and all of it at once."""

import copy
import json
import os
import re
import shutil
from pathlib import Path

import pytest
import torch
from mmdet.models.dense_heads import SSDHead
from mmengine.config import Config
from mmengine.registry import TRANSFORMS
from mmengine.runner import Runner

from mmal.datasets.audit import DatasetError
from mmal.engine.acquisition import draw_initial
from mmal.engine.preflight import PreflightError, Problems, check_steps, rehearse_hooks
from mmal.engine.rounds import prepare_rounds, run_rounds
from tests.processes import run_in_processes


def refusal(cfg: Config, kind: type = ValueError) -> str:
    """The message that rounds are refused with; nothing is written then."""
    before = sorted(Path(cfg.work_dir).rglob("*"))
    with pytest.raises(kind) as caught:
        prepare_rounds(cfg)
    assert sorted(Path(cfg.work_dir).rglob("*")) == before
    return str(caught.value)


def root_of(cfg: Config) -> Path:
    return Path(cfg.train_dataloader.dataset.data_root)


def without_objects(cfg: Config, names: set[str]) -> None:
    for name in names:
        path = root_of(cfg) / "Annotations" / f"{name}.xml"
        text = path.read_text()
        path.write_text(text[: text.index("<object>")] + "</annotation>")


def test_good_settings_pass_and_nothing_is_written(cfg: Config) -> None:
    prepare_rounds(cfg)
    assert not Path(cfg.work_dir).exists()


def test_training_without_a_step(cfg: Config) -> None:
    """Six images, two of them left out, give no batch of five if the last is dropped."""
    cfg.train_dataloader.update(batch_size=5, drop_last=True)
    prepare_rounds(cfg)
    drawn = prepare_rounds(cfg)._pool
    without_objects(cfg, set(draw_initial(drawn, 6)[:2]))
    prepare_rounds(cfg)
    cfg.train_dataloader.dataset.filter_cfg = dict(filter_empty_gt=True)
    message = refusal(cfg)
    assert "train_dataloader gives no batch: 4 samples" in message
    assert "batch size 5" in message


def _prepare_in_a_group(rank: int, path: str) -> str:
    os.environ["LOCAL_RANK"] = str(rank)
    cfg = Config.fromfile(path)
    cfg.launcher = "pytorch"
    cfg.model_wrapper_cfg = dict(type="MMDistributedDataParallel", device_ids=None)
    cfg.train_dataloader.update(batch_size=4, drop_last=True)
    try:
        prepare_rounds(cfg)
    except ValueError as error:
        return str(error)
    return "passed"


def test_training_without_a_step_in_one_of_two_processes(config_file: Path) -> None:
    """Of six images each process sees three."""
    first, second = run_in_processes(_prepare_in_a_group, 2, str(config_file))
    assert first == second
    assert "6 samples, of which this process sees 3, do not fill one of batch size 4" in first


def test_repeated_images_fill_a_batch(cfg: Config) -> None:
    cfg.train_dataloader.update(batch_size=8, drop_last=True)
    assert "gives no batch: 6 samples" in refusal(cfg)
    dataset = cfg.train_dataloader.dataset.to_dict()
    cfg.train_dataloader.dataset = dict(type="RepeatDataset", times=2, dataset=dataset)
    prepare_rounds(cfg)


def test_an_untrained_checkpoint_is_no_round(cfg: Config, monkeypatch) -> None:
    """Whatever the reason: a training that made no step is not evaluated."""
    monkeypatch.setattr("mmengine.runner.EpochBasedTrainLoop.run_iter", lambda *args: None)
    with pytest.raises(ValueError, match=r"round 0 ended without a step: .*epoch_3\.pth"):
        run_rounds(cfg)
    assert not Path(cfg.work_dir, "curve.csv").exists()


def test_the_end_of_a_training_is_evaluated(cfg: Config) -> None:
    """An interval of two epochs of three, and the last is not to be saved."""
    cfg.default_hooks.checkpoint.update(interval=2, save_last=False)
    cfg.active_learning.rounds = 1
    run_rounds(cfg)
    pointer = Path(cfg.work_dir, "round_00", "last_checkpoint").read_text()
    assert Path(pointer).name == "epoch_3.pth"


@pytest.mark.parametrize("split", ["train", "test"])
def test_annotation_that_a_loader_would_stumble_over(cfg: Config, split: str) -> None:
    path = root_of(cfg) / "Annotations" / f"{split}_03.xml"
    path.write_text(path.read_text().replace("<difficult>0", "<difficult>Unspecified", 1))
    message = refusal(cfg, DatasetError)
    assert f"{path}, object 1, difficult: is 'Unspecified'" in message


def test_empty_test_list(cfg: Config) -> None:
    (root_of(cfg) / "ImageSets/Main/test.txt").write_text("")
    assert "test.txt: the list is empty" in refusal(cfg, DatasetError)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"default_hooks.checkpoint.out_dir": "elsewhere"}, "checkpoint.out_dir is 'elsewhere'"),
        ({"custom_hooks.0.detach_epoch": 24}, "detach_epoch=24, but train_cfg.max_epochs is 3"),
        ({"custom_hooks.0.detach_epoch": 3}, "detach_epoch=3, but train_cfg.max_epochs is 3"),
        ({"train_cfg.max_epochs": 2}, "detach_epoch=2, but train_cfg.max_epochs is 2"),
        ({"randomness.seed": 5_000_000_000}, "seed (--seed) must be an integer from 0 to"),
        ({"randomness.seed": -1}, "Got -1 instead"),
        ({"active_learning.metric": "AP"}, "no metric called 'AP'"),
        (
            {"optim_wrapper.type": "AmpOptimWrapper"},
            "AmpOptimWrapper (--amp), which is only available",
        ),
        ({"optim_wrapper.optimizer.type": "SDG"}, "SDG"),
        ({"model.target.bbox_head.num_classes": 3}, "num_classes"),
        ({"load_from": "no/such.pth"}, "load_from: the weights 'no/such.pth' cannot be had"),
        ({"test_dataloader.batch_size": "two"}, "two"),
        ({"train_dataloader.num_workers": -1}, "train_dataloader.num_workers must be 0 or more"),
        ({"default_hooks.timer.type": "Timer"}, "Timer"),
        ({"active_learning.audit": dict(accept=["box"])}, "accept has 'box'"),
    ],
)
def test_setting_that_cannot_work(cfg: Config, change: dict, message: str) -> None:
    cfg.merge_from_dict(change)
    found = refusal(cfg)
    assert message in found
    assert "Traceback" not in found


def test_iterations_have_no_epoch_to_detach_at(cfg: Config) -> None:
    cfg.train_cfg = dict(type="IterBasedTrainLoop", max_iters=4, val_interval=4)
    cfg.train_dataloader.sampler = dict(type="InfiniteSampler")
    assert "detach_epoch=2, but the training loop counts iterations" in refusal(cfg)
    cfg.custom_hooks[0].detach_epoch = 0
    prepare_rounds(cfg)


def test_weights_that_cannot_be_had(cfg: Config) -> None:
    """A file that is missing, no checkpoint, and what a network would be needed for."""
    broken = {b"no weights": "UnpicklingError: Unsupported", b"hello": "KeyError", b"": "EOFError"}
    paths = [root_of(cfg) / f"broken_{i}.pth" for i in range(3)]
    for path, content in zip(paths, broken, strict=True):
        path.write_bytes(content)
    kinds = dict(zip(map(str, paths), broken.values(), strict=True))
    for path in ("no/such.pth", *kinds, "http://127.0.0.1:9/weights.pth"):
        cfg.model.target.backbone.init_cfg = dict(type="Pretrained", checkpoint=path)
        message = refusal(cfg)
        assert "model.target.backbone.init_cfg.checkpoint: the weights" in message
        assert path in message
        assert len(message.splitlines()) == 1
        assert "weights_only" not in message
        if path in kinds:
            assert f"PyTorch reads no weights in the file ({kinds[path]}" in message


def test_all_problems_at_once(cfg: Config) -> None:
    cfg.randomness.seed = -1
    cfg.custom_hooks[0].detach_epoch = 9
    cfg.load_from = "no/such.pth"
    path = root_of(cfg) / "JPEGImages" / "train_03.jpg"
    path.unlink()
    message = refusal(cfg, PreflightError)
    assert message.startswith("4 problems have to be mended first:")
    for part in ("randomness.seed", "detach_epoch=9", "no/such.pth", str(path)):
        assert part in message


@TRANSFORMS.register_module()
class StumblesOverOne:
    """A transform of the user's that fails on one image."""

    def __call__(self, results: dict) -> dict:
        raise KeyError("mask")


@pytest.mark.parametrize("loader", ["train_dataloader", "test_dataloader"])
def test_pipeline_that_fails_names_the_image(cfg: Config, loader: str) -> None:
    cfg[loader].dataset.pipeline.insert(1, dict(type="StumblesOverOne"))
    message = refusal(cfg)
    assert re.search(r"the pipeline fails on .*\.jpg: KeyError: 'mask'", message)


def test_a_run_that_failed_before_its_first_checkpoint_may_begin_anew(cfg: Config) -> None:
    """The corrected command is not refused for what the failed one left."""
    rounds = prepare_rounds(cfg)
    rounds._draw_initial()
    left = json.loads(Path(cfg.work_dir, "pool.json").read_text())
    assert len(left["rounds"]) == 1
    cfg.active_learning.update(rounds=1, initial=7)
    (record,) = run_rounds(cfg)
    assert record["labeled"] == 7
    with pytest.raises(FileExistsError, match="already holds rounds"):
        prepare_rounds(cfg)


@pytest.fixture
def coco_cfg(cfg: Config, write_coco, tmp_path: Path) -> Config:
    """Evaluation on a COCO file."""
    boxes = {name: [("cat", 5, 6, 25, 26), ("dog", 1, 1, 9, 9)] for name in "pqrs"}
    dataset = write_coco(tmp_path / "coco", boxes)
    dataset = {**dataset, "pipeline": cfg.test_dataloader.dataset.pipeline, "test_mode": True}
    cfg.test_dataloader.dataset = dataset
    cfg.test_evaluator = dict(
        type="CocoMetric", metric="bbox", ann_file=f"{tmp_path}/coco/instances.json"
    )
    return cfg


def test_evaluator_of_the_same_data(coco_cfg: Config, tmp_path: Path) -> None:
    prepare_rounds(coco_cfg)
    shutil.copy(tmp_path / "coco/instances.json", tmp_path / "copy.json")
    coco_cfg.test_evaluator.ann_file = str(tmp_path / "copy.json")
    prepare_rounds(coco_cfg)


def test_evaluator_of_other_data(coco_cfg: Config, tmp_path: Path) -> None:
    path = tmp_path / "other.json"
    coco_cfg.test_evaluator.ann_file = str(path)
    assert f"test_evaluator.ann_file: {path} does not exist" in refusal(coco_cfg, FileNotFoundError)
    path.write_text("[]")
    assert f"{path} is no COCO annotation file" in refusal(coco_cfg)

    content = json.loads((tmp_path / "coco/instances.json").read_text())
    changed = json.loads(json.dumps(content))
    for image in changed["images"]:
        image["id"] += 100
    path.write_text(json.dumps(changed))
    assert "which is of other images than" in refusal(coco_cfg)

    changed = json.loads(json.dumps(content))
    changed["images"][1]["file_name"] = "other.jpg"
    path.write_text(json.dumps(changed))
    assert "image 2 is 'q.jpg' there; the evaluator has 'other.jpg'" in refusal(coco_cfg)

    changed = json.loads(json.dumps(content))
    changed["images"].append(dict(id=9, file_name="more.jpg", width=48, height=40))
    path.write_text(json.dumps(changed))
    assert "has 1 images more than" in refusal(coco_cfg)

    changed = json.loads(json.dumps(content))
    changed["annotations"][0]["bbox"][0] += 5
    path.write_text(json.dumps(changed))
    message = refusal(coco_cfg)
    assert "annotations differ from" in message
    assert "in 2 objects" in message


def test_head_boxes_are_missing_for_the_metric(pose_config_file: Path) -> None:
    cfg = Config.fromfile(pose_config_file)
    cfg.test_dataloader.dataset.pop("headbox_file")
    message = refusal(cfg)
    assert "test_evaluator is MpiiPCKAccuracy, which divides by head boxes" in message
    assert "has no headbox_file" in message


def test_hook_tries_the_metric_that_finds_the_best_checkpoint(cfg: Config, tmp_path) -> None:
    pool = tmp_path / "pool"
    pool.mkdir()
    for i in range(3):
        shutil.copy(root_of(cfg) / "JPEGImages" / f"train_{i:02d}.jpg", pool / f"x{i}.jpg")
        with open(pool / f"x{i}.jpg", "ab") as file:
            file.write(b"\0")  # another file than the labelled one
    cfg.custom_hooks[0].update(
        unlabeled=dict(type="mmal.ImageFolder", data_root=str(pool)), budget=2
    )
    cfg.default_hooks.checkpoint.save_best = "coco/bbox_mAP"
    with pytest.raises(ValueError, match=r"val_evaluator has no metric called 'coco/bbox_mAP'"):
        Runner.from_cfg(cfg).train()
    cfg.default_hooks.checkpoint.save_best = "pascal_voc/mAP"
    Runner.from_cfg(cfg).train()
    assert Path(cfg.work_dir, "picks.txt").exists()


def test_hook_refuses_a_pool_that_is_labelled_or_tested(cfg: Config) -> None:
    """The very folder of photos: all picks would be labelled already."""
    images = str(root_of(cfg) / "JPEGImages")
    cfg.custom_hooks[0].update(unlabeled=dict(type="mmal.ImageFolder", data_root=images), budget=10)
    with pytest.raises(
        DatasetError, match=r"(?s)16 images of the unlabelled pool are labelled"
    ) as e:
        Runner.from_cfg(cfg).train()
    assert "pool and test: 5 images are in the test set, too" in str(e.value)
    assert not Path(cfg.work_dir, "pool.json").exists()


def test_hook_refuses_weights_before_the_model_loads_them(cfg: Config, tmp_path: Path) -> None:
    pool = dict(type="mmal.ImageFolder", data_root=str(tmp_path))
    cfg.custom_hooks[0].update(unlabeled=pool, budget=2)
    cfg.model.target.backbone.init_cfg = dict(type="Pretrained", checkpoint="no/such.pth")
    with pytest.raises(ValueError, match=r"init_cfg\.checkpoint: the weights 'no/such\.pth'"):
        Runner.from_cfg(cfg).train()


def _with_pool(cfg: Config, folder: Path) -> Config:
    """Give the hook images that are neither labelled nor tested."""
    folder.mkdir(exist_ok=True)
    for i in range(3):
        path = shutil.copy(root_of(cfg) / "JPEGImages" / f"train_{i:02d}.jpg", folder / f"x{i}.jpg")
        with open(path, "ab") as file:
            file.write(b"\0")
    pool = dict(type="mmal.ImageFolder", data_root=str(folder))
    cfg.custom_hooks[0].update(unlabeled=pool, budget=2)
    return cfg


def _trained(cfg: Config, work_dir: str) -> dict:
    cfg = Config(cfg.to_dict())
    cfg.work_dir = work_dir
    runner = Runner.from_cfg(cfg)
    runner.train()
    return runner.model.state_dict()


def test_a_training_does_not_notice_its_rehearsal(cfg: Config, tmp_path: Path) -> None:
    """Transforms that keep what they have seen, as RTMDet's mosaic does, begin empty."""
    cfg.train_dataloader.num_workers = 0
    cfg.train_dataloader.persistent_workers = False
    mosaic = dict(type="CachedMosaic", img_scale=(40, 48), max_cached_images=4)
    cfg.train_dataloader.dataset.pipeline.insert(3, mosaic)
    cfg.train_cfg.update(max_epochs=1, val_interval=1)
    cfg.custom_hooks[0].detach_epoch = None
    expected = _trained(cfg, str(tmp_path / "without"))
    found = _trained(_with_pool(cfg, tmp_path / "pool"), str(tmp_path / "with"))
    assert all(value.equal(found[key]) for key, value in expected.items())


def test_a_metric_does_not_notice_the_rehearsal(cfg: Config, write_coco, tmp_path: Path) -> None:
    """CocoMetric without a file makes one of the first data that it sees, and keeps it."""
    boxes = {name: [("cat", 5, 6, 25, 26), ("dog", 1, 1, 9, 9)] for name in "pqrst"}
    pipeline = copy.deepcopy(cfg.test_dataloader.dataset.pipeline)
    keys = ("img_id", "img_path", "ori_shape", "img_shape", "scale_factor", "instances")
    pipeline[-1].meta_keys = keys
    dataset = {**write_coco(tmp_path / "coco", boxes), "pipeline": pipeline, "test_mode": True}
    cfg.val_dataloader.dataset = dataset
    cfg.val_evaluator = dict(type="CocoMetric", metric="bbox")
    cfg.train_cfg.update(max_epochs=1, val_interval=1)
    cfg.custom_hooks[0].detach_epoch = None
    Runner.from_cfg(_with_pool(cfg, tmp_path / "pool")).train()
    assert Path(cfg.work_dir, "picks.txt").exists()


def test_batches_of_changing_sizes(cfg: Config) -> None:
    """YOLOX's preprocessor asks how far the training is."""
    resize = dict(type="BatchSyncRandomResize", random_size_range=(32, 64), interval=1)
    cfg.model.target.data_preprocessor.batch_augments = [resize]
    prepare_rounds(cfg)


def test_a_second_run_in_a_work_directory_is_refused(cfg: Config) -> None:
    first = prepare_rounds(cfg)
    first._draw_initial()
    drawn = Path(cfg.work_dir, "pool.json").read_text()
    with first._work_dir.lock().acquire(timeout=0):
        with pytest.raises(FileExistsError, match="another run is under way"):
            prepare_rounds(cfg)
        with pytest.raises(FileExistsError, match="another run is under way"):
            prepare_rounds(cfg, resume=True)
    assert Path(cfg.work_dir, "pool.json").read_text() == drawn
    cfg.active_learning.update(rounds=1)
    cfg.randomness.seed = 1
    run_rounds(cfg)
    assert Path(cfg.work_dir, "former_pool.json").read_text() == drawn


def test_a_finished_run_needs_nothing_to_be_resumed(cfg: Config) -> None:
    cfg.active_learning.rounds = 1
    records = run_rounds(cfg)
    shutil.rmtree(root_of(cfg) / "JPEGImages")
    cfg.load_from = "no/such.pth"
    assert run_rounds(cfg, resume=True, allow_changes=True) == records


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(train_dataloader=dict(sampler=dict(type="InfiniteSampler"))), "never ends"),
        (dict(test_dataloader=dict(drop_last=True)), "drop_last leaves out"),
        (dict(custom_hooks=[dict(type="EarlyStoppingHook", monitor="x")]), "EarlyStoppingHook"),
    ],
)
def test_what_would_go_wrong_late(cfg: Config, change: dict, message: str) -> None:
    cfg.merge_from_dict(change)
    assert message in refusal(cfg)


def test_a_batch_of_one_shape_that_never_is_full(cfg: Config, write_voc) -> None:
    """Wide and tall images wait for their like, and drop_last leaves both out."""
    boxes = [("cat", 5, 6, 25, 26)]
    images = {f"train_{i:02d}": boxes for i in range(16)}
    sizes = {f"train_{i:02d}": (40, 48) for i in range(15)}  # all but one: some of any six
    write_voc(root_of(cfg), images, sizes=sizes)
    cfg.train_dataloader.update(
        batch_size=16, batch_sampler=dict(type="AspectRatioBatchSampler", drop_last=True)
    )
    runner = Runner.from_cfg(cfg)
    runner._train_loop = runner.build_train_loop(runner._train_loop)
    assert len(runner.train_dataloader) == 1  # as it says
    with pytest.raises(PreflightError, match="do not fill one of batch size 16"):
        check_steps(runner)


def test_a_test_set_that_loses_its_last_batch(cfg: Config) -> None:
    sampler = dict(type="AspectRatioBatchSampler", drop_last=True)
    cfg.test_dataloader.batch_sampler = sampler
    assert "test_dataloader.drop_last leaves out" in refusal(cfg)


def test_annotations_that_do_not_reach_the_metric(cfg: Config) -> None:
    cfg.test_evaluator = dict(type="CocoMetric", metric="bbox")
    message = refusal(cfg)
    assert "test_evaluator is CocoMetric without an ann_file" in message
    assert "VOCMetric" in message


def test_test_pipeline_without_annotations(cfg: Config) -> None:
    pipeline = cfg.test_dataloader.dataset.pipeline
    pipeline[:] = [step for step in pipeline if step.type != "LoadAnnotations"]
    message = refusal(cfg)
    assert "does not load them. Add dict(type='LoadAnnotations'" in message


def test_an_evaluator_that_is_not_tried_out_is_named(cfg: Config, capsys) -> None:
    cfg.test_evaluator = dict(
        type="MultiDatasetsEvaluator", metrics=cfg.test_evaluator, dataset_prefixes=["a"]
    )
    prepare_rounds(cfg)
    output = capsys.readouterr()
    assert "MultiDatasetsEvaluator, which is not tried out" in output.out + output.err


def test_hooks_of_other_packages_begin(cfg: Config) -> None:
    cfg.custom_hooks = [
        dict(type="EMAHook", ema_type="MovingAverage"),
        dict(type="EMAHook", begin_epoch=7),
    ]
    runner = Runner.from_cfg(cfg)
    runner._train_loop = runner.build_train_loop(runner._train_loop)
    problems = Problems()
    rehearse_hooks(runner, problems)
    with pytest.raises(PreflightError) as caught:
        problems.raise_all()
    assert "custom_hooks, EMAHook" in str(caught.value)
    assert "MovingAverage" in str(caught.value)
    assert "self.begin_epoch <= runner.max_epochs" in str(caught.value) or "7" in str(caught.value)
    cfg.custom_hooks = [dict(type="EMAHook")]
    runner = Runner.from_cfg(cfg)
    runner._train_loop = runner.build_train_loop(runner._train_loop)
    problems = Problems()
    rehearse_hooks(runner, problems)
    assert not problems


def test_two_hooks_that_would_overrule_each_other(cfg: Config) -> None:
    cfg.custom_hooks.append(dict(type="mmal.ActiveLearningHook", detach_epoch=1))
    assert "custom_hooks has 2 ActiveLearningHooks, with detach_epoch=[2, 1]" in refusal(cfg)


def test_best_checkpoints_are_not_looked_for(cfg: Config) -> None:
    cfg.default_hooks.checkpoint.update(save_best="some/thing")
    cfg.active_learning.rounds = 1
    run_rounds(cfg)


@pytest.fixture
def amp_on_cpus(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lift what mmengine asks of mixed precision: torch has it on CPUs, too."""
    monkeypatch.setattr("mmal.engine.rounds.preflight.check_optimizer", lambda cfg: None)
    wrapper = "mmengine.optim.optimizer.amp_optimizer_wrapper"
    monkeypatch.setattr(f"{wrapper}.is_cuda_available", lambda: True)


def in_bfloat16(path: Path) -> Config:
    cfg = Config.fromfile(path)
    cfg.optim_wrapper.update(type="AmpOptimWrapper", dtype="bfloat16", loss_scale=1.0)
    return cfg


@pytest.fixture(params=["learning loss", "plain"])
def pose_in_bfloat16(
    request: pytest.FixtureRequest, amp_on_cpus: None, pose_config_file: Path
) -> Config:
    cfg = in_bfloat16(pose_config_file)
    if request.param == "plain":
        cfg.model = cfg.model.target
        cfg.custom_hooks = []
        cfg.active_learning.query = dict(type="mmal.Random")
    return cfg


def test_a_precision_that_numpy_does_not_have(pose_in_bfloat16: Config) -> None:
    """MMPose's heads fail in the first step of such a training."""
    found = refusal(pose_in_bfloat16)
    assert "AmpOptimWrapper with dtype=torch.bfloat16, in which the losses cannot" in found
    assert "compute_acc=False" in found
    model = pose_in_bfloat16.model
    model.get("target", model).train_cfg = dict(compute_acc=False)
    prepare_rounds(pose_in_bfloat16)


@pytest.mark.usefixtures("amp_on_cpus")
def test_an_operator_that_does_not_have_the_precision(
    config_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As mmcv's RoIAlign in bfloat16."""

    def sum_up(*args: object, **kwargs: object) -> dict:
        if torch.is_autocast_enabled("cpu"):
            raise NotImplementedError("\"L1\" not implemented for 'BFloat16'")
        return computed(*args, **kwargs)

    computed = SSDHead.loss_by_feat
    cfg = in_bfloat16(config_file)
    prepare_rounds(cfg)
    monkeypatch.setattr(SSDHead, "loss_by_feat", sum_up)
    assert "\"L1\" not implemented for 'BFloat16'. Use dtype='float16', or Optim" in refusal(cfg)
