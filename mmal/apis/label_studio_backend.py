"""A machine learning backend of Label Studio: a project's last model proposes while people label.

The protocol is that of github.com/HumanSignal/label-studio-ml-backend: ``/health`` and ``/setup``
when the backend is connected, ``/predict`` when a task is opened.
"""

import json
import os
import sys
import threading
import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from mmal.datasets.exchange import labeling_config
from mmal.datasets.exchange.label_studio import name_of_task, prediction
from mmal.engine.loop.export import MIN_SCORE

from .proposer import ProjectProposer

#: Bytes of a request. Tasks come with the predictions and annotations that they have.
MOST_BYTES = 64 * 2**20


class RequestError(ValueError):
    """A request that is not what Label Studio sends."""


class PredictionService:
    """Answers the requests of Label Studio. The model is read again after each training.

    No image is opened but those of the project's pool, which are found by their ids.

    Args:
        root: The project's folder.
        min_score: Of what score objects are.
        device: Such as ``cpu`` or ``cuda:0``; by default what mmengine finds.

    Raises:
        ProjectError: If there is no trained model yet.
        FileNotFoundError: If there is no project.
    """

    def __init__(
        self, root: str | os.PathLike, min_score: float = MIN_SCORE, device: str | None = None
    ) -> None:
        self._root, self._device = root, device
        self._min_score = min_score
        self._proposer = ProjectProposer(root, device)
        self._turn = threading.Lock()
        self._routes: Mapping[tuple[str, str], Callable[[dict], dict]] = {
            ("GET", "/"): self._health,
            ("GET", "/health"): self._health,
            ("GET", "/versions"): lambda _: {"versions": [self._current().version]},
            ("POST", "/setup"): self._setup,
            ("POST", "/predict"): self._predict,
            ("POST", "/webhook"): lambda _: {},  # what people did; labels come by importing them
        }

    def answer(self, method: str, path: str, request: dict) -> tuple[int, dict]:
        """Return HTTP's status and the content of the answer to a request.

        Args:
            method: ``GET`` or ``POST``.
            path: Of the address, without a query.
            request: The body.
        """
        route = self._routes.get((method, path.rstrip("/") or "/"))
        if route is None:
            return 404, {"error": f"There is no {method} {path}; mmal only proposes labels."}
        try:
            return 200, route(request)
        except RequestError as error:
            return 400, {"error": str(error)}

    def _health(self, _: dict) -> dict:
        return {"status": "UP", "model_class": "mmal"}

    def _setup(self, request: dict) -> dict:
        """Compare the interface of Label Studio's project with what proposals refer to."""
        proposer = self._current()
        if schema := request.get("schema"):
            missing = _controls(labeling_config(proposer.schema)) - _controls(schema)
            if missing:
                raise RequestError(
                    f"The labelling interface lacks {sorted(missing)}. Use labeling_config.xml of "
                    "the export."
                )
        return {"model_version": proposer.version}

    def _predict(self, request: dict) -> dict:
        tasks = request.get("tasks")
        if not isinstance(tasks, list) or not all(isinstance(task, dict) for task in tasks):
            raise RequestError("tasks must be a list of objects.")
        proposer = self._current()
        found = [self._propose(proposer, task) for task in tasks]
        return {"results": found, "model_version": proposer.version}

    def _propose(self, proposer: ProjectProposer, task: dict) -> list[dict]:
        """Return the predictions of a task: one, or none where its image is not in the pool."""
        name = name_of_task(task)
        image = proposer.find(name) if name else None
        if image is None:
            print(f"No image of the pool is meant by the task of {name!r}.", file=sys.stderr)
            return []
        name, path = image
        try:
            labels = proposer.propose(path, self._min_score, proposer.people_of(name))
        except ValueError as error:  # one image that cannot be read does not stop the others
            print(error, file=sys.stderr)
            return []
        boxed = tuple(item for item in labels.objects if item.box is not None)
        return [prediction(replace(labels, objects=boxed), proposer.schema)]

    def _current(self) -> ProjectProposer:
        """Return the proposer of the last trained model."""
        with self._turn:
            if self._proposer.outdated():
                self._proposer = ProjectProposer(self._root, self._device)
            return self._proposer


def _controls(interface: object) -> set[str]:
    """Return name and labels of each control of a labelling interface."""
    text = str(interface)
    if "<!" in text.replace("<!--", ""):  # entities, which an interface does not need
        raise RequestError("The labelling interface has a document type.")
    try:
        root = ET.fromstring(text)
    except ET.ParseError as error:
        raise RequestError(f"The labelling interface is no XML: {error}.") from error
    return {
        " ".join(filter(None, (control.get("name"), label.get("value"))))
        for control in root.iter()
        if control.get("toName")
        for label in control
    }


class _Handler(BaseHTTPRequestHandler):
    """Reads a request, has it answered, and writes the answer, both as JSON."""

    service: PredictionService
    timeout = 60  # seconds without a byte
    server_version, sys_version = "mmal", ""

    def do_GET(self) -> None:
        """Answer a request without a body."""
        self._answer({})

    def do_POST(self) -> None:
        """Answer a request with a body."""
        try:
            self._answer(self._body())
        except RequestError as error:
            self.close_connection = True  # what is left of the body was not read
            self._send(400, {"error": str(error)})

    def _body(self) -> dict:
        # A page in the browser of somebody cannot send this type unasked.
        if self.headers.get_content_type() != "application/json":
            raise RequestError("The body must be application/json.")
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > MOST_BYTES:
            raise RequestError(f"Content-Length must be at most {MOST_BYTES}. Got {length!r}.")
        try:
            content = json.loads(self.rfile.read(int(length)))
        except (ValueError, RecursionError):
            raise RequestError("The body is no JSON.") from None
        if not isinstance(content, dict):
            raise RequestError("The body must be an object.")
        return content

    def _answer(self, request: dict) -> None:
        try:
            status, content = self.service.answer(self.command, urlsplit(self.path).path, request)
        except Exception as error:
            self._send(500, {"error": "The model failed; the server's terminal says why."})
            raise error
        self._send(status, content)

    def _send(self, status: int, content: dict[str, Any]) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_request(self, *args: object) -> None:
        """Say nothing of requests that went well."""


def prediction_server(
    service: PredictionService, host: str = "127.0.0.1", port: int = 9090
) -> ThreadingHTTPServer:
    """Return a server that waits to be told ``serve_forever()``.

    Args:
        service: Answers the requests.
        host: The address that it listens on; by default only this machine reaches it.
        port: The port; 0 for a free one, then in ``server_port``.

    Raises:
        OSError: If the port is taken.
    """
    handler = type("Handler", (_Handler,), dict(service=service))
    return ThreadingHTTPServer((host, port), handler)
