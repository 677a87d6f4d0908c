"""Writing a config that puts learning loss beside a model."""

import json
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mmengine.config import Config
from mmengine.registry import init_default_scope

from mmal.engine.data_config import leaf_datasets
from mmal.registry import MODELS
from mmal.tasks import TASKS, Task
from mmal.utils import type_name

#: The share of the epochs after which the module no longer moves the detector (section 4.2).
_JOINT = 0.8


@dataclass
class CocoFiles:
    """One's own COCO files, in place of the base's data.

    Attributes:
        data_root: The folder that the other paths are below.
        train: Annotations of the images that are labelled, or that rounds take for a pool.
        test: Annotations of the test images.
        images: The images' folder.
        classes: In the order of the file's categories; read from it where not given.
    """

    data_root: str
    train: str
    test: str
    images: str = "images/"
    classes: Sequence[str] | None = None

    def class_names(self) -> list[str]:
        """Return the classes.

        Raises:
            ValueError: If they are not given and the training file does not say them.
        """
        if self.classes:
            return list(self.classes)
        path = Path(self.data_root, self.train)
        try:
            return [c["name"] for c in json.loads(path.read_bytes())["categories"]]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ValueError(
                f"The classes cannot be read from {path}: {error!r}. Mend --data-root and --train, "
                "or name them with --classes."
            ) from error


def wrapped_config(
    base: str,
    out: Path,
    data: CocoFiles | None = None,
    rounds: int = 5,
    initial: int = 100,
    budget: int = 100,
) -> str:
    """Return the text of a config that extends another one's model with learning loss.

    The base's custom hooks and imports are kept; the epoch from which on the features are detached
    is that of the paper for detectors, and the first for other models (``docs/results.md``).

    Args:
        base: The config file, or one of a package, such as ``mmdet::retinanet/….py``.
        out: Where the text will lie: a path to the base is relative to it.
        data: One's own data, for bases whose data are COCO files.
        rounds: How many rounds a study has.
        initial: How many images are labelled at first.
        budget: How many a round.

    Raises:
        FileNotFoundError: If there is no such base.
        TypeError: If mmal does not support its model.
        ValueError: If it has learning loss already, or no COCO files that ``data`` could replace.
    """
    cfg = _read(base)
    if type_name(cfg.model) == "LearningLoss":
        raise ValueError(f"The model of {base} has learning loss already: inherit from it.")
    scope = cfg.get("default_scope") or "mmdet"
    task = next((task for task in TASKS if task.package == scope), TASKS[-1])
    inherited = base if "::" in base else os.path.relpath(base, out.parent)
    own_classes = data.class_names() if data and _has_classes(task) else None
    sections = [
        "# Learning loss beside another config's model: written by tools/misc/wrap_config.py, "
        f'yours to edit.\n_base_ = "{inherited}"\ncustom_imports = {_imports(cfg)}',
        _data(cfg, base, data, own_classes) if data else _batch(cfg),
        _model(cfg, own_classes),
        _hooks(cfg, task),
        _rounds(task, rounds, initial, budget),
    ]
    text = "\n\n".join(section for section in sections if section) + "\n"
    _check(base, scope, cfg)
    return text


def _read(base: str) -> Config:
    if "::" not in base and not Path(base).is_file():
        raise FileNotFoundError(
            f"There is no config {base}. Name a file, or a package's, such as "
            "mmdet::retinanet/retinanet_r50_fpn_1x_coco.py."
        )
    inherited = base if "::" in base else Path(base).resolve().as_posix()
    try:
        cfg = Config.fromstring(f'_base_ = "{inherited}"\n', ".py")
    except (OSError, ImportError, KeyError, ValueError) as error:
        raise FileNotFoundError(f"The config {base} cannot be read: {error}") from error
    if "model" not in cfg:
        raise ValueError(f"The config {base} has no model.")
    return cfg


def _check(base: str, scope: str, cfg: Config) -> None:
    """Build the model with learning loss, without its pretrained weights."""
    init_default_scope(scope)
    predictor, ranking = (
        dict(type=f"mmal.{name}") for name in ("LossPredictionNeck", "PairwiseRankingLoss")
    )
    preprocessor = cfg.get("data_preprocessor")
    try:
        MODELS.build(
            dict(
                type="mmal.LearningLoss",
                target=cfg.model,
                loss_predictor=predictor,
                ranking_loss=ranking,
                data_preprocessor=preprocessor,
            )
        )
    except (TypeError, ValueError) as error:
        raise TypeError(f"The model of {base} cannot be extended: {error}") from error


def _imports(cfg: Config) -> str:
    given = cfg.get("custom_imports")
    if not given:
        return 'dict(imports=["mmal"])'
    return 'dict(_base_.custom_imports, imports=[*_base_.custom_imports["imports"], "mmal"])'


def _has_classes(task: Task) -> bool:
    return task.package != "mmpose"


def _model(cfg: Config, own_classes: list[str] | None) -> str:
    lines, target = [], "_base_.model"
    if own_classes is not None:
        target = "target"
        lines.append("target = _base_.model")
        for path in _class_counts(cfg.model.to_dict()):
            lines.append(f"target{path} = len(classes)")
    lines += [
        "model = dict(",
        "    _delete_=True,",
        '    type="mmal.LearningLoss",',
        f"    target={target},",
        '    loss_predictor=dict(type="mmal.LossPredictionNeck"),',
        '    ranking_loss=dict(type="mmal.PairwiseRankingLoss"),',
        ")",
    ]
    return "\n".join(lines)


