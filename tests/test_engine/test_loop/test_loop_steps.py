"""Loops from raw images to a second model, in each task and with every kind of delivery."""

import csv
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.fileio import LocalBackend, register_backend

from mmal.apis.loop import LoopSteps
from mmal.datasets.exchange import FORMATS
from mmal.engine.loop import LoopData, Project, ProjectError
from mmal.engine.loop import pick as loop_pick
from mmal.engine.loop.importing import _Names
from mmal.engine.loop.pick import Candidates
from mmal.structures import ImageLabels, PoolScores
from tests.annotators import true_labels
from tests.classifiers import needs_mmpretrain, rounds_config


class Loop:
    """A loop on the images of a config's training data, whose labels an annotator knows."""

    def __init__(self, cfg: Config, images: Path, tmp_path: Path, **kwargs) -> None:
        self.cfg, self.root, self._out = cfg, tmp_path / "project", tmp_path / "delivery"
        self.steps = LoopSteps(self.root)
        self.steps.init(cfg, [str(images)], **kwargs)
        self.schema = self.data.schema
        self.truth = true_labels(cfg, images, self.schema)

    @property
    def project(self) -> Project:
        return Project.load(self.root)

    @property
    def data(self) -> LoopData:
        return LoopData(self.project, self.cfg)

    def deliver(self, labels: Sequence[ImageLabels], format_name: str = "coco", **kwargs) -> None:
        shutil.rmtree(self._out, ignore_errors=True)
        FORMATS[format_name].write(labels, self.schema, self._out)
        self.steps.import_labels(str(self._out), **kwargs)

    def annotate(self, format_name: str = "coco", **kwargs) -> None:
        self.deliver([self.truth[i] for i in self.project.pending], format_name, **kwargs)


@pytest.fixture
def loop(cfg: Config, tmp_path: Path) -> Loop:
    """A detector's, whose pool holds the test images, too."""
    return Loop(cfg, tmp_path / "JPEGImages", tmp_path)


def labels_by_id(loop: Loop) -> dict[str, ImageLabels]:
    return loop.data.labels()


def test_two_rounds_of_a_detector(loop: Loop, tmp_path: Path, capsys) -> None:
    loop.cfg.active_learning.query = dict(type="mmal.LearnedLoss")
    loop.project.config_file.write_text(loop.cfg.pretty_text)
    loop.steps.pick(6)
    first = loop.project.pending
    assert len(set(first)) == 6
    assert loop.project.picks[0].query == "Random"  # the tiny model names no weights
    assert not any(name.startswith("test") for name in first)
    loop.annotate("voc")
    loop.steps.train()
    record = json.loads((loop.root / "training/round_00/metrics.json").read_text())
    assert record["labeled"] == 6
    assert record["annotations"] == dict(boxes=12)

    loop.steps.pick(4)
    picked = loop.project.picks[1]
    scores = PoolScores.load(loop.root / "pick_01/scores.parquet")
    assert set(scores.ids) == {f"train_{i:02d}.jpg" for i in range(16)} - set(first)
    best = np.argsort(-scores.fields["pred_loss"])[:4]
    assert picked.picks == [scores.ids[i] for i in best]
    assert picked.model == "training/round_00/epoch_3.pth"
    loop.annotate("cvat")
    loop.steps.train()
    curve = (loop.root / "training/curve.csv").read_text().splitlines()
    assert [line.split(",")[1] for line in curve] == ["labeled", "6", "10"]
    # What was trained on is what the annotator drew.
    found = labels_by_id(loop)
    for name in [*first, *picked.picks]:
        for drawn, kept in zip(loop.truth[name].objects, found[name].objects, strict=True):
            assert kept.name == drawn.name
            np.testing.assert_allclose(kept.box, drawn.box, atol=1e-3)
    capsys.readouterr()
    loop.steps.status()
    assert "10 images labelled, 0 wait for labels, 0 skipped, 6 left to pick" in (
        capsys.readouterr().out
    )


