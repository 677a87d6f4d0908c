"""Label Studio: tasks in JSON, and the interface that they are labelled with."""

import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from mmal.structures import ImageLabels, LabelSchema
from mmal.utils import atomic_path

from .base import Exchange, Sizes
from .image_names import is_utf8
from .json_file import parse_json, write_json
from .label_studio_config import labeling_config
from .label_studio_results import ResultReader, results
from .label_studio_urls import local_files_url, name_of_upload, name_of_url
from .problems import Problems, show
from .source import Source
from .values import is_number

_NAME, _PRIORITY = "mmal_name", "priority"
_TASKS = re.compile(rb'\s*(\[\s*\]\s*$|(\[\s*)?\{.*?"(data|annotation_id)"\s*:)', re.DOTALL)


class LabelStudio(Exchange):
    """Tasks of Label Studio, its export ``JSON`` (not ``JSON-MIN``), and its labelling interface.

    Proposals are predictions, which an annotator starts from. The image's own name goes along in
    the task's data as ``mmal_name``.
    """

    name = "label_studio"
    title = "JSON of Label Studio's tasks"
    kinds = ("boxes", "keypoints", "classes")

    def write(
        self,
        images: Sequence[ImageLabels],
        schema: LabelSchema,
        target: str | os.PathLike,
        url_of: Callable[[str], str] = local_files_url,
    ) -> list[Path]:
        """Write tasks and the labelling interface; see the base class.

        Args:
            images: The labels.
            schema: What there is to be labelled.
            target: The folder.
            url_of: Returns the address where Label Studio finds an image, from its name.

        Returns:
            The files.

        Raises:
            ExchangeError: If the format cannot carry them.
        """
        return self._write(self._checked(images, schema), schema, Path(target), url_of)

    def _write(
        self,
        images: Sequence[ImageLabels],
        schema: LabelSchema,
        target: Path,
        url_of: Callable[[str], str] = local_files_url,
    ) -> list[Path]:
        text = labeling_config(schema)
        tasks = write_json(target / "tasks.json", [_task(i, schema, url_of) for i in images])
        config = target / "labeling_config.xml"
        with atomic_path(config) as tmp:
            tmp.write_text(text, encoding="utf-8")
        return [tasks, config]

    def set_aside(self, path: str | os.PathLike) -> dict[str, int]:
        """Count the annotations that :meth:`read` leaves out because a later one is of the image.

        Returns:
            Their number by the image's name, of images that have any.

        Raises:
            ExchangeError: If the file cannot be read.
        """
        source = Source(path)
        problems = Problems(path)
        found = {}
        for place, task in _tasks(problems, source, list(self._files(source))):
            name = _image_name(task, place, problems)
            if name is not None and len(_annotations(task, place, problems)) > 1:
                found[name] = len(task["annotations"]) - 1
        problems.raise_any()
        return found

    def _files(self, source: Source) -> Iterable[str]:
        for name in source.ending(".json"):
            if _TASKS.match(source.read(name).removeprefix(b"\xef\xbb\xbf")):
                yield name

    def _problem_with(self, image: ImageLabels, schema: LabelSchema) -> Iterator[str]:
        if not is_utf8(image.name):
            yield "its name is not UTF-8, which Label Studio cannot serve: rename it"
        if image.objects and image.size is None:
            yield "its size is not known, of which Label Studio states percents"
        for number, item in enumerate(image.objects, 1):
            if item.box is None:
                yield f"object {number} has no box, which holds its keypoints together"

    def _read(
        self,
        source: Source,
        names: Sequence[str],
        schema: LabelSchema,
        problems: Problems,
        sizes: Sizes | None,
    ) -> Iterator[ImageLabels]:
        for place, task in _tasks(problems, source, names):
            name = _image_name(task, place, problems)
            if name is not None:
                with problems.of(name):
                    labels = _image(task, name, schema, problems)
                yield labels


def _task(image: ImageLabels, schema: LabelSchema, url_of: Callable[[str], str]) -> dict:
    data: dict[str, Any] = {"image": url_of(image.name), _NAME: image.name}
    if image.priority is not None:
        data[_PRIORITY] = float(image.priority)
    task: dict[str, Any] = {"data": data}
    found = results(image, schema)
    drawn = bool(found) and image.finished is None
    if image.model is None and (image.finished or image.skipped or drawn):
        task["annotations"] = [{"result": found, "was_cancelled": image.skipped}]
    elif found or image.model is not None:
        task["predictions"] = [prediction(image, schema)]
    return task


