"""What folders and lists of classified images say, against what MMPretrain makes of them."""

import json
import pickle
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from audited_files import audit, text
from mmengine.registry import init_default_scope

from mmal.datasets.audit import AuditReport, audit_datasets
from tests.classifiers import needs_mmpretrain, tiny_cifar, write_folders

pytestmark = needs_mmpretrain


def found(report: AuditReport, *severities: str) -> dict[str, int]:
    """Count findings by kind, of these severities or all."""
    severities = severities or ("error", "warning", "info")
    return {g.kind.name: g.count for g in report.groups if g.severity in severities}


@pytest.fixture(autouse=True)
def _scope() -> Iterator[None]:
    init_default_scope("mmpretrain")
    yield
    init_default_scope("mmdet")


@pytest.fixture
def folders(tmp_path: Path) -> dict:
    write_folders(tmp_path / "train", dict(cat=3, dog=2))
    classes = dict(classes=("cat", "dog"))
    return dict(
        type="CustomDataset", data_root=str(tmp_path), data_prefix="train", metainfo=classes
    )


@pytest.fixture
def listed(folders: dict, tmp_path: Path) -> dict:
    lines = [f"cat/{i}.png 0" for i in range(3)] + [f"dog/{i}.png 1" for i in range(2)]
    write_list(tmp_path, lines)
    return dict(folders, ann_file="list.txt")


def write_list(root: Path, lines: list[str]) -> None:
    (root / "list.txt").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


@pytest.mark.parametrize("source", ["folders", "listed"])
def test_good_sets_pass(source: str, request: pytest.FixtureRequest) -> None:
    report = audit(request.getfixturevalue(source))
    assert report.groups == []
    (counts,) = report.sets
    assert (counts.images_stated, counts.images, counts.objects) == (5, 5, 5)
    assert counts.classes == dict(cat=3, dog=2)


def test_folders_need_no_classes_in_the_config(folders: dict) -> None:
    report = audit({key: value for key, value in folders.items() if key != "metainfo"})
    assert report.groups == []
    assert report.sets[0].classes == dict(cat=3, dog=2)


def test_images_in_memory_are_counted(tmp_path: Path) -> None:
    report = audit(dict(tiny_cifar(tmp_path), split="train"))
    assert not found(report, "error")
    assert sum(report.sets[0].classes.values()) == report.sets[0].images == 16


def test_classes_in_another_order_than_the_folders(folders: dict) -> None:
    report = audit({**folders, "metainfo": dict(classes=("dog", "cat"))})
    assert found(report) == {"class-shifted": 5}  # images
    assert "'cat' becomes 'dog' (3)" in text(report)
    assert "write ('cat', 'dog')" in text(report)


@pytest.mark.parametrize(
    ("classes", "says"),
    [
        (("cat", "cow", "dog"), "2 folders, 3 classes: no folder for 'cow'"),
        (("cat",), "2 folders, 1 classes: no class for 'dog'"),
        (("cat", "cow"), "2 folders, 2 classes: no folder for 'cow'; no class for 'dog'"),
    ],
)
def test_classes_that_are_not_the_folders(folders: dict, classes: tuple, says: str) -> None:
    report = audit({**folders, "metainfo": dict(classes=classes)})
    assert found(report) == {"class-folders": 1}
    assert says in text(report)


def test_classes_may_have_other_names_than_folders(folders: dict) -> None:
    """As ImageNet's, whose folders are called n01440764."""
    report = audit({**folders, "metainfo": dict(classes=("feline", "canine"))})
    assert found(report) == {"class-renamed": 1}
    assert report.sets[0].classes == dict(feline=3, canine=2)
    assert not audit({**folders, "metainfo": dict(classes=("Cat", "Dog "))}).groups


def test_hidden_folders_count_as_classes(folders: dict, tmp_path: Path) -> None:
    (tmp_path / "train/.ipynb_checkpoints").mkdir()
    no_classes = {key: value for key, value in folders.items() if key != "metainfo"}
    report = audit(no_classes)
    assert found(report) == {"class-hidden": 1, "class-empty": 1}
    assert ".ipynb_checkpoints" in text(report)


def test_a_class_without_images(folders: dict, tmp_path: Path) -> None:
    for path in (tmp_path / "train/dog").iterdir():
        path.rename(path.with_suffix(".heic"))
    report = audit(folders)
    assert found(report) == {"class-empty": 1, "file-not-read": 2}
    assert str(tmp_path / "train/dog") in text(report)


