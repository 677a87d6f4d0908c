"""Editing annotation files, and auditing them."""

import json
from collections.abc import Callable
from pathlib import Path

from mmal.datasets.audit import AuditReport, AuditSettings, audit_datasets


def path_of(config: dict, key: str = "ann_file") -> Path:
    """Return the path of a data set's file."""
    return Path(config["data_root"], config[key])


def change(config: dict, edit: Callable[[dict], object]) -> None:
    """Edit the annotation file in place."""
    path = path_of(config)
    content = json.loads(path.read_text())
    edit(content)
    path.write_text(json.dumps(content))


def audit(config: dict, name: str = "train", **settings) -> AuditReport:
    """Audit one data set."""
    return audit_datasets({name: [config]}, AuditSettings(**settings))


def found(report: AuditReport) -> dict[str, int]:
    """Count findings by kind."""
    return {group.kind.name: group.count for group in report.groups}


def text(report: AuditReport) -> str:
    """Return everything that a report says."""
    return "\n".join(map(str, report.groups))
