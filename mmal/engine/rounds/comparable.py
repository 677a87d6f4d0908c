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
    return json.loads(json.dumps(plain(copy.deepcopy(kept))))


def plain(value: Any) -> Any:
    """Return what of a config decides what is computed, in types that JSON has.

    Left out are members that say where data are, or how fast they are read.
    """
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items() if k not in _LEFT_OUT}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, (set, frozenset)):
        return sorted((plain(item) for item in value), key=str)
    if isinstance(value, str):  # weights may lie elsewhere by now
        return Path(value).name if value.endswith(_WEIGHTS) else value
    if value is None or isinstance(value, (bool, int, float)):
        return value
    named = value if hasattr(value, "__qualname__") else type(value)  # a repr may be an address
    return f"{named.__module__}.{named.__qualname__}"


class SettingsFile:
    """``settings.json``: what the rounds of a work directory have in common, and ran with.

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

    def write(self, settings: dict[str, Any], environment: dict[str, Any]) -> None:
        """Write the settings of a run that begins, and what it is run with."""
        ran = [dict(round=0, when=_now(), **environment)]
        self._save(dict(settings=settings, changes=[], environments=ran))

    def record(
        self, settings: dict[str, Any], environment: dict[str, Any], round_index: int
    ) -> dict[str, list[str]]:
        """Take over settings and environment, where they changed, and keep what they were.

        Args:
            settings: The new ones.
            environment: What the run goes on with, see
                :func:`~mmal.engine.rounds.environment.environment`.
            round_index: The round that is the first to be run with them, or is under way.

        Returns:
            Packages whose versions are not those of before, ``[was, is]`` by name.
        """
        if not self.path.exists():
            self.write(settings, environment)
            return {}
        content, changes = self._read(), self.changes(settings)
        ran = content.setdefault("environments", [])
        before = {key: ran[-1].get(key) for key in environment} if ran else None
        if not changes and before == environment:
            return {}
        if changes:
            content["settings"] = settings
            content["changes"].append(dict(round=round_index, when=_now(), changes=changes))
        if before != environment:
            ran.append(dict(round=round_index, when=_now(), **environment))
        self._save(content)
        return other_versions(before["versions"], environment["versions"]) if before else {}

    def _read(self) -> dict[str, Any]:
        try:
            content = checked(read_json(self.path), dict, "the top level")
            member(content, "settings", dict)
            member(content, "changes", list)
            ran = checked(content.get("environments", []), list, "environments")
            for i, entry in enumerate(ran):  # older versions wrote none
                place = f"environments[{i}]"
                member(checked(entry, dict, place), "versions", dict, place)
        except JsonError as error:
            raise ChangedSettingsError(
                f"{self.path} does not hold the settings of a run: {error}. Restore it, or delete "
                "it: settings are then not compared with those that the run began with."
            ) from error
        return content

    def _save(self, content: dict[str, Any]) -> None:
        with atomic_path(self.path) as tmp:
            tmp.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _now() -> str:
    return datetime.datetime.now().astimezone().isoformat(timespec="seconds")


def other_versions(before: Mapping[str, str], now: Mapping[str, str]) -> dict[str, list[str]]:
    """Return the packages whose versions differ, ``[was, is]`` by name."""
    common = [name for name in before if name in now]
    return {name: [before[name], now[name]] for name in common if before[name] != now[name]}


def _flat(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for name, item in items:
        place = f"{key}.{name}" if key else str(name)
        if isinstance(item, (dict, list)) and item:
            yield from _flat(item, place)
        else:
            yield place, item
