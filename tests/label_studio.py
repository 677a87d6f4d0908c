"""A server of Label Studio on this machine, and a client that does what people do in a browser."""

import json
import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

TOKEN = "0123456789abcdef0123456789abcdef01234567"


@contextmanager
def label_studio(program: str, folder: Path, images: Path) -> Iterator["Client"]:
    """Run a server, with a data base of its own, that serves the images below a folder.

    Args:
        program: The executable.
        folder: Where its data base goes.
        images: The root of the local files.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        *(program, "start", "--no-browser", "--init", "--data-dir", str(folder)),
        *("--port", str(port), "--internal-host", "127.0.0.1"),
        *("--username", "annotator@example.org", "--password", "annotator"),
        *("--user-token", TOKEN, "--enable-legacy-api-token"),
    ]
    env = {
        **os.environ,
        "LABEL_STUDIO_BASE_DATA_DIR": str(folder),
        "LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED": "true",
        "LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT": str(images),
        "COLLECT_ANALYTICS": "false",
        "SENTRY_DSN": "",
    }
    env.pop("PYTHONPATH", None)  # that of mmal's own environment
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "server.log", "w") as log:
        server = subprocess.Popen(command, env=env, stdout=log, stderr=log)
    client = Client(f"http://127.0.0.1:{port}")
    try:
        client.wait(server, folder / "server.log")
        yield client
    finally:
        server.terminate()
        server.wait()


class Client:
    """Calls the server's API.

    Args:
        address: Of the server.
    """

    def __init__(self, address: str) -> None:
        self.address = address

    def wait(self, server: subprocess.Popen, log: Path) -> None:
        """Wait until the server answers; it makes its data base first."""
        deadline = time.monotonic() + 900
        while time.monotonic() < deadline:
            if server.poll() is not None:
                raise RuntimeError(f"the server ended: {log.read_text()[-2000:]}")
            try:
                self.call("GET", "/api/projects")
                return
            except (urllib.error.URLError, ConnectionError):
                time.sleep(2)
        raise TimeoutError(f"no answer of the server: {log.read_text()[-2000:]}")

    def call(self, method: str, path: str, body: object = None) -> object:
        """Send JSON and return the answer's."""
        request = urllib.request.Request(
            self.address + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json", "Authorization": f"Token {TOKEN}"},
        )
        with urllib.request.urlopen(request, timeout=300) as answer:
            content = answer.read()
        return json.loads(content) if content else None

    def fetch(self, path: str) -> bytes:
        """Return a file as a browser gets it."""
        headers = {"Authorization": f"Token {TOKEN}"}
        request = urllib.request.Request(self.address + path, headers=headers)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.read()

    def new_project(self, title: str, interface: str, images: Path) -> int:
        """Make a project that may show the images of a folder; return its number."""
        project = self.call("POST", "/api/projects", dict(title=title, label_config=interface))
        storage = dict(project=project["id"], path=str(images), use_blob_urls=True)
        self.call("POST", "/api/storages/localfiles", storage)
        return project["id"]

    def import_tasks(self, project: int, tasks: Sequence[dict]) -> list[dict]:
        """Import tasks; return all of the project, with their predictions."""
        self.call("POST", f"/api/projects/{project}/import", tasks)
        path = f"/api/tasks?project={project}&fields=all&page_size=1000"
        return self.call("GET", path)["tasks"]

    def annotate(self, task: int, result: list[dict], cancelled: bool = False) -> None:
        """Submit an annotation, or skip the task."""
        body = dict(result=result, was_cancelled=cancelled)
        self.call("POST", f"/api/tasks/{task}/annotations", body)

    def export(self, project: int) -> bytes:
        """Export all tasks as the full JSON."""
        path = f"/api/projects/{project}/export?exportType=JSON&download_all_tasks=true"
        return self.fetch(path)