def test_images_outside_the_folders(folders: dict, tmp_path: Path) -> None:
    shutil.move(tmp_path / "train/cat/0.png", tmp_path / "train/0.png")
    assert found(audit(folders)) == {"not-in-class": 1}


def test_a_picture_in_two_classes(folders: dict, tmp_path: Path) -> None:
    shutil.copy(tmp_path / "train/cat/0.png", tmp_path / "train/dog/7.png")
    report = audit(folders)
    assert found(report) == {"label-conflict": 1}
    assert "'dog'" in text(report)
    assert "'cat'" in text(report)


def test_a_picture_twice_in_a_class(folders: dict, tmp_path: Path) -> None:
    shutil.copy(tmp_path / "train/cat/0.png", tmp_path / "train/cat/7.png")
    assert found(audit(folders)) == {"same-picture": 1}


@pytest.mark.parametrize(
    ("line", "kind", "says"),
    [
        ("cat/0.png 1", "label-conflict", "line 6: cat/0.png is 'dog', and 'cat' on line 1"),
        ("cat/0.png 0", "listed-twice", "line 6: cat/0.png, as on line 1"),
        ("cat/9.png 2", "value-wrong", "label 2 of cat/9.png; the 2 classes are 0 to 1"),
        ("cat/9.png -1", "value-wrong", "label -1"),
        ("cat/9.png dog", "value-wrong", "expected the number of a class, from 0: 'dog' is 1"),
        ("cat/9.png", "class-list-line", "has no label after a blank"),
        ("", "class-list-line", "line 6: '' is blank"),
        ("cat/9.png 1", "image-missing", "9.png"),
    ],
)
def test_lines_of_a_list(listed: dict, tmp_path: Path, line: str, kind: str, says: str) -> None:
    lines = (tmp_path / "list.txt").read_text().splitlines()
    write_list(tmp_path, [*lines, line])
    report = audit(listed)
    assert found(report) == {kind: 1}
    assert says in text(report)


def test_a_byte_order_mark_and_an_empty_list(listed: dict, tmp_path: Path) -> None:
    content = (tmp_path / "list.txt").read_text()
    (tmp_path / "list.txt").write_text("\ufeff" + content, encoding="utf-8")
    assert found(audit(listed)) == {"class-list-line": 1}
    (tmp_path / "list.txt").write_text("")
    assert found(audit(listed)) == {"nothing-stated": 1}


def test_labels_of_other_formats_must_be_classes(tmp_path: Path) -> None:
    write_folders(tmp_path, dict(a=2))
    entries = [dict(img_path="a/0.png", gt_label=[0, 3]), dict(img_path="a/1.png", gt_label=[1])]
    content = dict(metainfo=dict(classes=["x", "y"]), data_list=entries)
    (tmp_path / "labels.json").write_text(json.dumps(content))
    report = audit(dict(type="MultiLabelDataset", data_root=str(tmp_path), ann_file="labels.json"))
    assert found(report, "error") == {"value-wrong": 1}
    assert "label 3 of 2 classes" in text(report)
    assert "0.png" in text(report)


def test_labels_out_of_range_in_memory(tmp_path: Path) -> None:
    config = tiny_cifar(tmp_path)
    path = tmp_path / "cifar-10-batches-py/data_batch_1"
    content = pickle.loads(path.read_bytes())
    content["labels"][4] = 10
    path.write_bytes(pickle.dumps(content))
    assert found(audit(dict(config, split="train")), "error") == {"value-wrong": 1}


def test_training_and_test_folders_of_other_classes(folders: dict, tmp_path: Path) -> None:
    write_folders(tmp_path / "test", dict(cat=1, cow=1))
    train = {key: value for key, value in folders.items() if key != "metainfo"}
    report = audit_datasets(dict(train=[train], test=[dict(train, data_prefix="test")]))
    assert found(report, "error") == {"classes-differ": 1}


def test_test_images_among_the_training_images(folders: dict, tmp_path: Path) -> None:
    write_folders(tmp_path / "test", dict(cat=1, dog=1))
    shutil.copy(tmp_path / "train/cat/0.png", tmp_path / "test/cat/9.png")
    report = audit_datasets(dict(train=[folders], test=[dict(folders, data_prefix="test")]))
    assert found(report, "error") == {"also-in-test": 1}


