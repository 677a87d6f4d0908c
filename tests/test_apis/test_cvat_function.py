"""Functions for CVAT under cvat-sdk's own driver, whose checks are stricter than its documents."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from PIL import Image

from mmal.datasets.exchange import FORMATS, cvat_labels
from mmal.engine.loop import ProjectError
from mmal.models import build_model
from mmal.structures import ImageLabels, LabelSchema
from tests.classifiers import needs_mmpretrain, rounds_config

pytest.importorskip("cvat_sdk", reason="cvat-sdk is not installed: pip install 'mmal[cvat]'")

from cvat_sdk.api_client import Configuration, models
from cvat_sdk.api_client.model_utils import validate_and_convert_types
from cvat_sdk.auto_annotation import BadFunctionError, annotate_task, driver

from mmal.apis.cvat_function import CvatFunction, create

SCHEMAS = [
    LabelSchema("boxes", ("cat", "dog")),
    LabelSchema("keypoints", ("cow",), ("nose", "left ear", "<tail>"), ((0, 1), (0, 2))),
    LabelSchema("classes", ("sunny", "wet")),
]


def as_sdk(label: dict) -> models.PatchedLabelRequest:
    """Read a label as the SDK reads the server's JSON: types and values are checked."""
    types = (models.PatchedLabelRequest,)
    return validate_and_convert_types(label, types, ["label"], True, True, Configuration())


@pytest.mark.parametrize("schema", SCHEMAS, ids=lambda schema: schema.kind)
def test_labels_for_the_raw_tab_are_what_the_sdk_knows(schema: LabelSchema) -> None:
    for label in cvat_labels(schema):
        assert as_sdk(label).to_dict() == label


class Task:
    """A task in CVAT: what the driver downloads, and what it uploads.

    Args:
        schema: Its labels are those that mmal writes for the raw tab.
        images: Frames by name.
    """

    def __init__(self, schema: LabelSchema, images: dict[str, Image.Image]) -> None:
        self.labels = [_numbered(100 * n, entry) for n, entry in enumerate(cvat_labels(schema), 1)]
        self.samples = [
            SimpleNamespace(
                frame_name=name, frame_index=n, media=SimpleNamespace(load_image=lambda i=image: i)
            )
            for n, (name, image) in enumerate(images.items())
        ]
        self.logger = SimpleNamespace(info=lambda *args: None)
        self.tasks = SimpleNamespace(api=self)
        self.sent: models.LabeledDataRequest | None = None

    def update_annotations(self, task: int, labeled_data_request: object) -> None:
        self.sent = labeled_data_request


def _numbered(start: int, label: dict) -> SimpleNamespace:
    """Give a label, its joints and attributes numbers of the server's, unlike the function's."""
    sdk = as_sdk(label)
    return SimpleNamespace(
        name=sdk.name,
        id=start,
        type=sdk.type,
        attributes=[
            SimpleNamespace(name=a.name, id=start + n, input_type=a.input_type, values=a.values)
            for n, a in enumerate(sdk.attributes, 50)
        ],
        sublabels=[
            SimpleNamespace(name=s.name, id=start + n, attributes=[])
            for n, s in enumerate(getattr(sdk, "sublabels", ()), 1)
        ],
    )


@pytest.fixture
def annotate(monkeypatch: pytest.MonkeyPatch) -> Callable:
    """Run the SDK's driver over a task without a server."""

    def run(task: Task, function: CvatFunction, **kwargs) -> models.LabeledDataRequest:
        monkeypatch.setattr(driver, "TaskDataset", lambda client, task_id, **_: client)
        annotate_task(task, 1, function, clear_existing=True, **kwargs)
        return task.sent

    return run


def function_of(cfg: Config, tmp_path: Path, **kwargs) -> CvatFunction:
    """Make a function of a config file and a checkpoint with random weights."""
    init_default_scope(cfg.default_scope)
    torch.manual_seed(0)
    model = build_model(cfg)
    model.init_weights()
    torch.save(dict(state_dict=model.state_dict()), tmp_path / "model.pth")
    (tmp_path / "as_file.py").write_text(cfg.pretty_text)
    files = dict(config=str(tmp_path / "as_file.py"), checkpoint=str(tmp_path / "model.pth"))
    return create(**files, **kwargs)


def frames(folder: Path, count: int = 2) -> dict[str, Image.Image]:
    files = sorted(folder.glob("*.jpg"))[:count]
    return {file.name: Image.open(file) for file in files}