def test_people_and_their_joints(pose_config_file: Path, tmp_path: Path) -> None:
    cfg = Config.fromfile(pose_config_file)
    loop = Loop(cfg, tmp_path / "images", tmp_path)
    loop.steps.pick(6)
    first = loop.project.pending
    loop.annotate("coco")
    loop.steps.train()
    people = sum(len(loop.truth[name].objects) for name in first)
    record = json.loads((loop.root / "training/round_00/metrics.json").read_text())
    assert record["labeled"] == people  # a sample is a person
    loop.steps.pick(3)
    assert not set(loop.project.pending) & set(first)
    loop.steps.export("cvat", images="link", min_score=0)
    exported = FORMATS["cvat"].read(loop.root / "pick_01/cvat", loop.schema)
    assert {image.name for image in exported} == set(loop.project.pending)
    for image in exported:
        (person,) = image.objects  # one who fills the image, as nobody said where people are
        assert len(person.keypoints) == 16
        linked = loop.root / "pick_01/cvat/images" / image.name
        assert linked.resolve() == (tmp_path / "images" / image.name).resolve()


@needs_mmpretrain
def test_classes_of_images(tmp_path: Path) -> None:
    cfg = rounds_config(tmp_path)
    cfg.active_learning.pop("query", None)
    loop = Loop(cfg, tmp_path / "train", tmp_path)
    loop.steps.pick(6)
    loop.annotate("label_studio")
    loop.steps.train()
    loop.steps.pick(3)
    assert loop.project.picks[1].query.startswith("Herding")
    loop.steps.export("coco")
    content = json.loads((loop.root / "pick_01/coco/coco.json").read_text())
    assert len(content["annotations"]) == 3  # the class that the model would give
    assert all(image["model"] == "round 0" for image in content["images"])


def test_half_a_delivery_leaves_the_rest_pending_and_twice_is_once(loop: Loop, capsys) -> None:
    loop.steps.pick(6)
    half = loop.project.pending[:3]
    loop.deliver([loop.truth[name] for name in half])
    before = loop.project.file.read_bytes()
    loop.deliver([loop.truth[name] for name in half])
    assert loop.project.file.read_bytes() == before
    assert "3 as they were" in capsys.readouterr().out
    assert len(loop.project.pending) == 3
    with pytest.raises(ProjectError, match="3 picked images wait for labels"):
        loop.steps.pick(2)


def test_refused_images_alone_are_a_delivery(loop: Loop) -> None:
    loop.steps.pick(2)
    refused, other = loop.project.pending
    loop.deliver([ImageLabels(refused, skipped=True)])
    before = loop.project.file.read_bytes()
    loop.deliver([ImageLabels(refused, skipped=True)])
    assert loop.project.file.read_bytes() == before
    assert loop.project.pending == [other]
    assert labels_by_id(loop) == {}
    loop.deliver([loop.truth[other]])
    loop.deliver([ImageLabels(other, skipped=True)])  # its labels stay
    assert list(loop.project.labeled) == [other]


def test_corrected_labels_replace_the_old_ones(loop: Loop, capsys) -> None:
    loop.steps.pick(4)
    loop.annotate()
    name = loop.project.picks[0].picks[0]
    corrected = replace(loop.truth[name], objects=loop.truth[name].objects[:1])
    loop.deliver([corrected])
    assert "1 with corrected labels" in capsys.readouterr().out
    assert len(labels_by_id(loop)[name].objects) == 1
    assert loop.project.unlearnt == 5
    loop.steps.undo()
    assert len(labels_by_id(loop)[name].objects) == 2


def shifted(image: ImageLabels, by: float) -> ImageLabels:
    objects = [replace(item, box=tuple(edge + by for edge in item.box)) for item in image.objects]
    return replace(image, objects=tuple(objects))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda image: shifted(image, 100), r"no area inside the image of 48x40"),
        (lambda image: replace(image, size=(40, 48)), r"for an image of 40x48 .* has 48x40"),
        (lambda image: replace(image, name="train_99.jpg"), r"train_99.jpg: no image of the pool"),
        (lambda image: replace(image, name="test_00.jpg"), r"test_00.jpg: .* in the test set"),
    ],
)
def test_wrong_labels_are_refused_and_nothing_is_imported(
    loop: Loop, damage: Callable, message: str
) -> None:
    loop.steps.pick(4)
    good, bad = (loop.truth[name] for name in loop.project.pending[:2])
    before = loop.project.file.read_bytes()
    with pytest.raises(ProjectError, match=message):
        loop.deliver([good, damage(bad)])
    assert loop.project.file.read_bytes() == before
    loop.deliver([good, damage(bad)], only_valid=True)
    assert list(loop.project.labeled) == [good.name]
    assert bad.name in loop.project.pending


