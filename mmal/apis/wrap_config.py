"""Writing a config that puts learning loss beside a model."""

import json
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from mmengine.config import Config
from mmengine.config.utils import ConfigParsingError
from mmengine.registry import DefaultScope
from torch import nn

from mmal.engine.recommended import recommended_query
from mmal.registry import MODELS
from mmal.tasks import TASKS, Task
from mmal.utils import check_hooks, error_of_config, type_name

from .coco_files import USUAL_ROUND, CocoFiles

#: The share of the epochs after which the module no longer moves the detector (section 4.2).
_JOINT = 0.8
#: What a model's config calls numbers of classes that this does not know how to change.
_OTHER_COUNTS = ("num_things_classes", "num_stuff_classes")


def wrapped_config(
    base: str,
    out: Path,
    data: CocoFiles | None = None,
    rounds: int = 5,
    initial: int | None = None,
    budget: int | None = None,
) -> str:
    """Return the text of a config that extends another one's model with learning loss.

    The base's custom hooks and imports are kept; the epoch from which on the features are detached
    is that of the paper for detectors, and the first for other models (``docs/results.md``). The
    model is built as the text says, without its pretrained weights.

    Args:
        base: The config file, or one of a package, such as ``mmdet::retinanet/….py``.
        out: Where the text will lie: a path to the base is relative to it.
        data: One's own data, for bases whose data are COCO files.
        rounds: How many rounds a study has.
        initial: How many samples, images or people, are labelled at first; by default 100, or less
            where ``data`` has few (:meth:`CocoFiles.round_sizes`).
        budget: How many a round; the same.

    Raises:
        FileNotFoundError: If there is no such base.
        TypeError: If mmal does not support its model.
        ValueError: If it cannot be read, has learning loss already, or no COCO files and classes
            that ``data`` could replace; or if a number is not positive, or ``data`` has less.
    """
    for name, value in dict(rounds=rounds, initial=initial, budget=budget).items():
        if value is not None and value < 1:
            raise ValueError(f"--{name} must be at least 1. Got {value} instead.")
    cfg = _read(base)
    if type_name(cfg.model) == "LearningLoss":
        raise ValueError(f"The model of {base} has learning loss already: inherit from it.")
    scope = cfg.get("default_scope") or "mmdet"
    task = next((task for task in TASKS if task.package == scope), TASKS[-1])
    own_classes = None
    if data and _has_classes(task):
        own_classes = data.class_names()
    elif data and data.classes:
        raise ValueError(f"--classes: the model of {base} has none, as a pose estimator.")
    sizes = initial or USUAL_ROUND, budget or USUAL_ROUND
    if data:
        mode = _leaf(cfg, base, "train")[0].get("data_mode", "topdown")
        people = not _has_classes(task) and mode == "topdown"
        sizes = data.round_sizes(rounds, initial, budget, people)
    sections = [
        _data(cfg, base, data, own_classes) if data else _batch(cfg),
        _model(cfg, base, own_classes),
        _hooks(cfg, task),
    ]
    body = "\n\n".join(section for section in sections if section) + "\n"
    model = _built(base, scope, _begin(cfg, _absolute(base)) + body)
    query = recommended_query(task, lambda: model)
    body += "\n" + _rounds(cfg, query, rounds, *sizes) + "\n"
    return _begin(cfg, base if "::" in base else os.path.relpath(base, out.parent)) + body


def _absolute(base: str) -> str:
    return base if "::" in base else Path(base).resolve().as_posix()


def _read(base: str) -> Config:
    if "::" not in base and not Path(base).is_file():
        raise FileNotFoundError(
            f"There is no config {base}. Name a file, or a package's, such as "
            "mmdet::retinanet/retinanet_r50_fpn_1x_coco.py."
        )
    try:
        cfg = Config.fromstring(f"_base_ = {_text(_absolute(base))}\n", ".py")
    except FileNotFoundError as error:
        raise FileNotFoundError(f"The config {base} cannot be read: {error}") from error
    except Exception as error:  # a config is a program: anything can go wrong in one
        lazy = " A lazy one (with read_base()) cannot." * isinstance(error, ConfigParsingError)
        raise ValueError(
            f"The config {base} cannot be inherited from: {error_of_config(error)}.{lazy}"
        ) from error
    if not isinstance(model := cfg.get("model"), dict) or "type" not in model:
        raise ValueError(
            f"The config {base} has no model = dict(type=…, …). Got {model!r} instead."
        )
    check_hooks(base, cfg)
    return cfg


