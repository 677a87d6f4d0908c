"""Small generated data sets."""

import gc
import json
import os
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from mmengine.config import Config
from mmengine.registry import init_default_scope
from scipy.io import savemat

CLASSES = ("cat", "dog")
#: Width and height of the images.
SIZE = (48, 40)
PIPELINE = [
    dict(type="LoadImageFromFile"),
    dict(type="mmdet.LoadAnnotations", with_bbox=True),
    dict(type="mmdet.PackDetInputs", meta_keys=("img_id", "img_path")),
]

#: Class name, then x1, y1, x2, y2 as a VOC file counts them: from 1, the last pixel included.
Box = tuple[str, int, int, int, int]
Images = Mapping[str, Sequence[Box]]


@pytest.fixture(scope="session", autouse=True)
def _cheap_garbage_collection() -> None:
    """Spare ``gc.collect``, which mmengine calls for each data set, all that torch imported."""
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _cache_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Remember the images of tests apart from the user's."""
    os.environ["MMAL_CACHE"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="module", autouse=True)
def _usual_scope() -> None:
    """Begin each file with the default scope that most of them mean, whatever ran before."""
    init_default_scope("mmdet")


@pytest.fixture
def write_voc() -> Callable[..., dict]:
    """Write a folder in VOC layout; see :func:`_write_voc`."""
    return _write_voc


@pytest.fixture
def write_coco() -> Callable[..., dict]:
    """Write images and a COCO file; see :func:`_write_coco`."""
    return _write_coco


def _write_voc(
    root: str | Path,
    images: Images,
    sub_dir: str = "",
    split: str = "train",
    sizes: Mapping[str, tuple[int, int]] | None = None,
    difficult: bool = False,
) -> dict:
    """Write images, annotations and a list; return the config of the data set.

    Args:
        root: The ``data_root``.
        images: The boxes of each image, in the order of the list.
        sub_dir: Folder of the layout below ``root``, such as ``VOC2007/``.
        split: Name of the list.
        sizes: Width and height of images that are not of the usual size.
        difficult: What the annotations say of all boxes.
    """
    base = Path(root, sub_dir)
    for name, boxes in images.items():
        size = (sizes or {}).get(name, SIZE)
        _write_image(base / "JPEGImages" / f"{name}.jpg", size)
        objects = "".join(
            f"<object><name>{label}</name><difficult>{difficult:d}</difficult><bndbox>"
            f"<xmin>{x1}</xmin><ymin>{y1}</ymin><xmax>{x2}</xmax><ymax>{y2}</ymax>"
            "</bndbox></object>"
            for label, x1, y1, x2, y2 in boxes
        )
        width, height = size
        _write(
            base / "Annotations" / f"{name}.xml",
            f"<annotation><size><width>{width}</width><height>{height}</height></size>{objects}"
            "</annotation>",
        )
    ann_file = f"{sub_dir}ImageSets/Main/{split}.txt"
    _write(Path(root, ann_file), "".join(f"{name}\n" for name in images))
    return dict(
        type="mmdet.VOCDataset",
        data_root=str(root),
        data_prefix=dict(sub_data_root=sub_dir),
        ann_file=ann_file,
        metainfo=dict(classes=CLASSES),
        pipeline=PIPELINE,
    )


def _write_coco(root: str | Path, images: Images, crowd: bool = False) -> dict:
    """Write ``images/*.jpg`` and ``instances.json``; return the config of the data set.

    Image ids count from 1 in the order of the names, categories in the order of their names.
    """
    boxes = [(name, *box) for name, found in images.items() for box in found]
    ids = {name: i for i, name in enumerate(sorted(images), 1)}
    categories = sorted({label for _, label, *_ in boxes} | set(CLASSES))
    annotations = [
        dict(
            id=i,
            image_id=ids[name],
            category_id=categories.index(label),
            bbox=[x1 - 1, y1 - 1, x2 - x1, y2 - y1],
            area=(x2 - x1) * (y2 - y1),
            iscrowd=int(crowd),
        )
        for i, (name, label, x1, y1, x2, y2) in enumerate(boxes)
    ]
    for name in images:
        _write_image(Path(root, "images", f"{name}.jpg"), SIZE)
    width, height = SIZE
    content = dict(
        images=[
            dict(id=ids[name], file_name=f"{name}.jpg", width=width, height=height)
            for name in images
        ],
        annotations=annotations,
        categories=[dict(id=i, name=name) for i, name in enumerate(categories)],
    )
    _write(Path(root, "instances.json"), json.dumps(content))
    return dict(
        type="mmdet.CocoDataset",
        data_root=str(root),
        data_prefix=dict(img="images/"),
        ann_file="instances.json",
        metainfo=dict(classes=CLASSES),
        pipeline=PIPELINE,
    )