def test_labels_of_an_image_that_was_not_picked(loop: Loop) -> None:
    loop.steps.pick(2)
    other = next(name for name in loop.truth if name not in loop.project.pending)
    with pytest.raises(ProjectError, match="was never picked"):
        loop.deliver([loop.truth[other]])
    loop.deliver([loop.truth[other]], unpicked=True)
    assert list(loop.project.labeled) == [other]
    assert len(loop.project.pending) == 2


def test_images_without_objects_wait_unless_they_were_looked_at(loop: Loop, capsys) -> None:
    loop.steps.pick(2)
    empty = ImageLabels(loop.project.pending[0])
    loop.deliver([empty])
    assert "1 that nobody seems to have looked at" in capsys.readouterr().out
    assert len(loop.project.pending) == 2
    loop.deliver([empty], all_finished=True)
    assert len(loop.project.pending) == 1


def test_what_is_skipped_labelled_or_tested_is_never_picked_in_any_copy(
    loop: Loop, tmp_path: Path
) -> None:
    loop.steps.pick(2)
    labelled, refused = loop.project.pending
    loop.deliver([loop.truth[labelled], ImageLabels(refused, skipped=True)], "label_studio")
    skipped = next(n for n in loop.truth if n not in (labelled, refused))
    loop.steps.skip([skipped])
    folder = tmp_path / "JPEGImages"
    for name in (labelled, refused, skipped, "test_00.jpg"):
        shutil.copy(folder / name, folder / f"copy_of_{name}")
    loop.steps.pick(13)
    assert sorted(loop.project.pending) == sorted(loop.truth.keys() - {labelled, refused, skipped})


def test_of_copies_of_one_image_one_is_picked(loop: Loop, tmp_path: Path) -> None:
    folder = tmp_path / "JPEGImages"
    shutil.copytree(folder, folder / "more")
    loop.steps.pick(100)
    assert len(loop.project.pending) == 16


def test_images_come_and_go(loop: Loop, tmp_path: Path, capsys) -> None:
    loop.steps.pick(2)
    loop.annotate()
    folder = tmp_path / "JPEGImages"
    gone = next(iter(loop.project.labeled))
    image = cv2.imread(str(folder / gone))
    (folder / gone).rename(tmp_path / gone)
    cv2.imwrite(str(folder / "new.png"), image[:, ::-1])
    (folder / "broken.jpg").write_bytes(b"no image")
    (folder / os.fsdecode(b"\xff.jpg")).write_bytes((folder / "new.png").read_bytes())
    capsys.readouterr()
    loop.steps.status()
    said = capsys.readouterr().out
    assert f"Not in the pool any more: '{gone}'" in said
    assert "broken.jpg: is no image" in said
    assert ".jpg: its name is no UTF-8: rename it" in said
    assert "15 left to pick" in said


def test_equal_names_in_two_folders_stay_two_images(
    cfg: Config, tmp_path: Path, write_voc: Callable
) -> None:
    rng = np.random.default_rng(1)
    for folder in ("a", "b"):
        (tmp_path / "raw" / folder).mkdir(parents=True)
        noise = rng.integers(0, 255, (40, 48, 3), dtype=np.uint8)
        cv2.imwrite(str(tmp_path / "raw" / folder / "same.png"), noise)
    loop = Loop.__new__(Loop)
    loop.cfg, loop.root, loop._out = cfg, tmp_path / "project", tmp_path / "delivery"
    loop.steps = LoopSteps(loop.root)
    loop.steps.init(cfg, [str(tmp_path / "raw")])
    loop.schema = loop.data.schema
    loop.steps.pick(2)
    assert sorted(loop.project.pending) == ["a/same.png", "b/same.png"]
    with pytest.raises(ProjectError, match=r"it may be any of 'a/same.png', 'b/same.png'"):
        loop.deliver([ImageLabels("same.png")], all_finished=True)
    loop.deliver([ImageLabels("b/same.png")], all_finished=True)
    assert list(loop.project.labeled) == ["b/same.png"]


def test_a_checkpoint_trained_elsewhere_picks(loop: Loop, tmp_path: Path) -> None:
    loop.steps.pick(6)
    loop.annotate()
    loop.steps.train()
    other = LoopSteps(tmp_path / "other")
    other.init(loop.cfg, [str(tmp_path / "JPEGImages")])
    checkpoint = loop.root / "training/round_00/epoch_3.pth"
    other.pick(3, dict(type="mmal.LearnedLoss"), str(checkpoint))
    picked = Project.load(tmp_path / "other").picks[0]
    scores = PoolScores.load(tmp_path / "other/pick_00/scores.parquet")
    best = np.argsort(-scores.fields["pred_loss"])[:3]
    assert picked.picks == [scores.ids[i] for i in best]


