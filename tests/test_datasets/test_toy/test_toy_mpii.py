"""Tests of the toy MPII data set, on a small copy of it."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from scipy.io import loadmat

from mmal.datasets.toy import make_toy_mpii, toy_mpii
from mmal.datasets.toy.digit_scenes import Scene
from mmal.datasets.toy.figure_scenes import Figure
from mmal.datasets.toy.folder import is_hard
from mmal.datasets.toy.poses import COMMON_POSES, RARE_POSES
from mmal.datasets.toy.toy_mpii import EASY, HARD, annotate, image_name

SMALL = dict(num_train=20, num_val=20, size=128)
TINY = dict(num_train=2, num_val=1, size=128)
# A person of 100 pixels, whose first joint is beyond the image and whose last one is covered.
PLACES = np.array([(-3, 50), *((20 + 3 * k, 30 + 4.5 * k) for k in range(15))])
VISIBLE = np.array([False, *[True] * 14, False])
PERSON = Figure(PLACES, VISIBLE, head_box=(40, 10, 52, 26), height=100, layer=0)


@pytest.fixture(scope="module")
def data_set(tmp_path_factory) -> Path:
    return make_toy_mpii(tmp_path_factory.mktemp("data") / "deep" / "toy", **SMALL)


def read_annotations(folder: Path, split: str) -> list[dict]:
    return json.loads((folder / f"annotations/mpii_{split}.json").read_text())


def load_with_mmpose(folder: Path, split: str):
    body = pytest.importorskip("mmpose.datasets.datasets.body", reason="it reads the data set")
    test = dict(test_mode=True, headbox_file=str(folder / "annotations/mpii_gt_val.mat"))
    return body.MpiiDataset(
        ann_file=f"annotations/mpii_{split}.json",
        data_root=str(folder),
        data_prefix=dict(img="images/"),
        **(test if split == "val" else {}),
    )


def test_layout(data_set):
    annotations = {split: read_annotations(data_set, split) for split in toy_mpii.SPLITS}

    assert {split: len(persons) for split, persons in annotations.items()} == dict(train=20, val=20)
    images = [person["image"] for persons in annotations.values() for person in persons]
    assert sorted(images) == sorted(path.name for path in (data_set / "images").iterdir())
    assert len(set(images)) == 40  # one person each
    assert sorted(path.name for path in (data_set / "annotations").iterdir()) == [
        "mpii_gt_val.mat", "mpii_train.json", "mpii_val.json"
    ]  # fmt: skip
    assert [path.name for path in data_set.parent.iterdir()] == ["toy"]  # no temporary folder left


def test_annotations_hold_mpii_fields_only(data_set):
    for split in toy_mpii.SPLITS:
        for person in read_annotations(data_set, split):
            image = cv2.imread(str(data_set / "images" / person["image"]))
            assert image.shape == (128, 128, 3)

            assert list(person) == ["image", "center", "scale", "joints", "joints_vis"]
            joints, visible = np.array(person["joints"]), np.array(person["joints_vis"])
            assert joints.shape == (16, 2)
            assert set(visible) <= {0, 1}
            assert visible.sum() >= 10
            missing = (joints == -1).all(axis=1)
            assert not visible[missing].any()
            assert joints[~missing].min() >= 0.5
            assert joints[~missing].max() <= 128.5
            assert 0.4 * 128 <= 200 * person["scale"] <= 0.9 * 128


def test_annotation_counts_pixels_from_one():
    person = annotate("000000007.jpg", PERSON, 128)

    assert person["image"] == "000000007.jpg"
    assert person["scale"] == 0.5
    assert person["joints"][0] == [-1, -1]
    np.testing.assert_allclose(person["joints"][1:], PLACES[1:] + 1)
    assert person["joints_vis"] == VISIBLE.astype(int).tolist()
    # Joints in the image lie at x 20 to 62, y 30 to 93; the centre is 15 * 0.5 higher.
    assert person["center"] == [42, 62.5 - 7.5]


def test_mpii_dataset_undoes_the_conventions(tmp_path, monkeypatch):
    scene = Scene(np.zeros((128, 128, 3)), (), np.zeros((128, 128, 1))), [PERSON]
    monkeypatch.setattr(toy_mpii, "draw_figure_scene", lambda rng, style, size: scene)
    info = load_with_mmpose(make_toy_mpii(tmp_path / "toy", **TINY), "val").get_data_info(0)

    np.testing.assert_allclose(info["bbox_center"], [[41, 61.5]])
    np.testing.assert_allclose(info["bbox_scale"], [[100, 100]])
    np.testing.assert_allclose(info["head_size"], [[0.6 * 20]])  # diagonal of 12 times 16
    np.testing.assert_allclose(info["keypoints"][0, 1:] - 1, PLACES[1:])  # it leaves these to us


@pytest.mark.parametrize("split", toy_mpii.SPLITS)
def test_mpii_dataset_loads_it(data_set, split):
    written, loaded = read_annotations(data_set, split), load_with_mmpose(data_set, split)

    assert len(loaded) == 20
    for index, person in enumerate(written):
        info = loaded.get_data_info(index)
        assert Path(info["img_path"]) == data_set / "images" / person["image"]
        assert info["img_id"] == int(person["image"][:9])
        np.testing.assert_allclose(info["keypoints"][0], person["joints"], rtol=1e-6)
        np.testing.assert_array_equal(info["keypoints_visible"][0], person["joints_vis"])
        # The box that top-down models see, a quarter larger, holds all that is visible.
        seen = info["keypoints"][0][np.array(person["joints_vis"]) > 0] - 1
        reach = np.abs(seen - info["bbox_center"]).max()
        assert reach <= 1.25 * info["bbox_scale"].max() / 2


@pytest.mark.parametrize(("shift", "expected"), [(0, 100), (0.45, 100), (0.55, 0)])
def test_pckh_of_mmpose(data_set, shift, expected):
    metrics = pytest.importorskip("mmpose.evaluation.metrics")
    loaded, metric = load_with_mmpose(data_set, "val"), metrics.MpiiPCKAccuracy(prefix="toy")
    for index in range(len(loaded)):
        truth = loaded.get_data_info(index)
        # Pixels counted from 0, as a model gives them. Shifts are in units of the head.
        pred = truth["keypoints"] - 1 + [shift * truth["head_size"].item(), 0]
        names = ("keypoints", "keypoints_visible", "head_size")
        truth = {name: truth[name] for name in names}
        metric.process([], [dict(pred_instances=dict(keypoints=pred), gt_instances=truth)])

    found = metric.evaluate(len(loaded))
    for name in ("PCK", "Elbow PCK", "Head PCK"):
        assert found[f"toy/{name}"] == pytest.approx(expected)
    assert found["toy/PCK@0.1"] == pytest.approx(0 if shift else 100)


def test_some_wrong_joints_lower_pckh(data_set):
    metrics = pytest.importorskip("mmpose.evaluation.metrics")
    loaded, metric = load_with_mmpose(data_set, "val"), metrics.MpiiPCKAccuracy(prefix="toy")
    for index in range(len(loaded)):
        truth = loaded.get_data_info(index)
        pred = truth["keypoints"] - 1
        pred[:, [10, 15]] += truth["head_size"].item()  # both wrists
        metric.process([], [dict(pred_instances=dict(keypoints=pred), gt_instances=truth)])

    found = metric.evaluate(len(loaded))
    assert found["toy/Wrist PCK"] == 0
    assert found["toy/Ankle PCK"] == pytest.approx(100)
    # Two of the 14 joints that count, if all were visible.
    assert found["toy/PCK"] == pytest.approx(100 * 12 / 14, abs=2)


def test_head_boxes_are_those_of_the_test_persons(data_set):
    boxes = loadmat(data_set / "annotations/mpii_gt_val.mat")["headboxes_src"]
    persons = read_annotations(data_set, "val")

    assert boxes.shape == (2, 2, 20)
    for index, person in enumerate(persons):
        (left, top), (right, bottom) = boxes[:, :, index]
        height = 200 * person["scale"]
        assert 0.07 * height < min(right - left, bottom - top)
        assert max(right - left, bottom - top) < 0.25 * height
        # It goes from the chin to the top, however the head is turned.
        for joint in (8, 9):
            x, y = person["joints"][joint]
            if (x, y) != (-1, -1):
                assert left - 0.5 <= x <= right + 0.5
                assert top - 0.5 <= y <= bottom + 0.5


def test_head_boxes_hold_no_time(data_set):
    # Two sets made within a second would be equal all the same.
    assert b"Created" not in (data_set / "annotations/mpii_gt_val.mat").read_bytes()


def test_a_person_does_not_depend_on_how_many_there_are(tmp_path, data_set):
    few = make_toy_mpii(tmp_path / "toy", **TINY)

    for split, number in (("train", 2), ("val", 1)):
        assert read_annotations(few, split) == read_annotations(data_set, split)[:number]


def test_splits_differ(data_set):
    train, val = (read_annotations(data_set, split) for split in toy_mpii.SPLITS)

    assert not {str(person["joints"]) for person in train} & {str(p["joints"]) for p in val}


def test_images_are_named_by_different_numbers():
    names = [image_name(split, index) for split in toy_mpii.SPLITS for index in (0, 9, 12345)]

    assert names[1] == "000000009.jpg"
    assert names[4] == "100000009.jpg"
    assert len({int(name.split(".")[0]) for name in names}) == 6


def test_hard_scenes_hide_more(data_set):
    hidden = {True: [], False: []}
    for part, split in enumerate(toy_mpii.SPLITS):
        for index, person in enumerate(read_annotations(data_set, split)):
            hidden[is_hard(part, index, seed=0)].append(16 - sum(person["joints_vis"]))

    assert np.mean(hidden[False]) < 0.5
    assert np.mean(hidden[True]) > 1


def test_rare_poses_live_in_hard_scenes():
    assert EASY.poses == COMMON_POSES
    assert HARD.poses == RARE_POSES
    assert not set(map(id, COMMON_POSES)) & set(map(id, RARE_POSES))
