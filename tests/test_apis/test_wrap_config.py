"""Configs that put learning loss beside another's model: what they say, read as MMEngine does."""

import json
import runpy
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from mmengine.config import Config

from mmal.apis import prepare_rounds
from mmal.apis.coco_files import CocoFiles
from mmal.apis.wrap_config import wrapped_config

TOOL = Path(__file__).parents[2] / "tools/misc/wrap_config.py"
YOLOX = "mmdet::yolox/yolox_tiny_8xb8-300e_coco.py"
POSE = "mmpose::body_2d_keypoint/topdown_heatmap/coco/td-hm_mobilenetv2_8xb64-210e_coco-256x192.py"
OWN = CocoFiles("data", "train.json", "test.json", "photos/", ("helmet", "vest"))


@pytest.fixture(autouse=True)
def _own_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Write what the tests' own data are read from, below the current folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    write(tmp_path / "data/train.json", images=2000, people=4000)


def write(path: Path, images: int, people: int = 0, names: Sequence[str] = OWN.classes) -> None:
    """Write as much of a COCO file as a config depends on."""
    content = dict(
        images=[{}] * images,
        annotations=[{}] * people,
        categories=[dict(name=name) for name in names],
    )
    path.write_text(json.dumps(content), encoding="utf-8")


def inherited(base: str) -> Config:
    return Config.fromstring(f'_base_ = "{base}"', ".py")


def wrapped(base: str, folder: Path, *args, **kwargs) -> Config:
    out = folder / "wrapped.py"
    out.write_text(wrapped_config(base, out, *args, **kwargs), encoding="utf-8")
    return Config.fromfile(out)


def test_everything_else_is_the_bases(tmp_path: Path) -> None:
    plain, cfg = inherited(YOLOX).to_dict(), wrapped(YOLOX, tmp_path).to_dict()
    ours = ("model", "custom_hooks", "custom_imports", "active_learning", "randomness")
    assert cfg["model"]["type"] == "mmal.LearningLoss"
    assert cfg["model"]["target"] == plain["model"]
    *hooks, own = cfg["custom_hooks"]
    assert hooks == plain["custom_hooks"]
    assert own == dict(type="mmal.ActiveLearningHook", detach_epoch=240)  # of 300
    assert cfg["custom_imports"] == dict(imports=["mmal"])
    assert {k: v for k, v in cfg.items() if k not in ours} == {
        k: v for k, v in plain.items() if k not in ours
    }


def test_rounds_are_those_asked_for(tmp_path: Path) -> None:
    rounds = wrapped(YOLOX, tmp_path, rounds=3, initial=20, budget=7).active_learning
    assert (rounds.rounds, rounds.initial, rounds.budget) == (3, 20, 7)


def test_own_data_of_a_detector(tmp_path: Path) -> None:
    cfg = wrapped(YOLOX, tmp_path, OWN)
    inner = cfg.train_dataloader.dataset.dataset  # inside MultiImageMixDataset
    sets = dict(train=inner, test=cfg.test_dataloader.dataset, val=cfg.val_dataloader.dataset)
    for stage, dataset in sets.items():
        assert dataset.type == "CocoDataset"
        assert dataset.data_root == "data"
        assert dataset.data_prefix == dict(img="photos/")
        assert dataset.metainfo == dict(classes=("helmet", "vest"))
        assert dataset.ann_file == ("train.json" if stage == "train" else "test.json")
    assert cfg.test_evaluator.ann_file == cfg.val_evaluator.ann_file == "data/test.json"
    assert cfg.model.target.bbox_head.num_classes == 2


def test_every_head_of_a_cascade_gets_the_classes(tmp_path: Path) -> None:
    base = "mmdet::cascade_rcnn/cascade-mask-rcnn_r50_fpn_1x_coco.py"
    heads = wrapped(base, tmp_path, OWN).model.target.roi_head
    assert [head.num_classes for head in (*heads.bbox_head, heads.mask_head)] == [2] * 4


