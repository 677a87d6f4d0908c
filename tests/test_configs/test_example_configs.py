"""The examples of docs/examples.md, copied elsewhere, from your own files to rounds and loops."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from mmengine.config import Config
from mmengine.registry import init_default_scope

from mmal.apis import run_rounds
from mmal.apis.loop import LoopSteps
from mmal.datasets.exchange import FORMATS
from mmal.engine.loop import LoopData, Project
from tests.annotators import true_labels

EXAMPLES = Path(__file__).parents[2] / "configs/examples"
JOINTS = ("nose", "left_ear", "right_ear", "withers", "left_hip", "right_hip", "tail_head")
WIDTH, HEIGHT = 64, 48
#: Eight channels where there are 64, so that a training takes a second.
RESNET = dict(
    _delete_=True,
    type="ResNet",
    depth=18,
    stem_channels=8,
    base_channels=8,
    norm_eval=False,
)


@pytest.fixture
def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The examples in a folder of their own, and another one to work in."""
    shutil.copytree(EXAMPLES, tmp_path / "my_configs")
    monkeypatch.chdir(tmp_path)
    init_default_scope("mmdet")
    return tmp_path / "my_configs"


def write_data(root: Path, categories: list[dict], counts: dict[str, int]) -> None:
    """Write images with two things in each, and a COCO file a split."""
    rng = np.random.default_rng(0)
    (root / "images").mkdir(parents=True)
    (root / "annotations").mkdir()
    for split, count in counts.items():
        images, annotations = [], []
        for number in range(count):
            name = f"{split}_{number:02d}.jpg"
            noise = rng.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
            cv2.imwrite(str(root / "images" / name), noise)
            images.append(dict(id=number, file_name=name, width=WIDTH, height=HEIGHT))
            for place in range(2):
                entry = _thing(rng, place, categories)
                annotations.append(dict(id=len(annotations), image_id=number, **entry))
        content = dict(images=images, annotations=annotations, categories=categories)
        (root / "annotations" / f"{split}.json").write_text(json.dumps(content))


def _thing(rng: np.random.Generator, place: int, categories: list[dict]) -> dict:
    left, top = 32 * place + int(rng.integers(0, 8)), int(rng.integers(0, 16))
    category = categories[int(rng.integers(len(categories)))]
    entry = dict(category_id=category["id"], bbox=[left, top, 24, 32], area=24 * 32, iscrowd=0)
    if joints := category.get("keypoints"):
        points = [(left + rng.integers(24), top + rng.integers(32), 2) for _ in joints]
        flat = [int(value) for point in points for value in point]
        entry |= dict(keypoints=flat, num_keypoints=len(joints))
    return entry


@pytest.fixture
def boxes(tmp_path: Path) -> None:
    categories = [dict(id=1, name="helmet"), dict(id=2, name="vest")]
    write_data(tmp_path / "data/my_data", categories, dict(train=8, val=3))


@pytest.fixture
def cows(tmp_path: Path) -> None:
    cow = dict(id=1, name="cow", keypoints=list(JOINTS), skeleton=[])
    write_data(tmp_path / "data/my_keypoints", [cow], dict(train=8, val=3))


def small(cfg: Config, options: dict) -> Config:
    """Return a config of two rounds of two epochs, without workers."""
    cfg.merge_from_dict(options)
    for stage in ("train", "val", "test"):
        loader = cfg[f"{stage}_dataloader"]
        loader.update(batch_size=2, num_workers=0, persistent_workers=False)
    cfg.train_cfg.update(max_epochs=2)
    cfg.default_hooks.checkpoint.interval = 1
    cfg.active_learning.update(rounds=2, initial=4, budget=2)
    cfg.custom_hooks[-1].detach_epoch = min(cfg.custom_hooks[-1].detach_epoch, 1)
    return cfg


def retinanet(folder: Path) -> Config:
    cfg = Config.fromfile(folder / "retinanet_own-coco.py")
    options = {
        "model.target.backbone": RESNET,
        "model.target.neck.in_channels": [8, 16, 32, 64],
        "model.target.neck.out_channels": 16,
        "model.target.bbox_head": dict(in_channels=16, feat_channels=16, stacked_convs=1),
        "model.target.test_cfg.score_thr": 0,  # two epochs make nobody sure
        "model.loss_predictor": dict(channels=8),
    }
    for stage in ("train", "val", "test"):
        pipeline = cfg[f"{stage}_dataloader"].dataset.pipeline
        next(t for t in pipeline if t.type == "Resize").scale = (WIDTH, HEIGHT)
    return small(cfg, options)


