"""Which task a data set is of, and what each checks."""

from pathlib import Path
from typing import ClassVar

import pytest
import torch
from mmengine.dataset import BaseDataset
from mmengine.registry import DATASETS, init_default_scope
from mmengine.structures import BaseDataElement
from torch import nn

from mmal.datasets import ImageFolder
from mmal.tasks import TASKS, task_of, task_of_pipeline
from mmal.tasks.classification import ClassificationTask
from mmal.tasks.detection import DetectionTask
from mmal.tasks.pose import PoseTask
from tests.classifiers import build_classifier, needs_mmpretrain


def test_tasks_of_data_sets(write_voc, write_mpii, tmp_path: Path) -> None:
    voc = DATASETS.build({**write_voc(tmp_path / "voc", {"a": []}), "lazy_init": True})
    people = write_mpii(tmp_path / "mpii", [("1.jpg", (40, 40))])
    init_default_scope("mmpose")
    mpii = DATASETS.build({**people, "type": "mmpose.MpiiDataset", "lazy_init": True})
    init_default_scope("mmdet")
    assert isinstance(task_of(voc), DetectionTask)
    assert isinstance(task_of(mpii), PoseTask)


def test_data_sets_of_nobody_are_of_detection_unless_they_have_joints() -> None:
    class Own(BaseDataset):
        METAINFO: ClassVar = dict(num_keypoints=3)

    plain = BaseDataset(lazy_init=True)
    assert isinstance(task_of(plain), DetectionTask)
    assert isinstance(task_of(Own(lazy_init=True)), PoseTask)


def test_folders_of_people_are_of_pose(tmp_path: Path) -> None:
    crop = [dict(type="mmpose.GetBBoxCenterScale")]
    assert isinstance(task_of(ImageFolder(str(tmp_path), lazy_init=True)), DetectionTask)
    people = ImageFolder(str(tmp_path), lazy_init=True, pipeline=crop)
    assert isinstance(task_of(people), PoseTask)


@needs_mmpretrain
def test_own_classes_belong_to_the_task_of_their_base(tmp_path: Path) -> None:
    from mmpretrain.datasets import CustomDataset

    class Mine(CustomDataset):
        pass

    dataset = Mine(data_root=str(tmp_path), lazy_init=True)
    assert isinstance(task_of(dataset), ClassificationTask)


@pytest.mark.parametrize(
    ("packer", "task"),
    [
        ("PackDetInputs", DetectionTask),
        ("mmpose.PackPoseInputs", PoseTask),
        ("mmpretrain.PackInputs", ClassificationTask),
        ("Normalize", DetectionTask),
    ],
)
def test_tasks_of_pipelines(packer: str, task: type) -> None:
    pipeline = [dict(type="LoadImageFromFile"), dict(type=packer)]
    assert isinstance(task_of_pipeline(pipeline), task)


def test_costs_have_names_of_their_own() -> None:
    for name in ("annotation", "cost", "package", "packer"):
        values = [getattr(task, name) for task in TASKS]
        assert len(set(values)) == len(values)


class Head(nn.Module):
    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.num_classes = num_classes


def model_with(head: nn.Module) -> nn.Module:
    model = nn.Module()
    model.head = head
    return model


class Labels:
    """All that the check reads of a data set."""

    def __init__(self, classes: str, *labels: object) -> None:
        self.metainfo = dict(classes=tuple(classes)) if classes else {}
        self._labels = labels

    def load_data_list(self) -> list[dict]:
        return [dict(img_path=f"{i}.jpg", gt_label=label) for i, label in enumerate(self._labels)]


def test_heads_for_another_number_of_classes() -> None:
    task = ClassificationTask()
    task.check_model(model_with(Head(3)), Labels("abc", 0, 1))
    task.check_model(model_with(Head(3)), Labels("", 0, 1))
    task.check_model(nn.Module(), Labels("abc", 0, 1))
    with pytest.raises(ValueError, match="one class: there is nothing to tell apart"):
        task.check_model(model_with(Head(1)), Labels("a", 0))
    model = model_with(Head(3))
    model.data_preprocessor = Head(5)
    with pytest.raises(ValueError, match=r"data_preprocessor\.num_classes is 5.*predicts 3"):
        task.check_model(model, Labels("abc", 0))
    with pytest.raises(ValueError, match=r"3 classes \('a', 'b', 'c'\).* Head predicts 4"):
        task.check_model(model_with(Head(4)), Labels("abc", 0))


@needs_mmpretrain
@pytest.mark.parametrize("labels", [[0, 1], []])
def test_several_labels_or_none_need_a_head_for_such(labels: list[int]) -> None:
    dataset = Labels("abcde", 0, [1], labels, 2)
    one = build_classifier(dict(type="LinearClsHead", num_classes=5, in_channels=32), plain=True)
    head = dict(type="MultiLabelLinearClsHead", num_classes=5, in_channels=32)
    several = build_classifier(head, plain=True)
    task = ClassificationTask()
    task.check_model(several, dataset, ["MultiLabelMetric"])
    with pytest.raises(ValueError, match=rf"2\.jpg has {len(labels)} labels.*LinearClsHead"):
        task.check_model(one, dataset, ["Accuracy"])
    task.check_model(one, Labels("abcde", 0, [1]), ["Accuracy"])
    with pytest.raises(ValueError, match=r"Accuracy compares one\. Use MultiLabelMetric"):
        task.check_model(several, dataset, ["Accuracy"])


@needs_mmpretrain
def test_own_classes_are_told_by_what_packs_their_samples() -> None:
    from mmpretrain.datasets.transforms import PackInputs

    assert isinstance(
        task_of(BaseDataset(lazy_init=True, pipeline=[PackInputs()])), ClassificationTask
    )


@pytest.mark.parametrize(
    ("labels", "scores", "names", "score"),
    [
        ([1], [0.2, 0.8], "dog", 0.8),
        ([0, 1], [0.6, 0.9], "cat, dog", 0.6),
        ([], [0.1, 0.2], "", None),
    ],
)
def test_predicted_classes(labels: list, scores: list, names: str, score: float | None) -> None:
    sample = BaseDataElement(metainfo=dict(img_path="a.jpg"))
    sample.pred_label = torch.tensor(labels, dtype=torch.long)
    sample.pred_score = torch.tensor(scores)
    found = ClassificationTask().predicted(sample, dict(classes=("cat", "dog")))
    assert (found.name, found.image_class) == ("a.jpg", names)
    assert found.score == (None if score is None else pytest.approx(score))


def test_predicted_labels_without_a_name_are_told_by_their_number() -> None:
    sample = BaseDataElement(pred_label=torch.tensor([3]), pred_score=torch.ones(4))
    assert ClassificationTask().predicted(sample, {}).image_class == "class 3"