def test_boxes(cfg: Config, tmp_path: Path, annotate: Callable) -> None:
    function = function_of(cfg, tmp_path, min_score=0.0)
    task = Task(function._proposer.schema, frames(tmp_path / "JPEGImages"))
    sent = annotate(task, function)
    assert not sent.tags
    assert {shape.frame for shape in sent.shapes} == {0, 1}
    cat, dog = task.labels
    assert {shape.label_id for shape in sent.shapes} <= {cat.id, dog.id}
    for shape in sent.shapes:
        left, top, right, bottom = shape.points
        assert 0 <= left <= right <= 48
        assert 0 <= top <= bottom <= 40
        (score,) = shape.attributes
        assert score.spec_id in (cat.attributes[1].id, dog.attributes[1].id)
        assert 0 <= float(score.value) <= 1
    scores = sorted(float(shape.attributes[0].value) for shape in sent.shapes)
    half = scores[len(scores) // 2]
    fewer = annotate(Task(function._proposer.schema, frames(tmp_path / "JPEGImages")), function)
    assert len(fewer.shapes) == len(scores)
    task = Task(function._proposer.schema, frames(tmp_path / "JPEGImages"))
    kept = annotate(task, function, conf_threshold=half)
    assert 0 < len(kept.shapes) < len(scores)
    assert all(float(shape.attributes[0].value) >= half - 5e-4 for shape in kept.shapes)


def test_skeletons_have_all_joints_and_a_box_in_their_group(
    pose_config_file: Path, tmp_path: Path, annotate: Callable
) -> None:
    function = function_of(Config.fromfile(pose_config_file), tmp_path, min_score=0.0)
    schema = function._proposer.schema
    task = Task(schema, frames(tmp_path / "images"))
    sent = annotate(task, function)
    assert [shape.type.value for shape in sent.shapes] == ["rectangle", "skeleton"] * 2
    for box, skeleton in zip(sent.shapes[::2], sent.shapes[1::2], strict=True):
        assert box.points == pytest.approx([0, 0, 80, 80], abs=1e-3)  # one who fills the image
        assert box.group == skeleton.group > 0
        assert len(skeleton.elements) == len(schema.keypoints) == 16
        places = [element.label_id - task.labels[0].id for element in skeleton.elements]
        assert places == list(range(1, 17))


@needs_mmpretrain
def test_classes_are_tags(tmp_path: Path, annotate: Callable) -> None:
    function = function_of(rounds_config(tmp_path), tmp_path)
    files = sorted(file for file in (tmp_path / "train").rglob("*.*") if file.is_file())[:2]
    images = {file.name: Image.open(file) for file in files}
    sent = annotate(Task(function._proposer.schema, images), function)
    assert not sent.shapes
    assert [tag.frame for tag in sent.tags] == [0, 1]
    none = annotate(Task(function._proposer.schema, images), function, conf_threshold=1.0)
    assert not none.tags


def test_proposals_are_those_of_an_export(cfg: Config, tmp_path: Path, annotate: Callable) -> None:
    """What CVAT shows does not depend on the way in which it got there."""
    function = function_of(cfg, tmp_path, min_score=0.0)
    (name, image), *_ = frames(tmp_path / "JPEGImages", 1).items()
    schema = function._proposer.schema
    found = function._proposer.propose(tmp_path / "JPEGImages" / name, 0.0)
    written = ImageLabels(name, found.size, found.objects)
    FORMATS["cvat"].write([written], schema, tmp_path / "xml")
    (read,) = FORMATS["cvat"].read(tmp_path / "xml", schema)
    sent = annotate(Task(schema, {name: image}), function)
    assert len(sent.shapes) == len(read.objects)
    for shape, item in zip(sent.shapes, read.objects, strict=True):
        assert shape.points == pytest.approx(item.box, abs=0.01)


def test_photos_lie_as_they_are_shown(cfg: Config, tmp_path: Path) -> None:
    function = function_of(cfg, tmp_path, min_score=0.0)
    (image,) = frames(tmp_path / "JPEGImages", 1).values()
    turned = image.transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees to the right
    turned.save(tmp_path / "turned.png", exif=exif)
    context = SimpleNamespace(frame_name="a.png", conf_threshold=None)
    plain = function.detect(context, image)
    shown = function.detect(context, Image.open(tmp_path / "turned.png"))
    assert [s.points for s in shown] == [s.points for s in plain]


def test_a_task_with_other_labels_is_refused_by_name(
    cfg: Config, tmp_path: Path, annotate: Callable
) -> None:
    function = function_of(cfg, tmp_path)
    other = LabelSchema("boxes", ("cat", "bird"))
    images = frames(tmp_path / "JPEGImages", 1)
    with pytest.raises(BadFunctionError, match="'dog' is not in dataset"):
        annotate(Task(other, images), function)
    annotate(Task(other, images), function, allow_unmatched_labels=True)


def test_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="either project, or config and checkpoint"):
        create()
    with pytest.raises(ValueError, match="either project, or config and checkpoint"):
        create(config="my_config.py")
    with pytest.raises(FileNotFoundError, match="holds no project"):
        create(project=str(tmp_path))


def test_a_project_without_a_model(cfg: Config, tmp_path: Path) -> None:
    from mmal.apis.loop import LoopSteps

    LoopSteps(tmp_path / "project").init(cfg, [str(tmp_path / "JPEGImages")])
    with pytest.raises(ProjectError, match="no trained model yet"):
        create(project=str(tmp_path / "project"))
