"""Reading MM configs."""

import re
import traceback
from pathlib import Path

from mmengine.config import Config
from mmengine.hub import get_config
from mmengine.registry import Registry

#: What MMEngine raises around the error of a module that custom_imports names.
_OF_MMENGINE = re.compile(r"Failed to import (?:custom modules from|([\w.]+)$)")
#: What a frame outside functions is called.
_TOP = "<module>"


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
    named = None  # of custom_imports
    while isinstance(error, ImportError) and (found := _OF_MMENGINE.match(str(error))):
        named = found[1] or named
        error = error.__context__ or ImportError(named)
    if isinstance(error, SyntaxError):
        said, line = error.msg, error.lineno
        # Of a config the name is not known, nor whether it is one that is inherited from.
        known = error.filename not in (None, "<unknown>")
        place = Path(error.filename).name if known else (error.text or "").strip()
        where = f" ({place}, line {line})" if known else f" (line {line}: {place})"
    else:
        said = (str(error).splitlines() or [""])[0]
        frames = traceback.extract_tb(error.__traceback__)
        places = [f"{Path(f.filename).name}, line {f.lineno}" for f in frames if f.name == _TOP]
        where = f" ({places[-1]})" if places else ""
    missing = isinstance(error, ModuleNotFoundError) and error.name == named
    hint = ". Of a file of yours, the folder has to be in PYTHONPATH" if missing else ""
    return f"{type(error).__name__}: {said}{where}{hint}"


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
