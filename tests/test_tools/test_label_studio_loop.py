"""A loop whose annotators work in Label Studio: its own server, on this machine."""

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from mmengine.config import Config

from mmal.apis.loop import LoopSteps
from mmal.datasets.exchange import FORMATS
from mmal.engine.loop import LoopData, Project
from mmal.structures import ImageLabels, LabelSchema
from tests.annotators import true_labels
from tests.label_studio import Client, label_studio

ROOT = Path(__file__).parents[2]
BCCD = ROOT.parent / "shared/data/bccd"
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
    truth = {name: drawable(image) for name, image in true_labels(cfg, images, schema).items()}
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


def drawable(image: ImageLabels) -> ImageLabels:
    """Leave out boxes without area, which files may hold, but nobody can draw."""
    drawn = [o for o in image.objects if o.box[0] < o.box[2] and o.box[1] < o.box[3]]
    return replace(image, objects=tuple(drawn))


def results_of(labels: ImageLabels, schema: LabelSchema, folder: Path) -> list[dict]:
    """What a person's annotation of these labels is, in the words of the interface."""
    shutil.rmtree(folder / "one", ignore_errors=True)
    FORMATS["label_studio"].write([labels], schema, folder / "one")
    (task,) = json.loads((folder / "one/tasks.json").read_text())
    (found,) = task.get("annotations") or task["predictions"]
    return found["result"]


@pytest.mark.skipif(not BCCD.is_dir(), reason=f"{BCCD} is missing: photos of blood cells")
def test_blood_cells_through_the_server(tmp_path: Path, client: Client) -> None:
    cfg = Config.fromfile(ROOT / "configs/detection/ssdlite_mobilenetv2_bccd.py")
    cfg.model.target.backbone.init_cfg = None  # published weights are not at hand everywhere
    cfg.train_cfg.max_epochs = 5
    cfg.custom_hooks[-1].detach_epoch = 4
    for loader in (cfg.train_dataloader, cfg.test_dataloader, cfg.val_dataloader):
        loader.dataset.data_root = f"{BCCD}/"
        loader.num_workers = 0
        loader.persistent_workers = False
    copy = tmp_path / "cells"  # the server wants to see no other folder
    shutil.copytree(BCCD, copy)
    names = sorted(path.stem for path in (copy / "Annotations").glob("*.xml"))
    (copy / "ImageSets/Main/all.txt").write_text("\n".join(names) + "\n")
    cfg.train_dataloader.dataset.update(data_root=f"{copy}/", ann_file="ImageSets/Main/all.txt")
    root = run_loop(cfg, copy / "JPEGImages", tmp_path, client, [40, 20])
    curve = (root / "training/curve.csv").read_text()
    print(curve)
    assert [line.split(",")[1] for line in curve.splitlines()] == ["labeled", "40", "60"]
