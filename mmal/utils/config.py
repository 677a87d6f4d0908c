"""Reading MM configs."""

import sys
import traceback
from pathlib import Path

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
    """Say what went wrong in a config, or in a module that it imports, and where, in a line."""
    while str(error).startswith("Failed to import") and error.__context__ is not None:
        error = error.__context__  # MMEngine's says less
    if isinstance(error, SyntaxError):
        said, file, line = error.msg, error.filename, error.lineno
    else:
        said = (str(error).splitlines() or [""])[0]
        program = getattr(sys.modules["__main__"], "__file__", None)
        frames = traceback.extract_tb(error.__traceback__)
        places = [(f.filename, f.lineno) for f in frames if f.name == "<module>"]
        file, line = next((place for place in places[::-1] if place[0] != program), (None, None))
    where = "" if line is None else f" ({_file_name(file)}line {line})"
    hint = ""
    if isinstance(error, ModuleNotFoundError):
        hint = ". Of a file of yours, the folder has to be in PYTHONPATH"
    return f"{type(error).__name__}: {said}{where}{hint}"


def _file_name(path: str | None) -> str:
    return "" if path in (None, "<unknown>", "<string>") else f"{Path(path).name}, "


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