def _built(base: str, scope: str, text: str) -> nn.Module:
    """Read a config and build its model, without pretrained weights."""
    cfg = Config.fromstring(text, ".py")
    model = {"data_preprocessor": cfg.get("data_preprocessor"), **cfg.model}
    try:
        with DefaultScope.overwrite_default_scope(scope):
            return MODELS.build(model)
    except (TypeError, ValueError, KeyError, ImportError, AttributeError) as error:
        raise TypeError(f"The model of {base} cannot be extended: {error}") from error


def _begin(cfg: Config, inherited: str) -> str:
    imports = 'dict(imports=["mmal"])'
    if given := cfg.get("custom_imports"):
        whole = '_base_.custom_imports["imports"]'
        names = f"[{whole}" if isinstance(given["imports"], str) else f"[*{whole}"
        imports = f'dict(_base_.custom_imports, imports={names}, "mmal"])'
    return (
        "# Learning loss beside another config's model: written by tools/misc/wrap_config.py, "
        f"yours to edit.\n_base_ = {_text(inherited)}\ncustom_imports = {imports}\n\n"
    )


def _text(value: str) -> str:
    """A string as Python writes it."""
    return json.dumps(value, ensure_ascii=False)


def _has_classes(task: Task) -> bool:
    return task.package != "mmpose"


def _model(cfg: Config, base: str, own_classes: list[str] | None) -> str:
    lines, target = [], "_base_.model"
    if own_classes is not None:
        target = "target"
        lines.append("target = _base_.model")
        lines += [f"target{place} = len(classes)" for place in _class_counts(cfg, base)]
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


def _class_counts(cfg: Config, base: str) -> list[str]:
    """Return where a model's config says the number of its classes, as subscripts.

    Other heads, of semantic segmentation or of an RPN, have numbers of their own.
    """

    def walk(node: object, path: str) -> Iterator[tuple[str, str, int]]:
        items = node.items() if isinstance(node, dict) else enumerate(node)
        for key, value in items:
            place = f"{path}[{json.dumps(key)}]"
            if key in ("num_classes", *_OTHER_COUNTS):
                yield key, place, value
            elif key != "rpn_head" and isinstance(value, dict | list | tuple):
                yield from walk(value, place)

    found = list(walk(cfg.model.to_dict(), ""))
    usual = Counter(value for key, _, value in found if key == "num_classes").most_common(1)
    if not usual or any(key in _OTHER_COUNTS for key, *_ in found):
        names = ", ".join(place for _, place, _ in found) or "nowhere that is known"
        raise ValueError(
            f"The model of {base} says its number of classes as {names}, which cannot be changed "
            "here. Leave --data-root out, and write data and classes into the config by hand."
        )
    return [place for _, place, value in found if value == usual[0][0]]


def _batch(cfg: Config) -> str:
    if not (pair := _pair(cfg)):
        return ""
    return f"# Pairs of images are ranked within a batch.\ntrain_dataloader = dict({pair})"


def _pair(cfg: Config) -> str:
    """What makes a batch large enough for a pair of images."""
    batch_size = (cfg.get("train_dataloader") or {}).get("batch_size", 2)
    return "" if batch_size > 1 else "batch_size=2"


