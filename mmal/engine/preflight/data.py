"""The audit of the data sets that a config names."""

import logging
from collections.abc import Collection

from mmengine.config import Config
from mmengine.dist import is_main_process
from mmengine.logging import print_log

from mmal.datasets.audit import AuditReport, AuditSettings, ImageCache, audit_datasets
from mmal.datasets.pools import is_shaped
from mmal.utils import type_name

from ..data_config import DataConfig, leaf_datasets, learning_hooks
from ..unreadable import UNREADABLE_SHARE
from .evaluator import evaluators_of
from .problems import PreflightError


def unscored_sets(cfg: Config) -> list[str]:
    """Return the sets whose predictions are written, not scored: they may lack annotations.

    Of a data set that serves as ``test`` and ``val``, both evaluators have to be of that kind.
    """
    evaluators = {stage: evaluators_of(cfg, stage) for stage in ("test", "val")}
    if "val" not in DataConfig(cfg).leaves():
        evaluators["test"] += evaluators.pop("val")
    return [
        stage
        for stage, metrics in evaluators.items()
        if metrics and all(metric.get("format_only") for metric in metrics)
    ]


def audit_settings(cfg: Config) -> AuditSettings:
    """Return what the audit of a config's data leaves out and accepts.

    Rounds say so in ``active_learning``, the hook in its ``audit``. A config may have both: they
    are about the same data, so what either accepts is accepted.

    Raises:
        ValueError: If a setting is not known, or cannot be.
    """
    rounds = cfg.get("active_learning") or {}
    of_rounds = AuditSettings.of(
        rounds.get("audit") or {},
        "active_learning.audit",
        ignore_classes=rounds.get("ignore_classes", ()),
        unreadable=rounds.get("unreadable", UNREADABLE_SHARE),
    )
    hook = next(learning_hooks(cfg), {})
    of_hook = AuditSettings.of(
        hook.get("audit") or {},
        "audit of the ActiveLearningHook",
        unreadable=hook.get("unreadable", UNREADABLE_SHARE),
    )
    limits = [s.max_images for s in (of_rounds, of_hook) if s.max_images is not None]
    return AuditSettings(
        (*of_rounds.ignore_classes, *of_hook.ignore_classes),
        (*of_rounds.accept, *of_hook.accept),
        min(limits, default=None),
        (of_hook if hook.get("unlabeled") is not None else of_rounds).unreadable,
    )


def unlabeled_sets(cfg: Config) -> list[str]:
    """Return the sets of which a few images may be unreadable, since nobody has labelled them.

    That is the pool of the hook, or else the training data of rounds, unless features of every
    image are cached.
    """
    if DataConfig(cfg).unlabeled is not None:
        return ["pool"]
    rounds = cfg.get("active_learning")
    return [] if rounds is None or rounds.get("cached_features") is not None else ["train"]


def audit_data(cfg: Config, settings: AuditSettings, unlabeled: Collection[str] = ()) -> None:
    """Audit all sets of a config, and say what was found that refuses nothing.

    Args:
        cfg: The config.
        settings: Of the audit.
        unlabeled: Sets that are a pool, of which a few images may be missing or unreadable.

    Raises:
        DatasetError: If something in the data is an error.
    """
    sets, unscored = DataConfig(cfg).leaves(), unscored_sets(cfg)
    report = audit_datasets(sets, settings, ImageCache(), unscored, unlabeled)
    report.raise_errors()
    if is_main_process():
        tell(report)


def check_variants(cfg: Config) -> None:
    """Refuse copies that are near-duplicates in training alone, or in scoring alone.

    Raises:
        PreflightError: If ``VaryImage`` stands in one of the two pipelines.
    """
    data = DataConfig(cfg)
    pipelines = dict(train=next(leaf_datasets(data.pool))["pipeline"], test=data.test_pipeline)
    has = [name for name, p in pipelines.items() if any(type_name(t) == "VaryImage" for t in p)]
    if is_shaped(data.pool) and len(has) == 1:
        raise PreflightError(
            f"mmal.VaryImage stands in the {has[0]} pipeline alone. The pool is scored by the test "
            "pipeline: put it into both, after what loads the image."
        )


def tell(report: AuditReport) -> None:
    """Log what became of the annotations: warnings with examples, counts of the rest."""
    for group in report.of("warning"):
        print_log(str(group), logger="current", level=logging.WARNING)
    for counts in report.sets:
        objects = f", {counts.objects} objects" if counts.objects_stated else ""
        print_log(f"{counts.name}: {counts.images} images{objects}", logger="current")
    for group in report.of("info"):
        print_log(str(group).splitlines()[0], logger="current")