def _write_image(path: Path, size: tuple[int, int]) -> None:
    """Write an image of one colour, which depends on its name alone."""
    width, height = size
    path.parent.mkdir(parents=True, exist_ok=True)
    colour = np.random.default_rng(zlib.crc32(path.name.encode())).integers(0, 256, 3)
    cv2.imwrite(str(path), np.full((height, width, 3), colour, np.uint8))


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


@pytest.fixture
def write_mpii() -> Callable[..., dict]:
    """Write a folder in MPII layout; see :func:`_write_mpii`."""
    return _write_mpii


def _write_mpii(root: Path, people: Sequence[tuple[str, tuple]], split: str = "train") -> dict:
    """Write noise with people of 16 joints in it, and their head boxes.

    Args:
        root: The folder.
        people: The image and the center, in pixels from 1, of every person.
        split: The name of the annotation file.

    Returns:
        A data set config without a pipeline.
    """
    rng = np.random.default_rng(zlib.crc32(split.encode()))
    for folder in ("images", "annotations"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    annotations, heads = [], []
    for name, (x, y) in people:
        image = rng.integers(0, 256, (80, 80, 3), dtype=np.uint8)
        cv2.imwrite(str(root / "images" / name), image)
        joints = np.add(rng.uniform(-20, 20, (16, 2)), (x, y))
        visible = (rng.random(16) < 0.8).astype(int)
        annotations.append(
            dict(
                image=name,
                center=[x, y],
                scale=0.2,
                joints=joints.tolist(),
                joints_vis=visible.tolist(),
            )
        )
        heads.append([[x - 5, y - 5], [x + 5, y + 5]])
    (root / "annotations" / f"{split}.json").write_text(json.dumps(annotations))
    savemat(
        root / "annotations" / f"{split}.mat",
        {"headboxes_src": np.array(heads, dtype=float).transpose(1, 2, 0)},
    )
    return dict(
        type="MpiiDataset",
        data_root=str(root),
        ann_file=f"annotations/{split}.json",
        data_prefix=dict(img="images/"),
    )


#: A pose estimator and a pool that train in a second.
TINY_POSE_CONFIG = """
_base_ = "mmpose::body_2d_keypoint/topdown_heatmap/mpii/td-hm_res50_8xb64-210e_mpii-256x256.py"
custom_imports = dict(imports=["mmal"])
codec = dict(type="MSRAHeatmap", input_size=(32, 32), heatmap_size=(8, 8), sigma=1.0)
target = _base_.model
target["backbone"] = dict(
    type="ResNet", depth=18, stem_channels=8, base_channels=8, num_stages=2,
    strides=(1, 2), dilations=(1, 1), out_indices=(1,),
)
target["head"].update(
    in_channels=16, deconv_out_channels=(8,), deconv_kernel_sizes=(4,), decoder=codec
)
model = dict(
    _delete_=True,
    type="mmal.LearningLoss",
    target=target,
    loss_predictor=dict(type="mmal.LossPredictionNeck", in_channels=[16], channels=8),
    ranking_loss=dict(type="mmal.PairwiseRankingLoss", loss_weight=1e-4),
)
load = [
    dict(type="LoadImage"), dict(type="GetBBoxCenterScale"),
    dict(type="TopdownAffine", input_size=(32, 32)),
]
target_maps = dict(type="GenerateTarget", encoder=codec)
pack = dict(type="PackPoseInputs")
folder = dict(
    type="MpiiDataset", data_root="{root}", data_mode="topdown", data_prefix=dict(img="images/"),
)
train_dataloader = dict(
    batch_size=4, num_workers=0, persistent_workers=False,
    dataset=dict(
        _delete_=True, ann_file="annotations/train.json", pipeline=[*load, target_maps, pack],
        **folder,
    ),
)
test_dataloader = dict(
    batch_size=2, num_workers=0, persistent_workers=False,
    dataset=dict(
        _delete_=True, ann_file="annotations/test.json", test_mode=True,
        headbox_file="{root}/annotations/test.mat", pipeline=[*load, pack], **folder,
    ),
)
val_dataloader = test_dataloader
train_cfg = dict(max_epochs=2, val_interval=2)
param_scheduler = []
default_hooks = dict(checkpoint=dict(interval=1, save_best=None), logger=dict(interval=1))
custom_hooks = [dict(type="mmal.ActiveLearningHook", detach_epoch=1)]
# Reports take longer than rounds of this size: tests of what they show ask for them.
active_learning = dict(rounds=3, initial=6, budget=4, report=False)
randomness = dict(seed=0)
work_dir = "{root}/work"
"""


@pytest.fixture
def pose_config_file(tmp_path: Path) -> Path:
    """A config for rounds on a pool of 16 people in 12 images and 5 for testing, in files."""
    train = [(f"{i:09d}.jpg", (30, 40)) for i in range(12)]
    train += [(f"{i:09d}.jpg", (50, 40)) for i in range(4)]
    _write_mpii(tmp_path, train)
    _write_mpii(tmp_path, [(f"{100 + i:09d}.jpg", (40, 40)) for i in range(5)], split="test")
    path = tmp_path / "config.py"
    path.write_text(TINY_POSE_CONFIG.replace("{root}", str(tmp_path)))
    return path


#: A detector and a pool that train in a second.
TINY_CONFIG = """
_base_ = "mmdet::ssd/ssd300_coco.py"
custom_imports = dict(imports=["mmal"])
target = _base_.model
target.pop("neck")
target["backbone"] = dict(
    type="ResNet", depth=18, base_channels=4, norm_eval=False,
    num_stages=3, strides=(1, 2, 2), dilations=(1, 1, 1), out_indices=(1, 2),
)
target["bbox_head"].update(num_classes=2, in_channels=[8, 16])
target["bbox_head"]["anchor_generator"] = dict(
    type="SSDAnchorGenerator", scale_major=False, strides=[8, 16], ratios=[[2], [2]],
    min_sizes=[8, 16], max_sizes=[16, 32],
)
model = dict(
    _delete_=True,
    type="mmal.LearningLoss",
    target=target,
    loss_predictor=dict(type="mmal.LossPredictionNeck", in_channels=[8, 16], channels=8),
    ranking_loss=dict(type="mmal.PairwiseRankingLoss"),
)
folder = dict(
    type="VOCDataset", data_root="{root}", data_prefix=dict(sub_data_root=""),
    metainfo=dict(classes=("cat", "dog")),
)
resize = dict(type="Resize", scale=(48, 40), keep_ratio=False)
load = [dict(type="LoadImageFromFile"), dict(type="LoadAnnotations", with_bbox=True)]
flip = dict(type="RandomFlip", prob=0.5)
light = dict(type="PhotoMetricDistortion")
pack = dict(type="PackDetInputs")
train_dataloader = dict(
    batch_size=4, num_workers=2, batch_sampler=None,
    dataset=dict(
        _delete_=True, ann_file="ImageSets/Main/train.txt",
        pipeline=[*load, resize, flip, light, pack], **folder,
    ),
)
test_dataloader = dict(
    batch_size=2, num_workers=0, persistent_workers=False,
    dataset=dict(
        _delete_=True, ann_file="ImageSets/Main/test.txt", test_mode=True,
        pipeline=[load[0], resize, load[1], pack], **folder,
    ),
)
val_dataloader = test_dataloader
test_evaluator = dict(_delete_=True, type="VOCMetric", metric="mAP", eval_mode="area")
val_evaluator = test_evaluator
train_cfg = dict(max_epochs=3, val_interval=3)
optim_wrapper = dict(optimizer=dict(lr=1e-3))
param_scheduler = []
default_hooks = dict(checkpoint=dict(interval=1), logger=dict(interval=1))
custom_hooks = [dict(type="mmal.ActiveLearningHook", detach_epoch=2)]
# Reports take longer than rounds of this size: tests of what they show ask for them.
active_learning = dict(rounds=3, initial=6, budget=4, report=False)
randomness = dict(seed=0)
work_dir = "{root}/work"
"""


def _two_boxes(rng: np.random.Generator) -> list:
    corners = [(int(rng.integers(1, 24)), int(rng.integers(1, 20))) for _ in range(2)]
    names = rng.choice(["cat", "dog"], 2)
    return [(name, x, y, x + 16, y + 16) for name, (x, y) in zip(names, corners, strict=True)]


@pytest.fixture
def config_file(tmp_path: Path, write_voc: Callable[..., dict]) -> Path:
    """A config for rounds on a pool of 16 images and 5 for testing, in files."""
    rng = np.random.default_rng(0)
    write_voc(tmp_path, {f"train_{i:02d}": _two_boxes(rng) for i in range(16)})
    write_voc(tmp_path, {f"test_{i:02d}": _two_boxes(rng) for i in range(5)}, split="test")
    path = tmp_path / "config.py"
    path.write_text(TINY_CONFIG.replace("{root}", str(tmp_path)))
    return path


@pytest.fixture
def cfg(config_file: Path) -> Config:
    """The config of :func:`config_file`."""
    return Config.fromfile(config_file)