def _data(cfg: Config, base: str, data: CocoFiles, own_classes: list[str] | None) -> str:
    leaves = {stage: _leaf(cfg, base, stage) for stage in ("train", "val", "test")}
    evaluators = [_evaluator(cfg, base, f"{stage}_evaluator") for stage in ("val", "test")]
    lines = [f"data_root = {_text(data.data_root.rstrip('/') or '/')}"]
    own = "data_root=data_root"
    if own_classes is not None:
        lines.insert(0, f"classes = ({', '.join(map(_text, own_classes))},)")
        # Colours of the base's classes are as many as those were.
        coloured = any("palette" in leaf.get("metainfo", {}) for leaf, _ in leaves.values())
        own += f", metainfo=dict(classes=classes{', palette=None' if coloured else ''})"
    lines.append(f"own = dict({own}, data_prefix=dict(img={_text(data.images)}))")
    for stage, (leaf, depth) in leaves.items():
        file = data.train if stage == "train" else data.test
        # Boxes of people that a detector found in the base's images.
        boxes = ", bbox_file=None" if leaf.get("bbox_file") else ""
        dataset = f"dict(ann_file={_text(file)}{boxes}, **own)"
        for _ in range(depth):
            dataset = f"dict(dataset={dataset})"
        pair = f"{_pair(cfg)}, " if stage == "train" and _pair(cfg) else ""
        lines.append(f"{stage}_dataloader = dict({pair}dataset={dataset})")
    written = any(evaluator.get("format_only") for evaluator in evaluators)
    file = _text(os.path.join(data.data_root, data.test))
    lines.append(
        f"test_evaluator = dict(ann_file={file}{', format_only=False' if written else ''})"
    )
    lines.append("val_evaluator = test_evaluator")
    return "\n".join(lines)


def _leaf(cfg: Config, base: str, stage: str) -> tuple[dict, int]:
    """Return the data set of a stage, which must be one COCO file's, and its number of wrappers."""
    where = f"{stage}_dataloader"
    dataset, depth = (cfg.get(where) or {}).get("dataset") or {}, 0
    while "dataset" in dataset:
        dataset, depth = dataset["dataset"], depth + 1
    if "type" not in dataset or type_name(dataset) != "CocoDataset":
        kind = type_name(dataset) if "type" in dataset else "no data set"
        raise ValueError(_not_of_coco(base, where, f"{kind}, not CocoDataset"))
    if (dataset.get("data_prefix") or {}).get("seg"):
        raise ValueError(_not_of_coco(base, where, "maps of the classes of all pixels, too"))
    return dataset, depth


def _evaluator(cfg: Config, base: str, where: str) -> dict:
    evaluator = cfg.get(where)
    kind = type_name(evaluator) if isinstance(evaluator, dict) else "several, or none"
    if kind != "CocoMetric":
        raise ValueError(_not_of_coco(base, where, f"{kind}, not CocoMetric"))
    return evaluator


def _not_of_coco(base: str, where: str, found: str) -> str:
    return (
        f"--data-root puts your COCO files in the place of COCO's, but the {where} of {base} has "
        f"{found}. Leave it out, and write your data into the config by hand: "
        "docs/your_own_data.md."
    )


def _hooks(cfg: Config, task: Task) -> str:
    epochs = (cfg.get("train_cfg") or {}).get("max_epochs")
    epoch = 0
    if epochs is None:
        when = "From the start, as its training counts iterations; the alternative is never (None):"
    elif task.package == "mmdet":
        epoch = int(_JOINT * epochs)
        when = f"After {epoch} of the {epochs} epochs, the paper's share,"
    else:
        when = "From the start, as joint training costs such models accuracy (docs/results.md),"
    hook = f'dict(type="mmal.ActiveLearningHook", detach_epoch={epoch})'
    others = "*_base_.custom_hooks, " if cfg.get("custom_hooks") else ""
    return (
        f"# {when}\n# the loss prediction module does not move the model.\n"
        f"custom_hooks = [{others}{hook}]"
    )


def _rounds(cfg: Config, query: dict, rounds: int, initial: int, budget: int) -> str:
    text = ", ".join(f"{k}={json.dumps(v)}" for k, v in query.items())
    seeded = (cfg.get("randomness") or {}).get("seed") is not None
    return (
        "# Rounds of a study, in which tools/run_rounds.py hides the labels; tools/loop.py asks\n"
        "# for budgets. Which query: docs/queries.md.\n"
        f"active_learning = dict(\n    rounds={rounds},\n    initial={initial},\n"
        f"    budget={budget},\n    query=dict({text}),\n)"
        + ("" if seeded else "\nrandomness = dict(seed=0)")
    )
