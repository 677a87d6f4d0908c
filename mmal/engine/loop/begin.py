"""The beginning of a loop."""

import os
from collections.abc import Sequence
from pathlib import Path

from mmengine.config import Config

from mmal.datasets import RawImages

from ..data_config import DataConfig
from ..preflight import check_evaluator_files
from .loop_data import LoopData
from .people import read_people
from .pick import Candidates, find_candidates
from .project import Project, ProjectError
from .steps import Sources
from .train import check_training


def begin_project(
    root: str | os.PathLike,
    cfg: Config,
    images: Sequence[str],
    image_root: str | None = None,
    people: str | None = None,
    own_data: bool = False,
    seed: int = 0,
) -> tuple[Project, LoopData, Candidates]:
    """Make a project folder, once everything that it names is there.

    Args:
        root: The folder.
        cfg: A config with model, training pipeline and test data.
        images: Sources of images without labels, see :class:`mmal.datasets.RawImages`.
        image_root: The folder below which they are named.
        people: COCO JSON with boxes of people, for top-down estimators.
        own_data: Whether the config's own training data are labelled and trained on, too.
        seed: Of all draws.

    Returns:
        The project, its data, and what may be picked.

    Raises:
        ProjectError: If there is a project, or the config does not do.
        FileNotFoundError: If a source of images, or data of the config, do not exist.
        ValueError: If a source cannot be read.
    """
    root = Path(root)
    if (root / "project.json").exists():
        raise ProjectError(f"{root} holds a project already. Choose another folder.")
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise ProjectError(f"{root} is no empty folder. Choose another one for the project.")
    raw = RawImages(images, image_root)
    sources = Sources(
        raw.sources, raw.root, os.path.abspath(people) if people else None, own_data, seed
    )
    draft = Project(root, sources)
    data = LoopData(draft, cfg)
    _ = data.schema
    DataConfig(cfg).dataset("test")
    check_evaluator_files(cfg, "test")
    data.check_sets()
    found = find_candidates(data)
    if not found.paths:
        why = [f"{count} are {what}" for what, count in found.left_out.items()]
        why += [str(image) for image in found.unreadable[:3]]
        raise ProjectError(
            f"No image of the pool may be picked: {'; '.join(why)}. Paths in a list are relative "
            "to its folder."
        )
    if people is not None and not (read_people(people, raw).keys() & found.paths.keys()):
        raise ProjectError(
            f"{people} names no image of the pool, where ids look like "
            f"{next(iter(found.paths))!r}: its file names must be relative to --image-root."
        )
    data.check_model(found.paths)
    check_training(data, found.paths)
    return Project.begin(root, sources, cfg), data, found