def test_heads_that_count_otherwise_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "base.py").write_text(
        '_base_ = "mmdet::faster_rcnn/faster-rcnn_r50_fpn_1x_coco.py"\n'
        "model = dict(rpn_head=dict(num_classes=1))\n"
        "randomness = dict(seed=21)\n"
        "train_dataloader = dict(dataset=dict(metainfo=dict(palette=[(0, 0, 0)])))\n"
        "test_evaluator = dict(format_only=True)\n"
    )
    root = str(tmp_path / "ünï 😀")
    write(tmp_path / "a.json", images=500, names=("a 'b'", "ç"))
    train = str(tmp_path / "a.json")
    cfg = wrapped(str(tmp_path / "base.py"), tmp_path, CocoFiles(root, train, "te{1}.json"))
    assert cfg.model.target.rpn_head.num_classes == 1
    assert cfg.model.target.roi_head.bbox_head.num_classes == 2
    assert cfg.randomness.seed == 21
    assert cfg.train_dataloader.dataset.metainfo == dict(classes=("a 'b'", "ç"), palette=None)
    assert cfg.train_dataloader.dataset.data_root == root
    assert cfg.train_dataloader.dataset.ann_file == train
    assert cfg.test_evaluator.ann_file == f"{root}/te{{1}}.json"
    assert not cfg.test_evaluator.format_only


def test_own_data_of_a_pose_estimator(tmp_path: Path) -> None:
    own = CocoFiles("data", "train.json", "test.json")
    plain, cfg = inherited(POSE), wrapped(POSE, tmp_path, own, rounds=30)
    assert cfg.active_learning.budget == 100  # of 4,000 people
    assert cfg.model.target == plain.model
    assert plain.test_dataloader.dataset.bbox_file
    assert cfg.test_dataloader.dataset.bbox_file is None  # of people in COCO's images
    assert "metainfo" not in cfg.train_dataloader.dataset
    assert cfg.custom_hooks[-1].detach_epoch == 0
    assert cfg.active_learning.query == dict(type="mmal.Herding")


def test_a_base_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "bases").mkdir()
    (tmp_path / "bases/tiny.py").write_text(
        f'_base_ = "{YOLOX}"\n'
        'custom_imports = dict(imports="mmdet.models", allow_failed_imports=False)\n'
        "train_dataloader = dict(batch_size=1)\n"
    )
    out = tmp_path / "mine/deep/wrapped.py"
    out.parent.mkdir(parents=True)
    out.write_text(wrapped_config(str(tmp_path / "bases/tiny.py"), out))
    cfg = Config.fromfile(out)
    assert str(tmp_path) not in out.read_text()  # both may be moved together
    assert cfg.custom_imports == dict(imports=["mmdet.models", "mmal"], allow_failed_imports=False)
    assert cfg.train_dataloader.batch_size == 2  # a pair
    assert wrapped_config(str(tmp_path / "bases/tiny.py"), out, OWN).count("batch_size=2") == 1


def test_rounds_accept_what_is_written(
    tmp_path: Path, write_coco: Callable[..., dict], monkeypatch: pytest.MonkeyPatch
) -> None:
    for split, count in dict(train=36, test=2).items():
        images = {
            f"{split}_{i}": [("dog", 1, 2, 30, 32), ("cat", 3, 4, 20, 22)] for i in range(count)
        }
        write_coco(tmp_path / "data", images)
        (tmp_path / "data/instances.json").rename(tmp_path / f"data/{split}.json")
    monkeypatch.chdir(tmp_path)
    options = ["--data-root", "data", "--train", "train.json", "--test", "test.json"]
    rounds = ["--rounds", "2", "--budget", "2"]
    monkeypatch.setattr(
        sys, "argv", [str(TOOL), YOLOX, "--out", "configs/mine.py", *options, *rounds]
    )
    runpy.run_path(str(TOOL), run_name="__main__")
    cfg = Config.fromfile("configs/mine.py")
    assert (cfg.active_learning.initial, cfg.active_learning.budget) == (3, 2)  # a tenth, as given
    for stage in ("train", "val", "test"):
        cfg[f"{stage}_dataloader"].update(batch_size=2, num_workers=0, persistent_workers=False)
    cfg.work_dir = "work"
    prepare_rounds(cfg)  # audits the data, rehearses a step, an evaluation and scoring
    assert cfg.train_dataloader.dataset.dataset.metainfo.classes == ("cat", "dog")