def _class_counts(model: dict) -> list[str]:
    """Return where a model's config says the number of its classes, as subscripts.

    Other heads, of semantic segmentation, have numbers of their own.
    """

    def walk(node: object, path: str) -> Iterator[tuple[str, int]]:
        items = node.items() if isinstance(node, dict) else enumerate(node)
        for key, value in items:
            place = f"{path}[{json.dumps(key)}]"
            if key == "num_classes":
                yield place, value
            elif isinstance(value, dict | list | tuple):
                yield from walk(value, place)

    found = list(walk(model, ""))
    usual = Counter(value for _, value in found).most_common(1)
    return [place for place, value in found if value == usual[0][0]]


def _batch(cfg: Config) -> str:
    if not (pair := _pair(cfg)):
        return ""
    return f"# Pairs of images are ranked within a batch.\ntrain_dataloader = dict({pair})"


def _pair(cfg: Config) -> str:
    """What makes a batch large enough for a pair of images."""
    return "" if cfg.get("train_dataloader", {}).get("batch_size", 2) > 1 else "batch_size=2"


def _data(cfg: Config, base: str, data: CocoFiles, own_classes: list[str] | None) -> str:
    wrappers = {stage: _wrappers(cfg, base, stage) for stage in ("train", "val", "test")}
    evaluator = cfg.get("test_evaluator")
    if not isinstance(evaluator, dict) or "ann_file" not in evaluator:
        raise ValueError(_no_coco_file(base, "test_evaluator"))
    own, lines = "data_root=data_root", [f"data_root = {json.dumps(data.data_root.rstrip('/'))}"]
    if own_classes is not None:
        names = ", ".join(json.dumps(name, ensure_ascii=False) for name in own_classes)
        lines.insert(0, f"classes = ({names},)")
        own += ", metainfo=dict(classes=classes)"
    lines.append(f"own = dict({own}, data_prefix=dict(img={json.dumps(data.images)}))")
    # Boxes of people that a detector found in the base's images.
    found = any("bbox_file" in leaf for leaf in leaf_datasets(cfg.test_dataloader.dataset))
    for stage, depth in wrappers.items():
        file = data.train if stage == "train" else data.test
        boxes = ", bbox_file=None" if found and stage != "train" else ""
        dataset = f"dict(ann_file={json.dumps(file)}{boxes}, **own)"
        for _ in range(depth):
            dataset = f"dict(dataset={dataset})"
        pair = f"{_pair(cfg)}, " if stage == "train" and _pair(cfg) else ""
        lines.append(f"{stage}_dataloader = dict({pair}dataset={dataset})")
    lines.append(f'test_evaluator = dict(ann_file=f"{{data_root}}/{data.test}")')
    lines.append("val_evaluator = test_evaluator")
    return "\n".join(lines)


def _wrappers(cfg: Config, base: str, stage: str) -> int:
    """Return how many wrappers are around the data set of a stage, which reads one COCO file."""
    dataset, depth = (cfg.get(f"{stage}_dataloader") or {}).get("dataset") or {}, 0
    while "dataset" in dataset:
        dataset, depth = dataset["dataset"], depth + 1
    if not str(dataset.get("ann_file", "")).endswith(".json"):
        raise ValueError(_no_coco_file(base, f"{stage}_dataloader"))
    return depth


def _no_coco_file(base: str, where: str) -> str:
    return (
        f"The {where} of {base} does not read one COCO file, which --data-root needs. Leave it "
        "out, and write your data into the config by hand: docs/your_own_data.md."
    )


def _hooks(cfg: Config, task: Task) -> str:
    epochs = (cfg.get("train_cfg") or {}).get("max_epochs")
    if epochs is None:
        epoch = 0
        when = "From the start, as its training counts iterations; the alternative is never (None):"
    elif task.package == "mmdet":
        epoch = int(_JOINT * epochs)
        when = f"In the last fifth of the {epochs} epochs, as in the paper,"
    else:
        epoch = 0
        when = "From the start, as joint training costs such models accuracy (docs/results.md),"
    hook = f'dict(type="mmal.ActiveLearningHook", detach_epoch={epoch})'
    others = "*_base_.custom_hooks, " if cfg.get("custom_hooks") else ""
    return (
        f"# {when}\n# the loss prediction module does not move the model.\n"
        f"custom_hooks = [{others}{hook}]"
    )


def _rounds(task: Task, rounds: int, initial: int, budget: int) -> str:
    query = ", ".join(f"{k}={json.dumps(v)}" for k, v in task.recommended_query.items())
    return (
        "# Rounds of a study, in which tools/run_rounds.py hides the labels; tools/loop.py asks\n"
        "# for budgets. Which query: docs/queries.md.\n"
        f"active_learning = dict(\n    rounds={rounds},\n    initial={initial},\n"
        f"    budget={budget},\n    query=dict({query}),\n)\n"
        "randomness = dict(seed=0)"
    )
