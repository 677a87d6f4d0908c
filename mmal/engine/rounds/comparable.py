"""Settings that rounds must share to be comparable."""

import copy
import datetime
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.dist import get_world_size

from mmal.utils import JsonError, atomic_path, checked, member, read_json

#: What a config says that decides what a round learns, measures or picks.
_KEYS = (
    "model",
    "data_preprocessor",
    "load_from",
    "train_cfg",
    "optim_wrapper",
    "param_scheduler",
    "auto_scale_lr",
    "train_dataloader",
    "test_dataloader",
    "test_evaluator",
    "custom_hooks",
)
#: Of active_learning; the pool file holds the others that matter.
_ROUNDS = ("subset", "group_by", "group_score", "when_doubtful")
#: Members, wherever they are, that say where data are, or how fast they are read.
_LEFT_OUT = {
    *("data_root", "data_prefix", "ann_file", "img_prefix", "headbox_file", "backend_args"),
    *("num_workers", "persistent_workers", "prefetch_factor", "pin_memory", "timeout"),
    *("multiprocessing_context", "val_interval", "val_begin", "dynamic_intervals"),
    *("file_client_args", "outfile_prefix", "serialize_data", "lazy_init"),
}
_WEIGHTS = (".pth", ".pt", ".pkl", ".bin", ".safetensors")
_SHOWN = 20


class ChangedSettingsError(ValueError):
    """A resumed run has settings with which its rounds would not be comparable."""


def comparable_settings(cfg: Config) -> dict[str, Any]:
    """Return what of a config makes its rounds comparable, as JSON has it.

    Where data are does not matter, since the pool knows their ids; neither do workers, logs, hooks
    that only write, and how many rounds there are.
    """
    content = cfg.to_dict()
    kept = {key: content[key] for key in _KEYS if content.get(key) is not None}
    rounds = content.get("active_learning") or {}
    if chosen := {key: rounds[key] for key in _ROUNDS if rounds.get(key) is not None}:
        kept["active_learning"] = chosen
    kept["processes"] = get_world_size()
    return json.loads(json.dumps(_plain(copy.deepcopy(kept))))


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items() if k not in _LEFT_OUT}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, (set, frozenset)):
        return sorted((_plain(item) for item in value), key=str)
    if isinstance(value, str):  # weights may lie elsewhere by now
        return Path(value).name if value.endswith(_WEIGHTS) else value
    if value is None or isinstance(value, (bool, int, float)):
        return value
    named = value if hasattr(value, "__qualname__") else type(value)  # a repr may be an address
    return f"{named.__module__}.{named.__qualname__}"


class SettingsFile:
    """``settings.json``: what the rounds of a work directory have in common.

    Args:
        path: The file.
    """

    def __init__(self, path: str | os.PathLike) -> None:
        self.path = Path(path)

    def changes(self, settings: dict[str, Any]) -> dict[str, list]:
        """Return what differs from the file, ``[was, is]`` by key; nothing if there is no file.

        Raises:
            ChangedSettingsError: If the file is none.
        """
        if not self.path.exists():
            return {}
        before, after = dict(_flat(self._read()["settings"])), dict(_flat(settings))
        keys = [*before, *(key for key in after if key not in before)]
        missing = "(not set)"
        pairs = {key: [before.get(key, missing), after.get(key, missing)] for key in keys}
        return {key: pair for key, pair in pairs.items() if pair[0] != pair[1]}

    def refuse_changes(self, settings: dict[str, Any]) -> None:
        """Refuse to go on with settings that differ.

        Raises:
            ChangedSettingsError: If they do; the message shows each.
        """
        if not (changes := self.changes(settings)):
            return
        lines = [f"  {key}: {was} → {now}" for key, (was, now) in changes.items()]
        if len(lines) > _SHOWN:
            lines = [*lines[:_SHOWN], f"  and {len(lines) - _SHOWN} more"]
        raise ChangedSettingsError(
            f"{self.path.parent}: {len(changes)} settings are not those that the run began with, "
            "so its rounds would not be comparable (was → is):\n"
            + "\n".join(lines)
            + "\nResume with the former ones, choose another --work-dir, or go on with the new "
            "ones by --allow-changes, which records them."
        )

    def write(self, settings: dict[str, Any]) -> None:
        """Write the settings of a run that begins."""
        self._save(dict(settings=settings, changes=[]))

    def record(self, settings: dict[str, Any], round_index: int) -> None:
        """Take over changed settings, and keep what they were.

        Args:
            settings: The new ones.
            round_index: The round that is the first to be run with them, or is under way.
        """
        if not self.path.exists():
            self.write(settings)
        elif changes := self.changes(settings):
            now = datetime.datetime.now().astimezone().isoformat(timespec="seconds")
            entry = dict(round=round_index, when=now, changes=changes)
            self._save(dict(settings=settings, changes=[*self._read()["changes"], entry]))

    def _read(self) -> dict[str, Any]:
        try:
            content = checked(read_json(self.path), dict, "the top level")
            member(content, "settings", dict)
            member(content, "changes", list)
        except JsonError as error:
            raise ChangedSettingsError(
                f"{self.path} does not hold the settings of a run: {error}. Restore it, or delete "
                "it: settings are then not compared with those that the run began with."
            ) from error
        return content

    def _save(self, content: dict[str, Any]) -> None:
        with atomic_path(self.path) as tmp:
            tmp.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _flat(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for name, item in items:
        place = f"{key}.{name}" if key else str(name)
        if isinstance(item, (dict, list)) and item:
            yield from _flat(item, place)
        else:
            yield place, item