def test_images_in_memory_of_the_test_split(tmp_path: Path) -> None:
    config = tiny_cifar(tmp_path)
    train, test = (dict(config, split=split) for split in ("train", "test"))
    assert not found(audit_datasets(dict(train=[train], test=[test])), "error")
    report = audit_datasets(dict(train=[test], test=[test]))
    assert found(report, "error") == {"also-in-test": 1}
    assert "5 of 5 images" in text(report)


def test_lists_need_no_classes_in_the_config(listed: dict) -> None:
    report = audit({key: value for key, value in listed.items() if key != "metainfo"})
    assert not report.groups
    assert report.sets[0].images == 5


def test_own_readers_are_asked(listed: dict, tmp_path: Path) -> None:
    from mmpretrain.datasets import CustomDataset

    class Csv(CustomDataset):
        def load_data_list(self) -> list[dict]:
            lines = Path(self.ann_file).read_text().splitlines()
            rows = [line.split(",") for line in lines[1:]]
            return [dict(img_path=f"{tmp_path}/train/{p}", gt_label=int(n)) for p, n in rows]

    write_list(tmp_path, ["path,class", "cat/0.png,0", "dog/1.png,1"])
    report = audit({**listed, "type": Csv})
    assert not found(report, "error")
    assert report.sets[0].classes == dict(cat=1, dog=1)


def test_other_packages_may_use_the_name(write_voc, tmp_path: Path) -> None:
    from mmdet.datasets import VOCDataset

    class CustomDataset(VOCDataset):
        pass

    init_default_scope("mmdet")
    config = write_voc(tmp_path / "voc", {"a": [("cat", 5, 6, 25, 26)]})
    assert not audit({**config, "type": CustomDataset}).groups


def test_folders_of_numbers(tmp_path: Path) -> None:
    write_folders(tmp_path, {str(i): 1 for i in range(11)})
    names = tuple(f"digit {i}" for i in range(11))
    config = dict(type="CustomDataset", data_root=str(tmp_path), metainfo=dict(classes=names))
    report = audit(config)
    # 10 comes third, and 2 to 9 each a place later.
    assert found(report) == {"class-renamed": 1, "class-shifted": 9}
    assert "'digit 10' becomes 'digit 2'" in text(report)


def test_classes_of_a_json_in_another_order(tmp_path: Path) -> None:
    write_folders(tmp_path, dict(a=2))
    entries = [dict(img_path="a/0.png", gt_label=[0]), dict(img_path="a/1.png", gt_label=[1])]
    content = dict(metainfo=dict(classes=["dog", "cat"]), data_list=entries)
    (tmp_path / "labels.json").write_text(json.dumps(content))
    config = dict(type="MultiLabelDataset", data_root=str(tmp_path), ann_file="labels.json")
    assert not found(audit(config), "error")
    report = audit({**config, "metainfo": dict(classes=("cat", "dog"))})
    assert found(report, "error") == {"class-shifted": 2}


def test_sets_without_labels_and_of_several_tasks(folders: dict, tmp_path: Path) -> None:
    report = audit({**folders, "with_label": False})
    assert found(report, "error") == {"no-objects": 1}
    assert "with_label" in text(report)
    report = audit(dict(type="MultiTaskDataset", ann_file=str(tmp_path / "a.json")))
    assert found(report) == {"not-built": 1}
    assert "BaseDataset" in text(report)


def test_hidden_folders_within_a_class(folders: dict, tmp_path: Path) -> None:
    write_folders(tmp_path / "train/cat", {".ipynb_checkpoints": 1})
    assert found(audit(folders)) == {"folder-hidden": 1}


def test_all_problems_of_a_list_are_told_at_once(listed: dict, tmp_path: Path) -> None:
    lines = (tmp_path / "list.txt").read_text().splitlines()
    write_list(tmp_path, [*lines, "cat/9.png 1", "no label", "cat/0.png 7"])
    report = audit(listed)
    assert found(report) == {"image-missing": 1, "value-wrong": 2}
    assert report.sets[0].images == 6


def test_a_class_without_test_images(folders: dict, tmp_path: Path) -> None:
    write_folders(tmp_path / "test", dict(cat=2, dog=0))
    report = audit_datasets(dict(train=[folders], test=[dict(folders, data_prefix="test")]))
    assert found(report) == {"class-untested": 1}


def test_dangling_links(folders: dict, tmp_path: Path) -> None:
    (tmp_path / "train/dog/9.png").symlink_to(tmp_path / "nowhere.png")
    assert found(audit(folders)) == {"link-dangling": 1}