def test_own_data_are_trained_on_and_never_picked(cfg: Config, tmp_path: Path) -> None:
    folder = tmp_path / "JPEGImages"
    (tmp_path / "ImageSets/Main/train.txt").write_text("train_00\ntrain_01\ntrain_02\n")
    loop = Loop(cfg, folder, tmp_path, own_data=True)
    loop.steps.pick(100)
    assert sorted(loop.project.pending) == [f"train_{i:02d}.jpg" for i in range(3, 16)]
    loop.steps.undo()
    loop.steps.train()
    record = json.loads((loop.root / "training/round_00/metrics.json").read_text())
    assert record["labeled"] == 3


class Shelf(LocalBackend):
    """A file backend of mmengine that keeps ``shelf://`` in a folder."""

    root: Path

    def _path(self, name: str) -> str:
        return str(self.root / name.removeprefix("shelf://"))

    def get(self, filepath: str) -> bytes:
        return super().get(self._path(filepath))

    def isdir(self, filepath: str) -> bool:
        return super().isdir(self._path(filepath))

    def list_dir_or_file(self, dir_path: str, *args, **kwargs) -> Iterator[str]:
        return super().list_dir_or_file(self._path(dir_path), *args, **kwargs)


def test_images_in_another_file_backend(
    cfg: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Shelf, "root", tmp_path, raising=False)
    register_backend("shelf", Shelf, force=True, prefixes="shelf")
    root = tmp_path / "project"
    steps = LoopSteps(root)
    steps.init(cfg, ["shelf://JPEGImages"])
    steps.pick(6)
    picks = Project.load(root).pending
    assert len(picks) == 6
    assert not any(name.startswith("test") for name in picks)
    steps.export("coco", images="copy")
    for name in picks:
        copy = root / "pick_00/coco/images" / name
        assert copy.read_bytes() == (tmp_path / "JPEGImages" / name).read_bytes()
    schema = LoopData(Project.load(root), cfg).schema
    truth = true_labels(cfg, tmp_path / "JPEGImages", schema)
    FORMATS["yolo"].write([truth[name] for name in picks], schema, tmp_path / "back")
    steps.import_labels(str(tmp_path / "back"))
    steps.train()
    assert len(Project.load(root).trainings) == 1


@pytest.mark.parametrize("format_name", ["coco", "voc", "cvat", "yolo"])
def test_proposals_that_come_back_as_they_went_are_no_labels(
    loop: Loop, format_name: str, capsys
) -> None:
    loop.steps.pick(6)
    loop.annotate()
    loop.steps.train()
    loop.steps.pick(3)
    loop.steps.export(format_name, min_score=0.0)
    exported = loop.root / "pick_01" / format_name
    for file in exported.rglob("*.xml"):  # a server keeps neither; CVAT says where shapes are from
        text = re.sub(r"<model>.*?</model>| model=\"[^\"]*\"", "", file.read_text())
        file.write_text(text.replace('source="auto"', 'source="file"'))
    loop.steps.import_labels(str(exported))
    assert len(loop.project.pending) == 3
    capsys.readouterr()
    loop.steps.import_labels(str(exported), all_finished=True)
    assert "3 of them have the model's proposals, unchanged" in capsys.readouterr().out
    assert not loop.project.pending


def test_proposals_of_an_earlier_export_are_no_labels_either(loop: Loop, capsys) -> None:
    loop.steps.pick(6)
    loop.annotate()
    loop.steps.train()
    loop.steps.pick(3)
    loop.steps.export("yolo", min_score=0.0)
    loop.steps.export("label_studio", min_score=0.9)
    capsys.readouterr()
    loop.steps.import_labels(str(loop.root / "pick_01/yolo"))
    assert len(loop.project.pending) == 3
    assert f"Not looked at: {min(loop.project.pending)!r}" in capsys.readouterr().out


def test_a_skip_is_taken_back(loop: Loop, capsys) -> None:
    loop.steps.skip(["train_03.jpg"])
    assert list(loop.project.skipped) == ["train_03.jpg"]
    capsys.readouterr()
    loop.steps.undo()
    said = capsys.readouterr().out
    assert "The last step, skip, is taken back ('train_03.jpg')." in said
    assert "Next: " in said
    assert not loop.project.skipped


