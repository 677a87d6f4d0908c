"""Writes a toy detection data set of handwritten digits in the layout of PASCAL VOC.

Most scenes are easy and show few classes; a long tail of hard scenes (small, faint, half hidden
digits among letters) holds nearly all of the rare classes. The test split has as many hard scenes
as easy ones. So a learner that asks for hard images has something to gain over a random one.
"""

import xml.etree.ElementTree as ET
from pathlib import Path

import cv2
import numpy as np

from mmal.datasets.toy.digit_scenes import FIELD_SIDE, Digit, SceneStyle, draw_scene
from mmal.datasets.toy.folder import check_least, fill_folder, is_hard, make_scene_rng, write_jpeg

CLASSES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
VERSION = 1
"""Raise it whenever the same parameters give another data set."""
MANIFEST = "toy_voc.json"
"""File in the data set's folder that records what was generated."""
MIN_SIZE = 96
"""Below this the digits of hard scenes are no longer legible."""
SPLITS = ("train", "test")
TRAIN_SHARE = 0.7
"""Share of the handwritten samples that only the training split uses."""

_TAIL = 0.72 ** np.arange(len(CLASSES))  # each class is this much rarer than the one before
EASY = SceneStyle(
    digits=(1, 4),
    height=(0.23, 0.43),
    tilt=10,
    shear=0.12,
    contrast=(0.42, 0.7),
    shadow=0.4,
    spread=(0.1, 0.5),
    distractors=(0, 0),
    occluders=(0, 0),
    grain=0.008,
    frequencies=tuple(_TAIL / _TAIL.sum()),
)
HARD = SceneStyle(
    digits=(3, 6),
    height=(0.13, 0.25),
    tilt=24,
    shear=0.3,
    contrast=(0.16, 0.38),
    shadow=0,
    spread=(0.3, 1),
    distractors=(1, 5),
    occluders=(0, 3),
    grain=0.02,
    frequencies=(1 / len(CLASSES),) * len(CLASSES),
)


def make_toy_voc(
    out_dir: str | Path,
    num_train: int = 400,
    num_test: int = 200,
    size: int = 160,
    seed: int = 0,
) -> Path:
    """Generate the data set, unless the very same one is already there.

    The same parameters give the same bytes with the same release of OpenCV; other releases scale
    and compress slightly differently, which moves a few boxes by a pixel.

    The folder appears at once when all is written, so an interruption leaves no half data set::

        out_dir/JPEGImages/train_00000.jpg ...
        out_dir/Annotations/train_00000.xml ...
        out_dir/ImageSets/Main/{train,test}.txt
        out_dir/toy_voc.json

    Args:
        out_dir: Folder to create; its parents are created as well.
        num_train: Number of training images.
        num_test: Number of test images.
        size: Side of the square images in pixels.
        seed: Seed of the data set. Image ``i`` of a split does not depend on the number of images.

    Returns:
        ``out_dir`` as a path.

    Raises:
        ValueError: If a parameter is out of range.
        FileExistsError: If ``out_dir`` holds anything but this data set.
    """
    spec = dict(num_train=num_train, num_test=num_test, size=size, seed=seed, version=VERSION)
    check_least(spec, num_train=1, num_test=1, size=MIN_SIZE, seed=0)
    return fill_folder(out_dir, MANIFEST, spec, lambda folder: _write_data_set(folder, spec))


def load_glyphs() -> dict[str, list[np.ndarray]]:
    """Load the handwritten digits of scikit-learn as smooth height fields of ink.

    The samples of each class are split between train and test in the order in which they were
    recorded: neighbours are often from one hand, and chance would put twins on both sides.

    Returns:
        For each split and class an array [N, 96, 96]; where it exceeds about 0.5 there is ink.

    Raises:
        ImportError: If scikit-learn is not installed.
    """
    try:  # here, because only those who generate the data set need scikit-learn
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise ImportError(
            "The toy data set is made from the digits that come with scikit-learn, which is not "
            "installed. Run `pip install scikit-learn`."
        ) from error
    images, labels = load_digits(return_X_y=True)
    fields = np.stack([_enlarge(image.reshape(8, 8) / 16) for image in images])
    glyphs: dict[str, list[np.ndarray]] = {"train": [], "test": []}
    for label in range(len(CLASSES)):
        samples = fields[labels == label]
        border = round(TRAIN_SHARE * len(samples))
        glyphs["train"].append(samples[:border])
        glyphs["test"].append(samples[border:])
    return glyphs


def _enlarge(glyph: np.ndarray) -> np.ndarray:
    """Enlarge a sample [8, 8] of ink in [0, 1] to a height field [96, 96]."""
    padded = np.pad(glyph.astype(np.float32), 2)
    field = cv2.resize(padded, (FIELD_SIDE, FIELD_SIDE), interpolation=cv2.INTER_CUBIC)
    field = cv2.GaussianBlur(field, (0, 0), 2.5)
    # Thin strokes are faint at 8x8. Dividing by the darkest ink nearby keeps them whole, while
    # the constant keeps smudges on blank paper from becoming ink.
    peak = cv2.GaussianBlur(cv2.dilate(field, np.ones((17, 17))), (0, 0), 6)
    return field / (0.15 + 0.85 * peak)


def _write_data_set(folder: Path, spec: dict[str, int]) -> None:
    """Write all images, annotations and lists into an empty folder."""
    for name in ("JPEGImages", "Annotations", "ImageSets/Main"):
        (folder / name).mkdir(parents=True)
    glyphs, size, seed = load_glyphs(), spec["size"], spec["seed"]
    for part, split in enumerate(SPLITS):
        names = [f"{split}_{index:05d}" for index in range(spec[f"num_{split}"])]
        for index, name in enumerate(names):
            style = HARD if is_hard(part, index, seed) else EASY
            scene = draw_scene(make_scene_rng(part, index, seed), glyphs[split], style, size)
            write_jpeg(folder / "JPEGImages" / f"{name}.jpg", scene.render())
            annotation = _annotate(name, size, scene.digits())
            annotation.write(folder / "Annotations" / f"{name}.xml")
        (folder / "ImageSets" / "Main" / f"{split}.txt").write_text("\n".join(names) + "\n")


def _annotate(name: str, size: int, digits: list[Digit]) -> ET.ElementTree:
    """Build the VOC annotation. It does not tell easy from hard scenes."""
    root = ET.Element("annotation")
    _add_fields(root, folder="JPEGImages", filename=f"{name}.jpg")
    _add_fields(ET.SubElement(root, "size"), width=size, height=size, depth=3)
    _add_fields(root, segmented=0)
    for label, (left, top, right, bottom), difficult in digits:
        item = ET.SubElement(root, "object")
        _add_fields(item, name=CLASSES[label], pose="Unspecified", truncated=0)
        _add_fields(item, difficult=int(difficult))
        # VOC counts pixels from 1 and includes the last one.
        box = dict(xmin=left + 1, ymin=top + 1, xmax=right, ymax=bottom)
        _add_fields(ET.SubElement(item, "bndbox"), **box)
    ET.indent(root)
    return ET.ElementTree(root)


def _add_fields(parent: ET.Element, **fields: str | int) -> None:
    for name, value in fields.items():
        ET.SubElement(parent, name).text = str(value)
