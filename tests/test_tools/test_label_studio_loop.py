"""A loop whose annotators work in Label Studio: its own server, on this machine."""

import json
import os
import shutil
from pathlib import Path

import pytest
from mmengine.config import Config

from mmal.apis.loop import LoopSteps
from mmal.datasets.exchange import FORMATS
from mmal.engine.loop import LoopData, Project
from tests.annotators import true_labels
from tests.label_studio import Client, label_studio

PROGRAM = os.environ.get("LABEL_STUDIO") or shutil.which("label-studio")
pytestmark = [
    pytest.mark.label_studio,
    pytest.mark.skipif(
        PROGRAM is None,
        reason="needs Label Studio in an environment of its own: make test-label-studio",
    ),
]


@pytest.fixture
def client(tmp_path: Path):
    with label_studio(PROGRAM, tmp_path / "label_studio", tmp_path) as found:
        yield found


def test_two_rounds_through_the_server(cfg: Config, tmp_path: Path, client: Client) -> None:
    run_loop(cfg, tmp_path / "JPEGImages", tmp_path, client, [6, 4])


def run_loop(cfg: Config, images: Path, tmp_path: Path, client: Client, budgets: list[int]) -> Path:
    """Run a loop in which each round goes through the server; return the project's folder."""
    steps = LoopSteps(tmp_path / "project")
    steps.init(cfg, [str(images)])
    schema = LoopData(Project.load(steps.root), cfg).schema
    truth = true_labels(cfg, images, schema)
    for number, budget in enumerate(budgets):
        steps.pick(budget)
        pending = Project.load(steps.root).pending
        out = steps.root / f"pick_{number:02d}/label_studio"
        folder = images.relative_to(tmp_path).as_posix()
        steps.export("label_studio", url=f"/data/local-files/?d={folder}/", min_score=0)
        interface = (out / "labeling_config.xml").read_text()
        project = client.new_project(f"round {number}", interface, images)
        tasks = client.import_tasks(project, json.loads((out / "tasks.json").read_text()))
        assert sorted(task["data"]["mmal_name"] for task in tasks) == sorted(pending)
        for task in tasks:
            name = task["data"]["mmal_name"]
            # The browser of an annotator gets the picture, and the model's proposals with it.
            assert client.fetch(task["data"]["image"]) == (images / name).read_bytes()
            assert len(task["predictions"]) == (number > 0)
            client.annotate(task["id"], results_of(truth[name], schema, tmp_path))
        exported = tmp_path / f"export_{number}.json"
        exported.write_bytes(client.export(project))
        steps.import_labels(str(exported))
        state = Project.load(steps.root)
        assert not state.pending
        found = LoopData(state, cfg).labels()
        for name in pending:
            for drawn, kept in zip(truth[name].objects, found[name].objects, strict=True):
                assert kept.name == drawn.name
                assert kept.box == pytest.approx(drawn.box, abs=0.01)
        steps.train()
    return steps.root


def results_of(labels, schema, folder: Path) -> list[dict]:
    """What a person's annotation of these labels is, in the words of the interface."""
    shutil.rmtree(folder / "one", ignore_errors=True)
    FORMATS["label_studio"].write([labels], schema, folder / "one")
    (task,) = json.loads((folder / "one/tasks.json").read_text())
    (found,) = task.get("annotations") or task["predictions"]
    return found["result"]