def prediction(image: ImageLabels, schema: LabelSchema) -> dict[str, Any]:
    """Return what a model proposes for an image as a prediction of its task.

    Args:
        image: The labels, with the image's size; objects have boxes.
        schema: What there is to be labelled.
    """
    content: dict[str, Any] = {"result": results(image, schema)}
    if image.model is not None:
        content["model_version"] = image.model
    scores = [item.score for item in image.objects if item.score is not None]
    score = sum(scores) / len(scores) if scores and image.score is None else image.score
    if score is not None:
        content["score"] = float(score)
    return content


def name_of_task(task: dict[str, Any]) -> str | None:
    """Return the name of a task's image, as mmal or the image's address states it, if it does."""
    if not isinstance(task.get("data"), dict):
        return None
    return _image_name(task, "task", Problems("a task"))


def _tasks(
    problems: Problems, source: Source, names: Sequence[str]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the tasks of files, each with its place."""
    for name in names:
        content = parse_json(problems, source, name)
        tasks = [content] if isinstance(content, dict) else content or []
        for number, task in enumerate(tasks, 1):
            place = f"task {number}"
            if not isinstance(task, dict):
                problems.add(place, f"it is {show(task)}; expected an object of JSON")
            elif isinstance(task.get("data"), dict):
                yield f"task {task['id']}" if "id" in task else place, task
            elif "annotation_id" in task:
                problem = "it is of the export JSON-MIN, which leaves out what is needed"
                problems.add(place, f"{problem}; export JSON")
            else:
                problems.add(place, f"data is {show(task.get('data'))}; expected an object")


def _image_name(task: dict, place: str, problems: Problems) -> str | None:
    """Return the name of a task's image, from the best that states it; None if nothing does."""
    meta = task.get("meta") if isinstance(task.get("meta"), dict) else {}
    for stated in (task["data"].get(_NAME), meta.get(_NAME)):
        if isinstance(stated, str):
            return stated
    if isinstance(url := task["data"].get("image"), str) and url:
        return name_of_url(url)
    if isinstance(upload := task.get("file_upload"), str) and upload:
        return name_of_upload(upload)
    problems.add(place, f"data.image is {show(url)}; expected the image's address")
    return None


def _annotations(task: dict, place: str, problems: Problems) -> list[dict]:
    entries = task.get("annotations", [])
    if isinstance(entries, list) and all(isinstance(entry, dict) for entry in entries):
        return entries
    problems.add(place, f"annotations is {show(entries)}; expected a list of objects")
    return []


def _image(task: dict, name: str, schema: LabelSchema, problems: Problems) -> ImageLabels:
    place = f"image {show(name)}"
    reader = ResultReader(problems, place, schema)
    priority = task["data"].get(_PRIORITY)
    stated = {"name": name, "priority": priority if is_number(priority) else None}
    if annotations := _annotations(task, place, problems):
        # Somebody may have skipped what another one has labelled.
        submitted = [a for a in annotations if not a.get("was_cancelled")] or annotations
        latest = max(enumerate(submitted), key=lambda pair: (_time(pair[1]), pair[0]))[1]
        if latest.get("was_cancelled"):
            return ImageLabels(**stated, finished=False, skipped=True)
        objects = reader.read(latest.get("result"))
        return ImageLabels(
            **stated,
            size=reader.size,
            objects=objects,
            image_class=reader.image_class,
            # Where every image has a class, one without has not been decided.
            finished=schema.kind != "classes" or reader.image_class is not None,
        )
    predictions = task.get("predictions") or []
    if not (isinstance(predictions, list) and all(isinstance(p, dict) for p in predictions)):
        # Some exports have only their numbers; there is nothing drawn to be lost.
        predictions = []
    if not predictions:
        return ImageLabels(**stated, finished=False)
    latest = max(enumerate(predictions), key=lambda pair: (_time(pair[1]), pair[0]))[1]
    objects = reader.read(latest.get("result"))
    score = latest.get("score")
    return ImageLabels(
        **stated,
        size=reader.size,
        objects=objects,
        image_class=reader.image_class,
        finished=False,
        model=latest.get("model_version"),
        score=score if schema.kind == "classes" and is_number(score) else None,
    )


def _time(entry: dict) -> datetime:
    """Return when an annotation was last changed; long ago if it does not say."""
    long_ago = datetime.min.replace(tzinfo=timezone.utc)
    for key in ("updated_at", "created_at"):
        try:
            # Python 3.10 does not know the Z.
            when = datetime.fromisoformat(str(entry.get(key)).replace("Z", "+00:00"))
        except ValueError:
            continue
        return when if when.tzinfo else when.replace(tzinfo=timezone.utc)
    return long_ago
