"""The backend for Label Studio, asked over HTTP as Label Studio asks."""

import json
import os
import re
import shutil
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

import pytest
from mmengine.config import Config

from mmal.apis.label_studio_backend import MOST_BYTES, PredictionService, prediction_server
from mmal.apis.loop import LoopSteps
from mmal.datasets.exchange import FORMATS, labeling_config, read_labels
from mmal.engine.loop import LoopData, Project, ProjectError
from tests.annotators import true_labels
from tests.label_studio import label_studio

PROGRAM = os.environ.get("LABEL_STUDIO") or shutil.which("label-studio")


def trained(cfg: Config, images: Path, root: Path, **kwargs) -> LoopSteps:
    """Begin a project, have six images labelled, and train."""
    steps = LoopSteps(root)
    steps.init(cfg, [str(images)], **kwargs)
    again(cfg, images, steps, 6)
    return steps


def again(cfg: Config, images: Path, steps: LoopSteps, budget: int) -> None:
    steps.pick(budget)
    schema = LoopData(Project.load(steps.root), cfg).schema
    truth = true_labels(cfg, images, schema)
    labels = steps.root.parent / f"labels_{budget}"
    pending = Project.load(steps.root).pending
    FORMATS["coco"].write([truth[i] for i in pending], schema, labels)
    steps.import_labels(str(labels))
    steps.train()


class Asked:
    """Sends requests to a server; returns HTTP's status and the answer."""

    def __init__(self, port: int) -> None:
        self.port = port

    def __call__(self, path: str, body: object = None, **headers: str) -> tuple[int, dict]:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json", **headers}
        url = f"http://127.0.0.1:{self.port}{path}"
        try:
            with urllib.request.urlopen(urllib.request.Request(url, data, headers)) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())

    def predict(self, *tasks: dict) -> list:
        status, answer = self("/predict", dict(tasks=list(tasks), project="1.1", params={}))
        assert status == 200
        return answer["results"]


@contextmanager
def served(root: Path, port: int = 0) -> Iterator[Asked]:
    with prediction_server(PredictionService(root, min_score=0.0), port=port) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield Asked(server.server_port)
        server.shutdown()


@pytest.fixture
def project(cfg: Config, tmp_path: Path) -> LoopSteps:
    return trained(cfg, tmp_path / "JPEGImages", tmp_path / "project")


def task(name: str, number: int = 1) -> dict:
    return dict(id=number, data=dict(image=f"/data/local-files/?d=JPEGImages/{name}"))


def test_a_backend_is_connected_and_asked(cfg: Config, project: LoopSteps, tmp_path: Path) -> None:
    schema = LoopData(Project.load(project.root), cfg).schema
    with served(project.root) as ask:
        assert ask("/webhook", dict(action="ANNOTATION_CREATED")) == (200, {})
        assert ask("/health") == (200, {"status": "UP", "model_class": "mmal"})
        interface = labeling_config(schema)
        request = dict(project="1.1", schema=interface, access_token="secret", hostname="x")
        assert ask("/setup", request) == (200, {"model_version": "round 0"})
        named = dict(id=2, data=dict(image="https://x.example/0a", mmal_name="train_01.jpg"))
        first, second = ask.predict(task("train_00.jpg"), named)
        # Its proposals are those of an export.
        LoopSteps(project.root).pick(1)
        for (found,), name in ((first, "train_00.jpg"), (second, "train_01.jpg")):
            assert found["model_version"] == "round 0"
            assert 0 <= found["score"] <= 1
            tasks = [dict(id=1, data=dict(image=name), predictions=[found])]
            (tmp_path / "export.json").write_text(json.dumps(tasks))
            (read,) = read_labels(tmp_path / "export.json", schema)
            assert read.objects
            for item in read.objects:
                assert item.name in ("cat", "dog")
                assert 0 <= item.box[0] <= item.box[2] <= 48 + 1e-6
        again_first, _ = ask.predict(task("train_00.jpg"), named)
        assert again_first == first


def test_another_training_is_another_model(cfg: Config, project: LoopSteps, tmp_path: Path) -> None:
    with served(project.root) as ask:
        again(cfg, tmp_path / "JPEGImages", project, 3)
        ((found,),) = ask.predict(task("train_00.jpg"))
        assert found["model_version"] == "round 1"
        assert ask("/setup", {})[1] == {"model_version": "round 1"}


def test_nothing_outside_the_pool_is_opened(project: LoopSteps, tmp_path: Path) -> None:
    (tmp_path / "secret.jpg").write_bytes(b"secret")
    shutil.copy(tmp_path / "JPEGImages/train_00.jpg", tmp_path / "elsewhere.jpg")
    names = [
        *("../elsewhere.jpg", "elsewhere.jpg", str(tmp_path / "elsewhere.jpg"), "..", ".", "/"),
        *("", "a\0b", "../../../../etc/passwd", "train_00", "x" * 100_000),
    ]
    with served(project.root) as ask:
        assert ask.predict(*(dict(id=1, data=dict(mmal_name=name)) for name in names)) == [
            [] for _ in names
        ]
        strange = [{}, dict(data=None), dict(data=[]), dict(data=dict(image=3)), dict(data={})]
        assert ask.predict(*strange) == [[] for _ in strange]
        ((_,), nothing) = ask.predict(task("train_00.jpg"), task("train_99.jpg"))
        assert nothing == []


