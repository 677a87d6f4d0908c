"""The data of a loop: what is labelled, for training, and what there is to pick."""

import copy
import functools
import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from mmengine.config import Config
from mmengine.registry import DATASETS, init_default_scope

from mmal.datasets import PoolDataset
from mmal.datasets.audit import ImageCache, audit_datasets
from mmal.datasets.audit.image_facts import ImageFacts
from mmal.datasets.audit.images import inspect_images
from mmal.datasets.audit.joint_metainfo import metainfo_problem
from mmal.datasets.exchange import FORMATS, ExchangeError
from mmal.models import build_model
from mmal.structures import ImageLabels, LabelSchema, ObjectLabel
from mmal.tasks import Task, is_topdown, task_of
from mmal.utils import atomic_path, type_name

from ..data_config import OUTER_WRAPPERS, DataConfig, leaf_datasets
from ..preflight import (
    Problems,
    audit_settings,
    check_pretrained,
    check_scores,
    unscored_sets,
)
from .people import read_people
from .project import Project, ProjectError

#: Of the settings of rounds, those that mean something in a loop.
_KEPT = (
    *("query", "metric", "group_score", "when_doubtful", "ignore_classes", "audit", "unreadable"),
)


class LoopData:
    """What a project's config and files say of its images.

    Args:
        project: The project.
        cfg: Its config.
    """

    def __init__(self, project: Project, cfg: Config) -> None:
        init_default_scope(cfg.get("default_scope", "mmdet"))
        self.project = project
        self.cfg = cfg
        self._data = DataConfig(cfg)
        self._own = next(leaf_datasets(self._data.pool))  # the first stands for all
        self._cache = ImageCache()

    @functools.cached_property
    def task(self) -> Task:
        """The task of the config's training data."""
        return task_of(self._template())

    @functools.cached_property
    def schema(self) -> LabelSchema:
        """What annotators are asked for.

        Raises:
            ProjectError: If the config's training data do not say, or need more than boxes.
        """
        if any(t.get("with_mask") for t in self._own["pipeline"]):
            raise ProjectError(
                "The training pipeline loads masks (LoadAnnotations with_mask=True), but a loop "
                "brings boxes, keypoints or classes back. Use a config without masks."
            )
        metainfo = self._own.get("metainfo") or {}
        if isinstance(metainfo.get("classes"), str):
            raise ProjectError(
                f"metainfo.classes of the training data is the text {metainfo['classes']!r}. It "
                f"must be a tuple, with a comma even for one class: ({metainfo['classes']!r},)."
            )
        if problem := metainfo_problem(metainfo):
            raise ProjectError(f"The metainfo of the training data: {problem}.")
        try:
            return self.task.label_schema(self._template())
        except (ValueError, KeyError, FileNotFoundError) as error:
            raise ProjectError(
                f"The training data set of the config ({type_name(self._own)}) does not say what "
                f"there is to be labelled: {error}. Name the classes in its metainfo, as in "
                "metainfo=dict(classes=('cat', 'dog'))."
            ) from error

    def _template(self):
        return DATASETS.build({**copy.deepcopy(dict(self._own)), "lazy_init": True})

    def facts(self, paths: Sequence[str]) -> dict[str, ImageFacts]:
        """Look at image files; what has not changed since is remembered."""
        return inspect_images(dict.fromkeys(paths), self._cache)

    def located(self, digests: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
        """Find images in the pool, also under another name: by what is in them.

        Args:
            digests: Of the files when they came, by id.

        Returns:
            Files by id, and the ids of which there is none.
        """
        paths = self.project.images()
        found = {name: paths[name] for name in digests if name in paths}
        if len(found) < len(digests):
            facts = self.facts(list(paths.values()))
            by_digest = {facts[path].digest: path for path in paths.values()}
            for name, digest in digests.items():
                if name not in found and digest and digest in by_digest:
                    found[name] = by_digest[digest]
        return found, [name for name in digests if name not in found]

    def taken_digests(self) -> dict[str, str]:
        """Digests of the images that must not be picked, with why."""
        found = {d: "skipped" for d in self.project.skipped.values()}
        found |= {d: "labelled" for d in self.project.labeled.values()}
        files = dict.fromkeys(self.own_files(), "labelled")
        for stage in ("val", "test"):
            files |= dict.fromkeys(self._files_of(stage), "in the test set")
        for path, fact in self.facts(list(files)).items():
            if fact.digest:
                found[fact.digest] = files[path]
        return found

    def check_sets(self) -> None:
        """Audit the config's own data that a loop uses: test data, and training data if it does.

        Raises:
            DatasetError: If something in them is an error.
        """
        used = ("train", "val", "test") if self.project.sources.own_data else ("val", "test")
        sets = {stage: leaves for stage, leaves in self._data.leaves().items() if stage in used}
        report = audit_datasets(
            sets, audit_settings(self.cfg), self._cache, unscored_sets(self.cfg)
        )
        report.raise_errors()

    def check_model(self, candidates: Mapping[str, str]) -> None:
        """Try the model on one image, so that nobody labels for one that cannot be trained.

        Args:
            candidates: Files of images that may be picked, by id.

        Raises:
            PreflightError: If weights are missing, or model and labels do not fit.
        """
        problems = Problems()
        check_pretrained(self.cfg, problems)
        if problems.anywhere():
            problems.raise_all()
        with problems.collect("model"):
            model = build_model(self.cfg)
            self.task.check_model(model, self._template())
            check_scores(model, self.images(dict([next(iter(candidates.items()))])), ())
        problems.raise_all()

    def own_files(self) -> list[str]:
        """The images of the config's own training data, where a loop trains on them, too."""
        return self._files_of("train") if self.project.sources.own_data else []

    def _files_of(self, stage: str) -> list[str]:
        leaves = self._data.leaves().get(stage, [])
        files: list[str] = []
        for leaf in leaves:
            dataset = DATASETS.build({**copy.deepcopy(dict(leaf)), "lazy_init": True})
            files += [i["img_path"] for i in dataset.load_data_list() if "img_path" in i]
        return list(dict.fromkeys(files))

    def images(self, paths: Mapping[str, str]) -> PoolDataset:
        """Build a data set of images without labels, with the test pipeline.

        Args:
            paths: Files by id.

        Returns:
            The data set; the ids of its samples are those given.
        """
        people = self.project.sources.people
        found = read_people(people, self.project.raw_images) if people else None
        template = self._template()
        source = dict(
            type="mmal.ImageList",
            files=list(paths.values()),
            ids={path: name for name, path in paths.items()},
            # Texts mmengine would take for files.
            metainfo={k: v for k, v in template.metainfo.items() if not isinstance(v, str)},
            people=found and {paths[i]: boxes for i, boxes in found.items() if i in paths},
        )
        topdown = is_topdown(template)
        return PoolDataset(
            source, None, "unlabeled", self._data.test_pipeline, "image" if topdown else "sample"
        )

    def labels(self) -> dict[str, ImageLabels]:
        """Read all labels so far, by id.

        Raises:
            ProjectError: If the config has other classes or keypoints by now.
        """
        file = self.project.labels_file
        if file is None:
            return {}
        try:
            return {image.name: image for image in FORMATS["coco"].read(file, self.schema)}
        except ExchangeError as error:
            raise ProjectError(
                f"The labels so far do not fit {self.project.config_file} any more: {error}\n"
                "Give classes and keypoints the names back that they had when labels came. To "
                "rename one, or take one away, begin a new project with the corrected labels "
                "(init --labels)."
            ) from error

    @property
    def training_file(self) -> Path:
        """What the task's package trains on."""
        ending = ".txt" if self.schema.kind == "classes" else ".json"
        return self.project.training / f"labels{ending}"

    def write_training_file(self, paths: Mapping[str, str]) -> None:
        """Write the labelled images as the task's package trains on them.

        Args:
            paths: Files of those that are still there, by id.
        """
        labels = self.labels()
        images = [(path, labels[name]) for name, path in paths.items()]
        _write_labels(images, self.schema, self.training_file)

    def training_config(self) -> Config:
        """Return the config with what :meth:`write_training_file` wrote as training data."""
        return self._training_config(self.training_file, bool(self.project.labeled))

    def rehearsal_config(self, paths: Mapping[str, str], folder: Path) -> Config:
        """Return the config of a training on made-up labels, to be tried out.

        Every image has one label: a box around its middle, all joints in it, the first class.

        Args:
            paths: Files of some images, by id.
            folder: A folder for the labels, which is going to be removed.
        """
        facts = self.facts(list(paths.values()))
        images = []
        for name, path in paths.items():
            width, height = facts[path].shown
            joints = tuple((width / 2, height / 2, 2) for _ in self.schema.keypoints)
            box = (width / 4, height / 4, 3 * width / 4, 3 * height / 4)
            thing = ObjectLabel(self.schema.classes[0], box, joints)
            of_classes = self.schema.kind == "classes"
            things, kind = ((), thing.name) if of_classes else ((thing,), None)
            images.append((path, ImageLabels(name, (width, height), things, kind)))
        file = folder / self.training_file.name
        _write_labels(images, self.schema, file)
        return self._training_config(file, True)

    def _training_config(self, file: Path, labeled: bool) -> Config:
        cfg = copy.deepcopy(self.cfg)
        new = self.task.training_dataset(os.path.abspath(file), self.schema, self._own)
        cfg.train_dataloader.dataset = self._with_labels(
            cfg.train_dataloader.dataset, new if labeled else None
        )
        kept = {k: v for k, v in (cfg.get("active_learning") or {}).items() if k in _KEPT}
        # Rounds of studies need these; all that is labelled is trained on, and a loop picks itself.
        cfg.active_learning = dict(rounds=1, initial=2, budget=1, **kept)
        cfg.work_dir = str(self.project.training)
        cfg.randomness = {**(cfg.get("randomness") or {}), "seed": self.project.sources.seed}
        return cfg

    def _with_labels(self, dataset: dict, new: dict | None) -> dict:
        """Put the labelled images where a config has its training data, inside its wrappers.

        Wrappers that shape a pool are for studies, in which labels are hidden.
        """
        if type_name(dataset) in ("RepeatDataset", *OUTER_WRAPPERS):
            return {**dataset, "dataset": self._with_labels(dataset["dataset"], new)}
        parts = [dataset] if self.project.sources.own_data else []
        parts += [] if new is None else [new]
        return parts[0] if len(parts) == 1 else dict(type="ConcatDataset", datasets=parts)


def _write_labels(
    images: Sequence[tuple[str, ImageLabels]], schema: LabelSchema, file: Path
) -> None:
    """Write labels for training, atomically: COCO JSON or, of classes, a line an image.

    Args:
        images: Image files, each with its labels.
        schema: What was labelled.
        file: Where to write.

    Raises:
        ProjectError: If a file's name does not fit into a line.
    """
    if schema.kind != "classes":
        paths = {labels.name: path for path, labels in images}
        with tempfile.TemporaryDirectory() as folder:
            (coco,) = FORMATS["coco"].write([labels for _, labels in images], schema, folder)
            content = json.loads(coco.read_text(encoding="utf-8"))
        for entry in content["images"]:
            entry["file_name"] = paths[entry["file_name"]]
        with atomic_path(file) as tmp:
            tmp.write_text(json.dumps(content), encoding="utf-8")
        return
    with atomic_path(file) as tmp:
        lines = []
        for path, labels in images:
            if "\n" in path or path != path.strip():
                raise ProjectError(f"The name of {path!r} cannot stand in a list. Rename the file.")
            lines.append(f"{path} {schema.classes.index(labels.image_class)}\n")
        tmp.write_text("".join(lines), encoding="utf-8", errors="surrogateescape")
