"""Reading MM configs."""

import traceback

from mmengine.config import Config
from mmengine.hub import get_config
from mmengine.registry import Registry


def config_from_file(path: str) -> Config:
    """Read a config file, or one of a package, such as ``mmdet::….py``.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it cannot be read, or its ``custom_hooks`` are no list.
    """
    try:
        cfg = get_config(path) if "::" in path else Config.fromfile(path)
    except FileNotFoundError:
        raise
    except Exception as error:  # a config is a program: anything can go wrong in one
        raise ValueError(f"The config {path} cannot be read: {error_of_config(error)}") from error
    check_hooks(path, cfg)
    return cfg


def check_hooks(path: str, cfg: Config) -> None:
    """Check that the custom hooks of a config are a list.

    Raises:
        ValueError: If they are not.
    """
    hooks = cfg.get("custom_hooks") or []
    if not isinstance(hooks, list | tuple):
        raise ValueError(
            f"custom_hooks of {path} must be a list of hooks' configs. Got {hooks!r} instead: put "
            "it into brackets."
        )


def error_of_config(error: Exception) -> str:
    """Say what went wrong in a config that is being read, in a line."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    line = getattr(error, "lineno", None)
    if line is None and last.name == "<module>":  # of the config itself
        line = last.lineno
    first = (str(error).splitlines() or [""])[0]
    return f"{type(error).__name__}: {first}" + (f" (line {line})" if line else "")


def type_name(cfg: dict) -> str:
    """Return the bare class name of a config's ``type``, be it a string or a class."""
    kind = cfg["type"]
    return kind.rpartition(".")[2] if isinstance(kind, str) else kind.__name__


def registered_class(cfg: dict, registry: Registry) -> object:
    """Return the class of a component's config, looked up as building it would; None if unknown."""
    if not isinstance(cfg.get("type"), str):
        return cfg.get("type")
    with registry.switch_scope_and_registry(None) as scoped:
        return scoped.get(cfg["type"])