def yolox(folder: Path) -> Config:
    cfg = Config.fromfile(folder / "yolox_own-coco.py")
    options = {
        "model.target.backbone": dict(deepen_factor=0.33, widen_factor=0.125),
        "model.target.neck": dict(in_channels=[32, 64, 128], out_channels=16),
        "model.target.bbox_head": dict(in_channels=16, feat_channels=16, stacked_convs=1),
        "model.target.test_cfg.score_thr": 0,  # two epochs make nobody sure
        "model.loss_predictor": dict(channels=8),
        # One epoch with Mosaic, one without.
        "custom_hooks.0.num_last_epochs": 1,
    }
    cfg.model.target.data_preprocessor.batch_augments = None  # of 480 pixels and more
    size = (64, 64)
    train = cfg.train_dataloader.dataset.pipeline
    for stage in (train, cfg.val_dataloader.dataset.pipeline, cfg.test_dataloader.dataset.pipeline):
        for transform in stage:
            for key in ("img_scale", "scale"):
                if key in transform:
                    transform[key] = size
            if "border" in transform:
                transform.border = (-32, -32)
    return small(cfg, options)


def cow_joints(folder: Path) -> Config:
    cfg = Config.fromfile(folder / "pose_own-coco.py")
    cfg.train_dataloader.dataset.pipeline = [
        {**t, "encoder": small_codec()} if t.type == "GenerateTarget" else t
        for t in cfg.train_dataloader.dataset.pipeline
    ]
    for stage in ("train", "val", "test"):
        for transform in cfg[f"{stage}_dataloader"].dataset.pipeline:
            if transform["type"] == "TopdownAffine":
                transform["input_size"] = (64, 64)
    options = {
        "model.target.backbone": RESNET,
        "model.target.head": dict(
            in_channels=64, deconv_out_channels=(16, 16, 16), decoder=small_codec()
        ),
        "model.loss_predictor": dict(channels=8),
        # No weights are at hand.
        "active_learning.query": dict(_delete_=True, type="mmal.LearnedLoss"),
    }
    return small(cfg, options)


def small_codec() -> dict:
    return dict(type="MSRAHeatmap", input_size=(64, 64), heatmap_size=(16, 16), sigma=1.0)


DETECTORS = [pytest.param(retinanet, id="retinanet"), pytest.param(yolox, id="yolox")]


@pytest.mark.usefixtures("boxes")
@pytest.mark.parametrize("example", DETECTORS)
def test_rounds_of_a_detector(copied: Path, tmp_path: Path, example: Callable) -> None:
    check_rounds(example(copied), tmp_path, "coco/bbox_mAP")


@pytest.mark.usefixtures("cows")
def test_rounds_of_keypoints(copied: Path, tmp_path: Path) -> None:
    check_rounds(cow_joints(copied), tmp_path, "coco/AP")


def check_rounds(cfg: Config, tmp_path: Path, metric: str) -> None:
    cfg.work_dir = str(tmp_path / "rounds")
    records = run_rounds(cfg)
    assert [record["labeled"] for record in records] == [4, 6]
    assert [metric in record["metrics"] for record in records] == [True, True], records
    for number in range(2):  # the last checkpoint, and no best one
        names = {file.name for file in (tmp_path / f"rounds/round_{number:02d}").glob("*.pth")}
        assert "epoch_2.pth" in names
        assert not any(name.startswith("best") for name in names)


@pytest.mark.usefixtures("boxes")
@pytest.mark.parametrize("example", DETECTORS)
def test_loop_of_a_detector(copied: Path, tmp_path: Path, example: Callable) -> None:
    check_loop(example(copied), Path("data/my_data"), tmp_path, ("helmet", "vest"), boxes=8)


@pytest.mark.usefixtures("cows")
def test_loop_of_keypoints(copied: Path, tmp_path: Path) -> None:
    check_loop(cow_joints(copied), Path("data/my_keypoints"), tmp_path, ("cow",), joints=56)


def check_loop(
    cfg: Config, data: Path, tmp_path: Path, classes: tuple[str, ...], **drawn: int
) -> None:
    """Take a loop from raw images to proposals for the second pick."""
    steps = LoopSteps(tmp_path / "project")
    steps.init(cfg, [str(data / "images")])
    schema = LoopData(Project.load(steps.root), cfg).schema
    assert schema.classes == classes
    truth = true_labels(cfg, data / "images", schema)
    steps.pick(4)
    FORMATS["coco"].write([truth[i] for i in picked(steps)], schema, tmp_path / "labels")
    steps.import_labels(str(tmp_path / "labels"))
    steps.train()
    record = json.loads((steps.root / "training/round_00/metrics.json").read_text())
    assert record["annotations"] == drawn
    steps.pick(2)
    steps.export("coco", min_score=0)
    assert set(picked(steps)) < truth.keys()


def picked(steps: LoopSteps) -> list[str]:
    return Project.load(steps.root).pending


@pytest.mark.usefixtures("cows")
def test_a_child_elsewhere_finds_the_joints_of_its_base(copied: Path) -> None:
    child = copied.parent / "child.py"
    child.write_text(
        '_base_ = "mmal::examples/pose_own-coco.py"\n'
        "custom_hooks = [*_base_.custom_hooks, dict(type='EMAHook')]\n"
    )
    cfg = Config.fromfile(child)
    metainfo = Path(cfg.train_dataloader.dataset.metainfo.from_file)
    assert metainfo.samefile(EXAMPLES / "metainfo/my_keypoints.py")
    assert [hook.type for hook in cfg.custom_hooks] == ["mmal.ActiveLearningHook", "EMAHook"]