def test_an_unreadable_image_does_not_stop_the_others(
    project: LoopSteps, tmp_path: Path, capsys
) -> None:
    (tmp_path / "JPEGImages/broken.jpg").write_bytes(b"no image")
    with served(project.root) as ask:
        nothing, (_,) = ask.predict(task("broken.jpg"), task("train_00.jpg"))
    assert nothing == []
    assert "broken.jpg is no image that can be read" in capsys.readouterr().err


WRONG = [
    ("/train", {}, 404, "only proposes labels"),
    ("/predict", [], 400, "must be an object"),
    ("/predict", {}, 400, "tasks must be a list"),
    ("/predict", dict(tasks=[1]), 400, "tasks must be a list of objects"),
    ("/setup", dict(schema="<View/>"), 400, "lacks .*'box cat'"),
    ("/setup", dict(schema="<View>"), 400, "is no XML"),
    ("/setup", dict(schema='<!DOCTYPE a [<!ENTITY b "c">]><a/>'), 400, "document type"),
]


def test_wrong_requests(project: LoopSteps) -> None:
    with served(project.root) as ask:
        for path, body, status, message in WRONG:
            found, answer = ask(path, body)
            assert found == status
            assert re.search(message, answer["error"])


def test_bodies_that_are_not_read(project: LoopSteps) -> None:
    with served(project.root) as ask:
        assert ask("/predict", {}, **{"Content-Type": "text/plain"})[0] == 400
        connection = HTTPConnection("127.0.0.1", ask.port)
        connection.putrequest("POST", "/predict")
        connection.putheader("Content-Type", "application/json")
        connection.putheader("Content-Length", str(MOST_BYTES + 1))
        connection.endheaders()
        assert connection.getresponse().status == 400
        connection = HTTPConnection("127.0.0.1", ask.port)
        connection.request("POST", "/predict", b"{", {"Content-Type": "application/json"})
        assert b"no JSON" in connection.getresponse().read()


def test_people_are_those_of_the_project(pose_config_file: Path, tmp_path: Path) -> None:
    images = tmp_path / "images"
    people = dict(
        images=[dict(id=1, file_name="000000000.jpg"), dict(id=2, file_name="000000001.jpg")],
        annotations=[
            dict(image_id=1, bbox=[10, 10, 20, 40]),
            dict(image_id=1, bbox=[40, 10, 20, 40]),
        ],
    )
    (tmp_path / "people.json").write_text(json.dumps(people))
    cfg = Config.fromfile(pose_config_file)
    steps = trained(cfg, images, tmp_path / "project", people=str(tmp_path / "people.json"))
    with served(steps.root) as ask:
        names = ("000000000.jpg", "000000001.jpg", "000000002.jpg")
        two, none, whole = ask.predict(*map(task, names))
    boxes = [
        [r for r in (found[0]["result"] if found else []) if r["type"] == "rectanglelabels"]
        for found in (two, none, whole)
    ]
    assert [len(found) for found in boxes] == [2, 0, 1]
    assert boxes[2][0]["value"]["width"] == pytest.approx(100)


def test_a_project_without_a_model(cfg: Config, tmp_path: Path) -> None:
    LoopSteps(tmp_path / "project").init(cfg, [str(tmp_path / "JPEGImages")])
    with pytest.raises(ProjectError, match="no trained model yet"):
        PredictionService(tmp_path / "project")


@pytest.mark.label_studio
@pytest.mark.skipif(PROGRAM is None, reason="needs Label Studio: make test-label-studio")
def test_label_studio_itself_gets_proposals(
    cfg: Config, project: LoopSteps, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    schema = LoopData(Project.load(project.root), cfg).schema
    # By default it asks no address of its own machine or network.
    monkeypatch.setenv("ML_BLOCK_LOCAL_IP", "false")
    monkeypatch.setenv("SSRF_PROTECTION_ENABLED", "false")
    with (
        served(project.root) as ask,
        label_studio(PROGRAM, tmp_path / "label_studio", tmp_path) as client,
    ):
        number = client.new_project("live", labeling_config(schema), tmp_path / "JPEGImages")
        names = ("train_00.jpg", "train_01.jpg")
        data = [task(name)["data"] for name in names]
        tasks = client.import_tasks(number, [dict(data=entry) for entry in data])
        assert not any(entry["predictions"] for entry in tasks)
        url = f"http://127.0.0.1:{ask.port}"
        backend = client.call("POST", "/api/ml", dict(url=url, project=number, title="mmal"))
        assert backend["model_version"] == "round 0"
        expected = ask.predict(*tasks)
        for entry, (found,) in zip(tasks, expected, strict=True):
            # Opening a task is what makes Label Studio ask.
            shown = client.call("GET", f"/api/tasks/{entry['id']}")["predictions"]
            assert [p["model_version"] for p in shown] == ["round 0"]
            assert len(shown[0]["result"]) == len(found["result"])
