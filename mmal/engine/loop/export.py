"""Picked images on their way to an annotation tool."""

import os
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import torch
from mmengine.fileio import get
from torch import nn

from mmal.datasets import PoolDataset
from mmal.datasets.exchange import FORMATS
from mmal.models import trained_model
from mmal.structures import ImageLabels, LabelSchema, ObjectLabel
from mmal.tasks import Task
from mmal.utils import atomic_path, few

from ..data_config import DataConfig
from ..scoring import batches, evaluation_mode
from .loop_data import LoopData
from .project import Project, ProjectError

#: Proposals below this score are not exported: deleting them takes longer than drawing others.
MIN_SCORE = 0.3


def predict_labels(
    model: nn.Module,
    dataset: PoolDataset,
    task: Task,
    schema: LabelSchema,
    batch_size: int = 1,
    num_workers: int = 0,
) -> dict[str, tuple[list[ObjectLabel], float | None]]:
    """Predict the labels of images, as a model's evaluation does.

    Args:
        model: A trained model.
        dataset: Images without labels, with the test pipeline.
        task: Reads predictions.
        schema: Names classes and joints.
        batch_size: Images a forward pass.
        num_workers: Data loader workers.

    Returns:
        Of each image, by id, the objects with their scores, and the predicted loss, the mean of
        its people's; None of a model without loss prediction module.
    """
    objects: dict[str, list[ObjectLabel]] = {}
    losses: dict[str, list[float]] = {}
    with evaluation_mode(model):
        loader = batches(dataset, range(len(dataset)), batch_size, num_workers, "predicting")
        for data in loader:
            for sample in model.test_step(data):
                objects.setdefault(sample.sample_id, []).extend(task.proposals(sample, schema))
                if (loss := getattr(sample, "pred_loss", None)) is not None:
                    losses.setdefault(sample.sample_id, []).append(float(torch.as_tensor(loss)))
    return {
        name: (found, sum(losses[name]) / len(losses[name]) if name in losses else None)
        for name, found in objects.items()
    }


def export_picks(
    project: Project,
    data: LoopData,
    format_name: str,
    out_dir: str | os.PathLike | None = None,
    proposals: bool = True,
    min_score: float = MIN_SCORE,
    images: str = "none",
    url: str | None = None,
) -> tuple[Path, int]:
    """Write the images that wait for labels as an annotation tool reads them.

    Nothing of the project changes: an export may be repeated, in any format.

    Args:
        project: The project.
        data: Its data.
        format_name: One of :data:`mmal.datasets.exchange.FORMATS`.
        out_dir: Where to; by default below the folder of the last pick.
        proposals: Whether the last trained model proposes labels.
        min_score: Of what score proposals are.
        images: What becomes of the image files: ``none``, ``copy`` or ``link`` puts them below
            ``images`` there, under their ids.
        url: What stands before the id of an image in the tasks of Label Studio, as the server finds
            it; by default its local files, the ids below the root of these.

    Returns:
        The folder, and how many objects were proposed.

    Raises:
        ProjectError: If nothing waits for labels, or there is no such format.
        ExchangeError: If the format cannot carry a name or this kind of labels.
    """
    if not project.pending:
        raise ProjectError("No image waits for labels. Pick some first.")
    if url is not None and format_name != "label_studio":
        raise ProjectError(f"--url is for label_studio; {format_name} names images by their ids.")
    if format_name not in FORMATS:
        raise ProjectError(f"There is no format {format_name!r}, only {sorted(FORMATS)}.")
    paths = {i: p for i, p in project.raw_images.paths().items() if i in set(project.pending)}
    if gone := [i for i in project.pending if i not in paths]:
        raise ProjectError(
            f"{few(gone)} wait for labels, but are not in the pool any more. Put them back, or "
            "skip them."
        )
    target = Path(out_dir or project.pick_dir(len(project.picks) - 1) / format_name)
    labels = _proposed(project, data, paths, min_score) if proposals else {}
    sizes = _sizes(data, paths)
    written = []
    for rank, name in enumerate(project.pending):
        found = labels.get(name, ImageLabels(name, priority=float(-rank)))
        written.append(replace(found, size=sizes[name]))
    given = {} if url is None else dict(url_of=lambda name: url + quote(name))
    FORMATS[format_name].write(written, data.schema, target, **given)
    if images != "none":
        for name, path in paths.items():
            _place(path, target / "images" / name, images)
    return target, sum(len(image.objects) for image in written)


def _proposed(
    project: Project, data: LoopData, paths: dict[str, str], min_score: float
) -> dict[str, ImageLabels]:
    """Let the last trained model propose labels, if there is one."""
    if not project.trainings:
        return {}
    last = project.trainings[-1]
    model = trained_model(data.cfg, project.root / last.checkpoint)
    found = predict_labels(
        model, data.images(paths), data.task, data.schema, **DataConfig(data.cfg).loading()
    )
    return {
        name: _as_labels(name, objects, loss, data.schema, f"round {last.round}", min_score)
        for name, (objects, loss) in found.items()
    }


def _as_labels(
    name: str,
    objects: Sequence[ObjectLabel],
    loss: float | None,
    schema: LabelSchema,
    model: str,
    min_score: float,
) -> ImageLabels:
    if schema.kind == "classes":
        best = objects[0]
        return ImageLabels(
            name, image_class=best.name, priority=loss, model=model, score=best.score
        )
    kept = tuple(o for o in objects if o.score is None or o.score >= min_score)
    return ImageLabels(name, objects=kept, priority=loss, model=model)


def _sizes(data: LoopData, paths: dict[str, str]) -> dict[str, tuple[int, int]]:
    """Width and height of images as they are shown."""
    facts = data.facts(list(paths.values()))
    return {name: facts[path].shown for name, path in paths.items()}


def _place(path: str, target: Path, how: str) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if how == "link" and "://" not in path:
        target.unlink(missing_ok=True)
        target.symlink_to(os.path.abspath(path))
        return
    with atomic_path(target) as tmp:
        if "://" in path:
            tmp.write_bytes(get(path))
        else:
            shutil.copyfile(path, tmp)
