"""Writes a toy pose estimation data set of drawn people in the layout of MPII.

Most scenes are easy: one or two people who stand or walk in plain view. A long tail of hard scenes
shows what people rarely do (handstands, lying, running), small, cut off, half hidden, dressed like
the background. The test split, which MPII calls ``val``, has as many hard scenes as easy ones. So
a learner that asks for hard images has something to gain over a random one.
"""

import io
import json
from pathlib import Path

import numpy as np
from scipy.io import savemat

from mmal.datasets.toy.figure_scenes import Figure, FigureStyle, draw_figure_scene
from mmal.datasets.toy.folder import check_least, fill_folder, is_hard, make_scene_rng, write_jpeg
from mmal.datasets.toy.poses import COMMON_POSES, RARE_POSES

VERSION = 1
"""Raise it whenever the same parameters give another data set."""
MANIFEST = "toy_mpii.json"
"""File in the data set's folder that records what was generated."""
MIN_SIZE = 128
"""Below this the people of hard scenes are no longer recognisable."""
SPLITS = ("train", "val")
PIXEL_STD = 200
"""MPII gives the height of people in units of so many pixels."""

EASY = FigureStyle(
    poses=COMMON_POSES,
    height=(0.6, 0.88),
    wobble=6,
    elevation=(0, 10),
    camouflage=(0, 0.1),
    cut=0,
    bystanders=(0, 1),
    clutter=(0, 1),
    occluders=(0, 0),
    grain=0.006,
)
HARD = FigureStyle(
    poses=RARE_POSES,
    height=(0.45, 0.8),
    wobble=12,
    elevation=(0, 28),
    camouflage=(0.2, 0.6),
    cut=0.3,
    bystanders=(0, 2),
    clutter=(0, 3),
    occluders=(0, 2),
    grain=0.012,
)


def make_toy_mpii(
    out_dir: str | Path,
    num_train: int = 400,
    num_val: int = 200,
    size: int = 192,
    seed: int = 0,
) -> Path:
    """Generate the data set, unless the very same one is already there.

    The same parameters give the same bytes with the same releases of NumPy and OpenCV.

    The folder appears at once when all is written, so an interruption leaves no half data set::

        out_dir/images/000000000.jpg ...
        out_dir/annotations/mpii_{train,val}.json
        out_dir/annotations/mpii_gt_val.mat
        out_dir/toy_mpii.json

    One person of each image is annotated, the one whom the scene is about: an active learner
    queries images, and so an image is one sample.

    Args:
        out_dir: Folder to create; its parents are created as well.
        num_train: Number of training images.
        num_val: Number of test images.
        size: Side of the square images in pixels.
        seed: Seed of the data set. Image ``i`` of a split does not depend on the number of images.

    Returns:
        ``out_dir`` as a path.

    Raises:
        ValueError: If a parameter is out of range.
        FileExistsError: If ``out_dir`` holds anything but this data set.
    """
    spec = dict(num_train=num_train, num_val=num_val, size=size, seed=seed, version=VERSION)
    check_least(spec, num_train=1, num_val=1, size=MIN_SIZE, seed=0)
    return fill_folder(out_dir, MANIFEST, spec, lambda folder: _write_data_set(folder, spec))


def image_name(split: str, index: int) -> str:
    """Name an image by a number, as in MPII; MpiiDataset takes it for the image's id."""
    return f"{SPLITS.index(split)}{index:08d}.jpg"


def annotate(image: str, figure: Figure, size: int) -> dict:
    """Write down a person as in MPII's JSON files, where pixels are counted from 1.

    A joint that something hides keeps its place, one beyond the image gets (-1, -1); both have
    ``joints_vis`` 0. The easy scenes are not told from the hard ones.

    Args:
        image: Name of the image.
        figure: The person.
        size: Side of the image in pixels.
    """
    inside = ((np.rint(figure.joints) >= 0) & (np.rint(figure.joints) < size)).all(axis=1)
    joints = np.where(inside[:, None], figure.joints + 1, -1)
    shown = joints[inside]
    scale = figure.height / PIXEL_STD
    center = (shown.min(axis=0) + shown.max(axis=0)) / 2
    # MPII's centres lie at the chest: so far above the middle that MpiiDataset moves them down.
    center[1] -= 15 * scale
    return dict(
        image=image,
        center=center.round(2).tolist(),
        scale=round(scale, 5),
        joints=joints.round(2).tolist(),
        joints_vis=figure.visible.astype(int).tolist(),
    )


def _write_data_set(folder: Path, spec: dict[str, int]) -> None:
    """Write all images, annotations and head boxes into an empty folder."""
    for name in ("images", "annotations"):
        (folder / name).mkdir()
    size, seed = spec["size"], spec["seed"]
    for part, split in enumerate(SPLITS):
        annotations, boxes = [], []
        for index in range(spec[f"num_{split}"]):
            name, style = image_name(split, index), HARD if is_hard(part, index, seed) else EASY
            scene, (person, *_) = draw_figure_scene(make_scene_rng(part, index, seed), style, size)
            write_jpeg(folder / "images" / name, scene.render())
            annotations.append(annotate(name, person, size))
            boxes.append(person.head_box)
        path = folder / "annotations" / f"mpii_{split}.json"
        path.write_text(json.dumps(annotations) + "\n")
        if split == "val":  # PCKh is relative to the size of the head
            _write_head_boxes(folder / "annotations" / "mpii_gt_val.mat", np.array(boxes))


def _write_head_boxes(path: Path, boxes: np.ndarray) -> None:
    """Write boxes [N, 4] as MATLAB's ``headboxes_src`` [2, 2, N]: corner, then x and y."""
    stream = io.BytesIO()
    corners = boxes.reshape(-1, 2, 2).transpose(1, 2, 0)
    savemat(stream, {"headboxes_src": np.round(corners + 1, 2)})
    # A file begins with 116 bytes of text for people, in which SciPy puts the time.
    text = b"MATLAB 5.0 MAT-file, head boxes of the toy MPII data set"
    path.write_bytes(text.ljust(116) + stream.getvalue()[116:])
