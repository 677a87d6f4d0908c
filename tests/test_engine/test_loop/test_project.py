"""The file of a project: what is written is what was done, and nothing else is believed."""

import json
import multiprocessing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mmengine.config import Config

from mmal.engine.loop import Import, Pick, Project, ProjectError, Skip, Sources, Train, opened


@pytest.fixture
def project(tmp_path: Path) -> Project:
    sources = Sources([str(tmp_path)], str(tmp_path))
    return Project.begin(tmp_path / "project", sources, Config(dict(a=1)))


def test_who_is_what_follows_from_the_steps(project: Project) -> None:
    project.take(Pick("Random", None, ["a", "b", "c", "d"]))
    project.take(Import("x.json", "labels/0000/coco.json", {"b": "1", "z": "2"}, [], {"c": "3"}))
    project.take(Skip({"e": "4"}))
    project.take(Train(0, 2, "training/round_00/epoch_1.pth"))
    project.take(Pick("Random", "training/round_00/epoch_1.pth", ["f"]))
    for state in (project, Project.load(project.root)):
        assert state.pending == ["a", "d", "f"]
        assert state.labeled == {"b": "1", "z": "2"}
        assert state.skipped == {"c": "3", "e": "4"}
        assert state.unlearnt == 0
        assert state.labels_file == project.root / "labels/0000/coco.json"
    project.take(Import("y.json", "labels/0001/coco.json", {"c": "3"}, ["b"]))
    assert project.skipped == {"e": "4"}  # somebody labelled it after all
    assert project.unlearnt == 2


def test_all_but_trainings_can_be_undone(project: Project) -> None:
    before = project.file.read_bytes()
    project.take(Pick("Random", None, ["a"]))
    assert isinstance(project.undo(), Pick)
    assert project.file.read_bytes() == before
    with pytest.raises(ProjectError, match="nothing was done"):
        project.undo()
    project.take(Train(0, 2, "x.pth"))
    with pytest.raises(ProjectError, match="training of round 0, which cannot be undone"):
        project.undo()


def test_a_step_that_cannot_be_written_has_not_happened(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = project.file.read_bytes()

    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.replace", full)
        with pytest.raises(OSError, match="No space left"):
            project.take(Pick("Random", None, ["a"]))
    assert project.steps == []
    assert project.file.read_bytes() == before
    assert not list(project.root.glob("*.tmp*"))


def test_no_project(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="holds no project"):
        Project.load(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda content: content.update(schema_version=9), "schema version 9, but this mmal reads"),
        (lambda content: content.pop("steps"), "not what mmal wrote: KeyError"),
        (lambda content: content["sources"].update(images=None), "images is None"),
        (lambda content: content["steps"][0].update(picks=None), "picks of a step .* is None"),
        (lambda content: content["steps"][0].update(picks=[1]), r"picks of a step .* is \[1\]"),
        (lambda content: content["steps"][0].update(step="dance"), "not what mmal wrote"),
        (lambda content: content["steps"][0].update(mood="good"), "not what mmal wrote"),
    ],
)
def test_a_broken_file_is_told(project: Project, change, message: str) -> None:
    project.take(Pick("Random", None, ["a"]))
    content = json.loads(project.file.read_text())
    change(content)
    project.file.write_text(json.dumps(content))
    with pytest.raises(ProjectError, match=message):
        Project.load(project.root)


LEAVES = st.none() | st.booleans() | st.integers() | st.text(max_size=5)
VALUES = LEAVES | st.lists(LEAVES, max_size=3)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    content=st.dictionaries(
        st.sampled_from(["schema_version", "sources", "steps"]),
        VALUES
        | st.just(1)
        | st.lists(st.fixed_dictionaries(dict(step=VALUES, picks=VALUES)), max_size=2),
    )
)
def test_no_file_makes_a_traceback(content: dict, tmp_path_factory) -> None:
    root = tmp_path_factory.mktemp("fuzz")
    text = json.dumps(content)
    (root / "project.json").write_text(text)
    with pytest.raises(ProjectError, match=r"project\.json"):
        Project.load(root)
    assert (root / "project.json").read_text() == text


def _hold(root: Path, ready, done) -> None:
    with opened(root):
        ready.set()
        done.wait(60)


def test_one_process_at_a_time(project: Project) -> None:
    context = multiprocessing.get_context("spawn")
    ready, done = context.Event(), context.Event()
    other = context.Process(target=_hold, args=(project.root, ready, done))
    other.start()
    try:
        assert ready.wait(120)
        with (
            pytest.raises(ProjectError, match="another process takes a step"),
            opened(project.root),
        ):
            pass
    finally:
        done.set()
        other.join()
    with opened(project.root) as free:
        assert free.steps == []