@pytest.mark.parametrize(
    ("base", "data", "error", "message"),
    [
        ("nowhere.py", None, FileNotFoundError, "There is no config nowhere.py"),
        ("mmdet::no/where.py", None, FileNotFoundError, "mmdet::no/where.py cannot be read"),
        ("mmal::demo/toy_voc.py", None, ValueError, "has learning loss already"),
        ("mmdet::_base_/datasets/coco_detection.py", None, ValueError, "has no model = dict"),
        ("mmdett::no/where.py", None, ValueError, "inherited from: .*mmdett"),
        (
            "mmdet::pascal_voc/retinanet_r50_fpn_1x_voc0712.py",
            OWN,
            ValueError,
            "train_dataloader of .*voc0712.py has ConcatDataset, not CocoDataset",
        ),
        (
            "mmdet::point_rend/point-rend_r50-caffe_fpn_ms-1x_coco.py",
            None,
            TypeError,
            "The model of .*point-rend_.*_coco.py cannot be extended",
        ),
        (
            YOLOX,
            CocoFiles("nowhere", "a.json", "b.json"),
            ValueError,
            "nowhere/a.json cannot be read: No such file",
        ),
    ],
)
def test_refused(
    base: str, data: CocoFiles | None, error: type, message: str, tmp_path: Path
) -> None:
    with pytest.raises(error, match=message):
        wrapped_config(base, tmp_path / "out.py", data)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("model = dict(backbone=1)", r"has no model = dict\(type=…, …\). Got {'backbone': 1}"),
        ('model = "resnet"', "has no model = dict.* Got 'resnet'"),
        (
            "model = dict(type='A')\na = undefined",
            r"NameError: name 'undefined'.*\(base\.py, line 2\)",
        ),
        ("model = dict(type='A')\na = 1 / 0", "ZeroDivisionError: division by zero"),
        ("model = dict(", r"SyntaxError: .*\(line 1: model = dict\(\)"),
        ("model = dict(type='A')\ncustom_hooks = dict(type='EMAHook')", "must be a list of hooks"),
    ],
)
def test_what_is_wrong_in_a_base_is_said(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "base.py").write_text(text)
    with pytest.raises(ValueError, match=rf"base\.py.*{message}"):
        wrapped_config(str(tmp_path / "base.py"), tmp_path / "out.py")


def test_classes_without_data_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = str(tmp_path / "mine.py")
    monkeypatch.setattr(sys, "argv", [str(TOOL), YOLOX, "--out", out, "--classes", "helmet"])
    with pytest.raises(SystemExit, match="--images and --classes go with --data-root"):
        runpy.run_path(str(TOOL), run_name="__main__")


@pytest.mark.parametrize(
    ("base", "classes", "message"),
    [
        (YOLOX, ("helmet", "helmet"), "--classes names one twice"),
        (YOLOX, ("Helmet", "vest"), "--classes names 'Helmet', but .* are 'helmet', 'vest'"),
        (POSE, ("helmet", "vest"), "--classes: the model of .* has none"),
    ],
)
def test_classes_are_the_files(tmp_path: Path, base: str, classes: tuple, message: str) -> None:
    own = CocoFiles("data", "train.json", "test.json", classes=classes)
    with pytest.raises(ValueError, match=message):
        wrapped_config(base, tmp_path / "out.py", own)


@pytest.mark.parametrize("number", ["rounds", "initial", "budget"])
def test_numbers_are_positive(tmp_path: Path, number: str) -> None:
    with pytest.raises(ValueError, match=f"--{number} must be at least 1. Got 0 instead"):
        wrapped_config(YOLOX, tmp_path / "out.py", **{number: 0})


def test_nothing_is_overwritten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "mine.py"
    out.write_text("precious")
    monkeypatch.setattr(sys, "argv", [str(TOOL), YOLOX, "--out", str(out)])
    with pytest.raises(SystemExit, match="is there already"):
        runpy.run_path(str(TOOL), run_name="__main__")
    assert out.read_text() == "precious"