def test_a_skipped_name_that_is_not_there_is_told_as_it_was_spelt(loop: Loop) -> None:
    with pytest.raises(ProjectError, match=r"'train_3\.jpg'\. Did you mean 'train_.*\.jpg'\?"):
        loop.steps.skip(["train_3.jpg"])
    assert not loop.project.skipped


def test_a_module_within_chance_is_told_when_it_trains_and_when_it_picks(
    loop: Loop, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    loop.cfg.active_learning.query = dict(type="mmal.LearnedLoss")
    loop.project.config_file.write_text(loop.cfg.pretty_text)
    loop.steps.pick(6)
    loop.annotate()
    monkeypatch.setattr(
        "mmal.engine.rounds.round_training.doubt_about_ranking", lambda *_: "it is chance"
    )
    loop.steps.train()
    assert "The predicted losses mean little: it is chance." in capsys.readouterr().out
    loop.steps.pick(3)
    assert "These picks may be worthless: it is chance." in capsys.readouterr().out
    loop.steps.undo()
    capsys.readouterr()
    loop.steps.pick(3, query=dict(type="mmal.CoreSet"))  # which does not read the module
    assert "worthless" not in capsys.readouterr().out
    loop.steps.undo()
    loop.cfg.active_learning.when_doubtful = "random"
    loop.project.config_file.write_text(loop.cfg.pretty_text)
    capsys.readouterr()
    loop.steps.pick(3)
    assert "Drawn at random: it is chance." in capsys.readouterr().out
    assert loop.project.picks[-1].query == "Random in place of LearnedLoss"


def test_an_interrupted_training_begins_anew_with_labels_that_came_since(
    loop: Loop, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop.steps.pick(4)
    loop.annotate()

    def interrupt(*args: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("mmal.engine.rounds.round_training.RoundTraining.evaluate", interrupt)
        with pytest.raises(KeyboardInterrupt):
            loop.steps.train()
    first = (loop.root / "training/round_00/epoch_3.pth").stat().st_mtime_ns
    loop.steps.train()  # nothing has changed: what is trained is evaluated
    assert (loop.root / "training/round_00/epoch_3.pth").stat().st_mtime_ns == first
    loop.steps.pick(3)
    loop.annotate()
    with monkeypatch.context() as patch:
        patch.setattr("mmal.engine.rounds.round_training.RoundTraining.evaluate", interrupt)
        with pytest.raises(KeyboardInterrupt):
            loop.steps.train()
    loop.steps.pick(2)
    loop.annotate()
    loop.steps.train()
    record = json.loads((loop.root / "training/round_01/metrics.json").read_text())
    assert record["labeled"] == 9
    assert (loop.root / "training/round_01.old_1").is_dir()


def test_an_export_touches_nothing_that_is_there(loop: Loop, tmp_path: Path) -> None:
    loop.steps.pick(2)
    photos = tmp_path / "JPEGImages"
    before = {path.name: path.read_bytes() for path in photos.iterdir()}
    with pytest.raises(ProjectError, match="is no empty folder"):
        loop.steps.export("yolo", out_dir=str(tmp_path), images="link")
    loop.steps.export("voc")
    edited = next((loop.root / "pick_00/voc").glob("*.xml"))
    edited.write_text("an annotator's work")
    loop.steps.export("voc")
    assert edited.read_text() == "an annotator's work"
    assert len(list((loop.root / "pick_00/voc_2").glob("*.xml"))) == 2
    assert {path.name: path.read_bytes() for path in photos.iterdir()} == before
    assert not any(path.is_symlink() for path in photos.iterdir())


def test_a_labelled_photo_may_be_renamed_or_lost(loop: Loop, tmp_path: Path, capsys) -> None:
    loop.steps.pick(5)
    loop.annotate()
    renamed, lost = list(loop.project.labeled)[:2]
    photos = tmp_path / "JPEGImages"
    (photos / renamed).rename(photos / "another_name.jpg")
    (photos / lost).unlink()
    loop.steps.train()
    out = capsys.readouterr().out
    assert f"not in the pool any more: '{lost}'. Trained without." in out
    content = json.loads((loop.root / "training/labels.json").read_text())
    assert len(content["images"]) == 4
    assert str(photos / "another_name.jpg") in {image["file_name"] for image in content["images"]}


def test_a_pending_photo_that_is_lost_can_be_skipped(loop: Loop, tmp_path: Path, capsys) -> None:
    loop.steps.pick(2)
    lost, other = loop.project.pending
    (tmp_path / "JPEGImages" / lost).unlink()
    loop.steps.export("coco")
    assert f"Not in the pool any more, and left out: '{lost}'" in capsys.readouterr().out
    content = json.loads((loop.root / "pick_00/coco/coco.json").read_text())
    assert [image["file_name"] for image in content["images"]] == [other]
    loop.steps.skip([lost])
    assert loop.project.pending == [other]


def test_a_pending_photo_that_is_renamed_is_the_same(loop: Loop, tmp_path: Path) -> None:
    loop.steps.pick(3)
    renamed = loop.project.pending[0]
    photos = tmp_path / "JPEGImages"
    (photos / renamed).rename(photos / "another_name.jpg")
    loop.steps.pick(100, more=True)
    assert len(loop.project.pending) == 16
    assert "another_name.jpg" not in loop.project.pending
    loop.steps.export("coco")
    loop.annotate()
    assert renamed in loop.project.labeled


def test_moved_photos_keep_their_ids(loop: Loop, tmp_path: Path, capsys) -> None:
    loop.steps.pick(3)
    loop.annotate()
    (tmp_path / "JPEGImages").rename(tmp_path / "elsewhere")
    before = loop.project.file.read_bytes()
    with pytest.raises(FileNotFoundError, match="does not exist"):
        loop.steps.relocate([str(tmp_path / "nowhere")])
    assert loop.project.file.read_bytes() == before
    shutil.copytree(tmp_path / "elsewhere", tmp_path / "JPEGImages")  # of the test data
    loop.steps.relocate([str(tmp_path / "elsewhere")])
    assert loop.project.sources.root == str(tmp_path / "elsewhere")
    assert "3 images labelled, 0 wait for labels, 0 skipped, 13 left" in capsys.readouterr().out


def test_a_checkpoint_without_the_module_picks_by_what_it_has(loop: Loop, tmp_path: Path) -> None:
    loop.steps.pick(6)
    loop.annotate()
    loop.steps.train()
    trained = torch.load(loop.root / "training/round_00/epoch_3.pth", weights_only=False)
    weights = trained["state_dict"]
    plain = {k: v for k, v in weights.items() if not k.startswith("loss_predictor.")}
    torch.save(dict(state_dict=plain), tmp_path / "plain.pth")
    loop.steps.pick(2, dict(type="mmal.Herding"), str(tmp_path / "plain.pth"))
    assert len(loop.project.pending) == 2
    for name, content, message in (
        ("plain.pth", None, r"lacks 'loss_predictor"),
        ("junk.pth", b"junk", "no checkpoint that PyTorch reads"),
    ):
        if content is not None:
            (tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError, match=message):
            loop.steps.pick(2, dict(type="mmal.LearnedLoss"), str(tmp_path / name), more=True)


def test_another_config_is_trained_again(loop: Loop, capsys) -> None:
    loop.steps.pick(6)
    loop.annotate()
    loop.steps.train()
    with pytest.raises(ProjectError, match="No label has come"):
        loop.steps.train()
    loop.cfg.train_cfg.max_epochs = 1
    loop.cfg.custom_hooks[0].detach_epoch = None
    loop.project.config_file.write_text(loop.cfg.pretty_text)
    capsys.readouterr()
    loop.steps.status()
    said = capsys.readouterr().out
    assert "was changed since the last model was trained" in said
    assert f"Next: python tools/loop.py train {loop.root}" in said
    loop.steps.train()
    assert len(loop.project.trainings) == 2


def test_a_class_that_was_renamed_has_labels(loop: Loop) -> None:
    loop.steps.pick(2)
    loop.annotate()
    file = loop.project.config_file
    old = loop.schema.classes[0]
    file.write_text(file.read_text().replace(f"'{old}'", f"'new_{old}'"))
    with pytest.raises(ProjectError, match=r"do not fit .*config.py any more(?s:.*)names back"):
        loop.steps.train()


def test_what_a_killed_process_left_is_removed(loop: Loop) -> None:
    left = loop.project.file.with_name(".project.123.tmp.json")
    left.write_text("{")
    loop.steps.pick(2)
    assert not left.exists()
    assert len(loop.project.pending) == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(optim_wrapper=dict(optimizer=dict(type="NoSuch"))), "NoSuch"),
        (dict(param_scheduler=[dict(type="StepLR", stepsize=1)]), "stepsize"),
        (dict(train_cfg=dict(type="NoLoop")), "NoLoop"),
        (dict(custom_hooks=[dict(type="NoHook")]), "NoHook"),
    ],
)
def test_what_cannot_be_trained_is_told_before_anybody_labels(
    cfg: Config, tmp_path: Path, change: dict, message: str
) -> None:
    cfg.merge_from_dict(change)
    with pytest.raises(Exception, match=message):
        LoopSteps(tmp_path / "project").init(cfg, [str(tmp_path / "JPEGImages")])
    assert not (tmp_path / "project").exists()


