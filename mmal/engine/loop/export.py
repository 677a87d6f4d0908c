"""Picked images on their way to an annotation tool."""

import os
import shutil
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from mmengine.dist import is_main_process
from mmengine.fileio import get
from torch import nn

from mmal.datasets import PoolDataset
from mmal.datasets.exchange import FORMATS, ExchangeError
from mmal.models import LearningLossMixin, trained_model
from mmal.structures import ImageLabels, LabelSchema
from mmal.tasks import Task
from mmal.utils import atomic_path, few

from ..data_config import DataConfig
from ..reporting import predict_samples
from ..scoring import score_pool
from .loop_data import LoopData
from .project import Project, ProjectError

#: Proposals below this score are not exported: deleting them takes longer than drawing others.
MIN_SCORE = 0.3
#: In the project: what each export proposed.
PROPOSALS = "proposals"


class Exported(NamedTuple):
    """What an export wrote.

    Attributes:
        target: The folder.
        images: How many images.
        proposed: How many objects were proposed in them.
        gone: Ids of images that wait for labels and are not in the pool any more.
    """

    target: Path
    images: int
    proposed: int
    gone: list[str]


def export_picks(
    project: Project,
    data: LoopData,
    format_name: str,
    out_dir: str | os.PathLike | None = None,
    proposals: bool = True,
    min_score: float = MIN_SCORE,
    images: str = "none",
    url: str | None = None,
) -> Exported:
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
        What was written, and what could not be.

    Raises:
        ProjectError: If nothing waits for labels, there is no such format, or ``out_dir`` holds
            something.
        ExchangeError: If the format cannot carry a name or this kind of labels.
    """
    if not project.pending:
        raise ProjectError("No image waits for labels. Pick some first.")
    if url is not None and format_name != "label_studio":
        raise ProjectError(f"--url is for label_studio; {format_name} names images by their ids.")
    if format_name not in FORMATS:
        raise ProjectError(f"There is no format {format_name!r}, only {sorted(FORMATS)}.")
    paths, gone = data.located(project.pending_digests)
    if not paths:
        raise ProjectError(
            f"{few(gone)} wait for labels, but are not in the pool any more. Put them back, or "
            "skip them."
        )
    target = Path(out_dir) if out_dir else _unused(project, format_name)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise ProjectError(
            f"--out {target} is no empty folder: somebody may have worked there. Choose another."
        )
    labels = _proposed(project, data, paths, min_score) if proposals else {}
    sizes = _sizes(data, paths)
    written = []
    for rank, name in enumerate(n for n in project.pending if n in paths):
        found = labels.get(name, ImageLabels(name, priority=float(-rank)))
        written.append(replace(found, size=sizes[name]))
    if labels and is_main_process():
        _remember(project, data, labels)
    given = {} if url is None else dict(url_of=lambda name: url + quote(name))
    FORMATS[format_name].write(written, data.schema, target, **given)
    if images != "none":
        for name, path in paths.items():
            _place(path, target / "images" / name, images)
    return Exported(target, len(written), sum(len(image.objects) for image in written), gone)


def _unused(project: Project, format_name: str) -> Path:
    """A folder for an export that does not touch one before: people may have worked in it."""
    folder = project.pick_dir(len(project.picks) - 1)
    target, number = folder / format_name, 2
    while target.exists():
        target, number = folder / f"{format_name}_{number}", number + 1
    return target


def _remember(project: Project, data: LoopData, labels: dict[str, ImageLabels]) -> None:
    """Keep what was proposed, so that it is known again if it comes back as it went."""
    known = [int(f.name) for f in (project.root / PROPOSALS).glob("*") if f.name.isdecimal()]
    number = max(known, default=-1) + 1
    FORMATS["coco"].write(
        list(labels.values()), data.schema, project.root / PROPOSALS / f"{number:04d}"
    )


def read_proposals(project: Project, schema: LabelSchema) -> dict[str, list[ImageLabels]]:
    """Read what was proposed in all exports, by id: any of them may come back.

    Proposals of classes or keypoints that the config has no more are forgotten with the others of
    their export.
    """
    found: dict[str, list[ImageLabels]] = defaultdict(list)
    for file in sorted((project.root / PROPOSALS).rglob("coco.json")):
        with suppress(ExchangeError):
            for image in FORMATS["coco"].read(file, schema):
                found[image.name].append(image)
    return dict(found)


def _proposed(
    project: Project, data: LoopData, paths: dict[str, str], min_score: float
) -> dict[str, ImageLabels]:
    """Let the last trained model propose labels, if there is one."""
    if not project.trainings:
        return {}
    last = project.trainings[-1]
    model = trained_model(data.cfg, project.root / last.checkpoint)
    loading = DataConfig(data.cfg).loading()
    return propose_labels(
        model,
        data.images(paths),
        data.task,
        data.schema,
        f"round {last.round}",
        min_score,
        **loading,
    )


def propose_labels(
    model: nn.Module,
    dataset: PoolDataset,
    task: Task,
    schema: LabelSchema,
    version: str,
    min_score: float = MIN_SCORE,
    batch_size: int = 1,
    num_workers: int = 0,
) -> dict[str, ImageLabels]:
    """Predict the labels of images, as a model's evaluation does, for annotators to correct.

    Args:
        model: A trained model.
        dataset: Images without labels, with the test pipeline.
        task: Reads predictions.
        schema: Names what there is to be labelled.
        version: What the model is called.
        min_score: Of what score objects are; the class of an image is always proposed.
        batch_size: Images a forward pass.
        num_workers: Data loader workers.

    Returns:
        The labels by id, with the predicted loss as priority if the model predicts one.
    """
    names = dataset.pool.ids
    found = predict_samples(model, dataset, names, task, batch_size, num_workers)
    losses = {}
    if isinstance(model, LearningLossMixin):
        scores = score_pool(model, dataset, batch_size, num_workers)
        losses = dict(zip(scores.ids, scores.fields["pred_loss"].tolist(), strict=True))
    return {
        name: replace(
            _joined(name, labels, schema, min_score), priority=losses.get(name), model=version
        )
        for name, labels in found.items()
    }


def _joined(
    name: str, predicted: Sequence[ImageLabels], schema: LabelSchema, min_score: float
) -> ImageLabels:
    """Put together what was predicted in the samples of an image: in its people, each alone."""
    objects = [o for labels in predicted for o in labels.objects]
    if schema.kind == "keypoints":  # pose estimators know one kind of thing, and no name of it
        objects = [replace(o, name=schema.classes[0]) for o in objects]
    kept = tuple(o for o in objects if o.score is None or o.score >= min_score)
    return replace(predicted[0], name=name, objects=kept)


def _sizes(data: LoopData, paths: dict[str, str]) -> dict[str, tuple[int, int]]:
    """Width and height of images as they are shown."""
    facts = data.facts(list(paths.values()))
    return {name: facts[path].shown for name, path in paths.items()}


def _place(path: str, target: Path, how: str) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if how == "link" and "://" not in path:
        target.symlink_to(os.path.abspath(path))
        return
    with atomic_path(target) as tmp:
        if "://" in path:
            tmp.write_bytes(get(path))
        else:
            shutil.copyfile(path, tmp)
