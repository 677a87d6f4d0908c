"""Labels that a model proposes, an image at a time, to annotation tools that ask while they run."""

import copy
import os
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from mmengine.config import Config
from mmengine.registry import DATASETS, init_default_scope

from mmal.datasets import PoolDataset
from mmal.datasets.image_list import shown_size
from mmal.engine import DataConfig
from mmal.engine.data_config import leaf_datasets
from mmal.engine.loop import LoopData, Project, ProjectError, Sources
from mmal.engine.loop.export import MIN_SCORE, propose_labels
from mmal.engine.loop.people import read_people
from mmal.models import trained_model
from mmal.structures import ImageLabels, LabelSchema
from mmal.tasks import is_topdown

People = Sequence[Sequence[float]]


class Proposer:
    """A trained model that proposes labels of one image after the other; threads take turns.

    Args:
        cfg: The config of the model, with training data that name classes or joints, and test data,
            whose pipeline predicts.
        checkpoint: A checkpoint of it.
        device: Such as ``cpu`` or ``cuda:0``; by default what mmengine finds.
        version: What the model is called beside its proposals.

    Attributes:
        schema: What there is to be proposed.

    Raises:
        ValueError: If config and checkpoint do not fit, or the config says of no labels.
        FileNotFoundError: If there is no checkpoint.
    """

    def __init__(
        self,
        cfg: Config,
        checkpoint: str | os.PathLike,
        device: str | None = None,
        version: str = "mmal",
    ) -> None:
        self._scope = cfg.get("default_scope", "mmdet")
        loop = LoopData(Project(Path(), Sources([], "")), cfg)
        self.schema: LabelSchema = loop.schema
        self._task = loop.task
        data = DataConfig(cfg)
        self._pipeline = data.test_pipeline
        leaf = copy.deepcopy(dict(next(leaf_datasets(data.pool))))
        self._like = DATASETS.build({**leaf, "lazy_init": True})
        self._model = trained_model(cfg, checkpoint, device)
        self._turn = threading.Lock()
        self.version = version

    def propose(
        self, path: str | os.PathLike, min_score: float = MIN_SCORE, people: People | None = None
    ) -> ImageLabels:
        """Predict the labels of an image, as the model's evaluation does.

        Args:
            path: The image file.
            min_score: Of what score objects are; the class of an image is always proposed.
            people: For a top-down estimator the people in it: left, top, right and bottom edge in
                pixels, and the detector's score. By default one who fills the image.

        Returns:
            The labels, named as the file, with the image's size and the predicted loss as priority.

        Raises:
            ValueError: If the file is no image.
        """
        path = os.fspath(path)
        size = shown_size(path)
        if size is None:
            raise ValueError(f"{path} is no image that can be read.")
        with self._turn:
            init_default_scope(self._scope)
            images = self._images(path, people)
            found = propose_labels(
                self._model, images, self._task, self.schema, self.version, min_score
            )
        nothing = ImageLabels(path, model=self.version)  # such as an image without people
        return replace(found.get(path, nothing), size=size)

    def _images(self, path: str, people: People | None) -> PoolDataset:
        source = dict(
            type="mmal.ImageList",
            files=[path],
            ids={path: path},
            # Texts mmengine would take for files.
            metainfo={k: v for k, v in self._like.metainfo.items() if not isinstance(v, str)},
            people=None if people is None else {path: people},
        )
        group_by = "image" if is_topdown(self._like) else "sample"
        return PoolDataset(source, None, "unlabeled", self._pipeline, group_by)


class ProjectProposer(Proposer):
    """The last trained model of a project, for the images of its pool.

    Args:
        root: The project's folder.
        device: Such as ``cpu`` or ``cuda:0``; by default what mmengine finds.

    Raises:
        ProjectError: If there is no trained model yet.
        FileNotFoundError: If there is no project.
    """

    def __init__(self, root: str | os.PathLike, device: str | None = None) -> None:
        project = Project.load(root)
        if not project.trainings:
            raise ProjectError(f"{root} has no trained model yet. Train one first.")
        self._root, self._trainings = root, len(project.trainings)
        last = project.trainings[-1]
        checkpoint = project.root / last.checkpoint
        super().__init__(project.config(), checkpoint, device, f"round {last.round}")
        self._raw = project.raw_images
        self._paths = self._raw.paths()
        people = project.sources.people
        self._people = read_people(people, self._raw) if people else {}

    def outdated(self) -> bool:
        """Whether another model has been trained since."""
        return len(Project.load(self._root).trainings) != self._trainings

    def find(self, name: str) -> tuple[str, str] | None:
        """Find an image of the pool; nothing that is not in it is ever opened.

        Args:
            name: Its id, with further folders before it or without some of its own.

        Returns:
            Its id and file; None if no image, or more than one, is meant.
        """
        found = _meant(name, self._paths)
        if found is None:  # it may have come since
            self._paths = self._raw.paths()
            found = _meant(name, self._paths)
        return found and (found, self._paths[found])

    def people_of(self, name: str) -> People | None:
        """Return the people that the project's file of people has in an image, by its id."""
        return self._people.get(name)


def _meant(name: str, ids: Mapping[str, str]) -> str | None:
    """Return the id that a name ends with, or the only one that ends with the name."""
    parts = name.split("/")
    longer = ("/".join(parts[start:]) for start in range(len(parts)))
    if (found := next((i for i in longer if i in ids), None)) is not None:
        return found
    ending = [i for i in ids if i.endswith(f"/{name}")] if name else []
    return ending[0] if len(ending) == 1 else None