@pytest.mark.parametrize(
    ("query", "message"),
    [
        (dict(type="mmal.Entropy"), "'entropy_mean' of a trained model"),
        (dict(type="mmal.LearnedLoss"), "'pred_loss' of a trained model"),
        (dict(type="mmal.Herding", weight="margin"), "'margin_mean' of a trained model"),
        (dict(type="mmal.CoreSet"), "reads features, but nothing is trained yet"),
    ],
)
def test_nothing_is_picked_by_random_weights(loop: Loop, query: dict, message: str) -> None:
    with pytest.raises(ProjectError, match=message):
        loop.steps.pick(2, query)


def test_the_project_is_no_part_of_its_pool(cfg: Config, tmp_path: Path) -> None:
    root = tmp_path / "JPEGImages/project"
    steps = LoopSteps(root)
    steps.init(cfg, [str(tmp_path / "JPEGImages")])
    steps.pick(2)
    steps.export("coco", images="copy")
    assert (root / "pick_00/picks.png").exists()
    steps.pick(100, more=True)
    assert len(Project.load(root).pending) == 16


def test_people_without_boxes_get_one_around_their_joints(
    pose_config_file: Path, tmp_path: Path
) -> None:
    loop = Loop(Config.fromfile(pose_config_file), tmp_path / "images", tmp_path)
    loop.steps.pick(2)
    name = loop.project.pending[0]
    bare = [replace(person, box=None) for person in loop.truth[name].objects]
    loop.deliver([replace(loop.truth[name], objects=tuple(bare))])
    for person in labels_by_id(loop)[name].objects:
        seen = np.array([(x, y) for x, y, visible in person.keypoints if visible])
        assert (seen >= np.array(person.box[:2]) - 1e-6).all()
        assert (seen <= np.array(person.box[2:]) + 1e-6).all()


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("dogs/a.jpg", "dogs/a.jpg"),
        ("photos/dogs/a.jpg", "dogs/a.jpg"),
        ("b.jpg", "dogs/b.jpg"),
        ("0a1b2c3d-b.jpg", "dogs/b.jpg"),
        ("cats/b.jpg", None),
        ("s/a.jpg", None),
        ("a.jpg", None),
    ],
)
def test_which_image_a_name_means(name: str, found: str | None) -> None:
    names = _Names(["dogs/a.jpg", "cats/more/a.jpg", "dogs/b.jpg"])
    assert (names.find(name)[1] is None) == (found is not None)
    if found is not None:
        assert names.find(name)[0] == found


def test_images_that_cannot_be_read_are_listed_and_not_picked(
    cfg: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that are found when the pool is listed, and those that break afterwards."""
    cfg.active_learning.unreadable = 0.1
    loop = Loop(cfg, tmp_path / "JPEGImages", tmp_path)
    (tmp_path / "JPEGImages/train_02.jpg").write_bytes(b"torn")
    listed = loop_pick.find_candidates

    def then_break(data: LoopData) -> Candidates:
        found = listed(data)
        Path(found.paths["train_05.jpg"]).unlink()
        return found

    monkeypatch.setattr("mmal.apis.loop.find_candidates", then_break)
    loop.steps.pick(14, query=dict(type="mmal.Random"))
    assert not {"train_02.jpg", "train_05.jpg"} & set(loop.project.pending)
    with open(loop.root / "pick_00/skipped.csv", newline="") as file:
        rows = [(row["id"], row["reason"]) for row in csv.DictReader(file)]
    assert rows == [
        ("train_02.jpg", "is no image that OpenCV decodes"),
        ("train_05.jpg", "does not exist"),
    ]
    assert not (loop.root / "scoring").exists()
