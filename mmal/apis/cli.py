"""What the command lines of all tools share."""

import argparse
import ast
import importlib
import importlib.util
import io
import os
import signal
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

from mmengine.config import Config, DictAction
from mmengine.dist import is_main_process
from mmengine.utils import import_modules_from_strings

from mmal.queries import build_query
from mmal.utils import config_from_file, error_of_config, stop_on_signals


class Pairs(DictAction):
    """Options written as ``key=value``."""

    def __call__(self, parser: argparse.ArgumentParser, *args: Any) -> None:
        """Read them, or end the program with a line."""
        if wrong := [value for value in args[1] if "=" not in value]:
            parser.error(f"{self.option_strings[0]} takes key=value. Got {wrong[0]!r} instead.")
        super().__call__(parser, *args)


def add_config_arguments(parser: argparse.ArgumentParser, training: bool = True) -> None:
    """Add the options that MM users know to a parser with a ``config`` argument."""
    parser.add_argument(
        "--work-dir", help="where to write (default: work_dir of the config, or work_dirs/<config>)"
    )
    if training:
        parser.add_argument("--amp", action="store_true", help="automatic mixed precision")
    add_cfg_options(parser)
    parser.add_argument(
        "--launcher",
        choices=["none", "pytorch", "slurm", "mpi"],
        default="none",
        help="job launcher (default: none)",
    )
    # torch.distributed.launch passes it; torchrun sets LOCAL_RANK instead.
    parser.add_argument("--local_rank", "--local-rank", type=int, default=0, help=argparse.SUPPRESS)


def add_cfg_options(parser: argparse.ArgumentParser) -> None:
    """Add ``--cfg-options`` to a parser with a ``config`` argument."""
    parser.add_argument(
        "--cfg-options",
        nargs="+",
        action=Pairs,
        help="settings that replace the config's, such as active_learning.budget=50 "
        'train_dataloader.batch_size=8 key="[a,b]"',
    )


def parse_query(text: str) -> dict:
    """Read a query as written on a command line, ``Name`` or ``Name(parameter=value, …)``.

    Returns:
        The query's config.

    Raises:
        ValueError: If it does not parse, or there is no such query or parameter.
    """
    try:
        node = ast.parse(text, mode="eval").body
        name, keywords = (node.func, node.keywords) if isinstance(node, ast.Call) else (node, [])
        if getattr(node, "args", []):
            raise ValueError("parameters need names, as in Entropy(aggregation='max')")
        if not isinstance(name, ast.Name | ast.Attribute):
            raise ValueError("it must be one name, or Name(parameter=value)")
        if not all(k.arg for k in keywords):
            raise ValueError("parameters need names, as in Entropy(aggregation='max')")
        parameters = {k.arg: _literal(k) for k in keywords}
        name = ast.unparse(name)
        cfg = dict(type=name if "." in name else f"mmal.{name}", **parameters)
        build_query(cfg)
    except SyntaxError as error:
        raise ValueError(f"The query {text!r} cannot be read: {error.msg}") from error
    except ValueError as error:
        raise ValueError(f"The query {text!r} cannot be read: {error}") from error
    return cfg


def _literal(keyword: ast.keyword) -> object:
    try:
        return _value(keyword.value)
    except ValueError:
        raise ValueError(
            f"{keyword.arg} must be a number, a string in quotes, or a list or dict(…) of such"
        ) from None


def _value(node: ast.expr) -> object:
    if isinstance(node, ast.Call) and ast.unparse(node.func) == "dict" and not node.args:
        return {keyword.arg: _value(keyword.value) for keyword in node.keywords}
    return ast.literal_eval(node)


#: What the system says of a path that a user gave.
_OF_PATHS = (
    *(FileNotFoundError, FileExistsError, PermissionError),
    *(IsADirectoryError, NotADirectoryError),
)


@contextmanager
def one_line_errors() -> Iterator[None]:
    """End the program with the message alone where input is refused, before any long work."""
    try:
        yield
    except (ValueError, TypeError, *_OF_PATHS) as error:
        sys.exit(f"error: {error}")


@contextmanager
def interruptible(how_to_go_on: str) -> Iterator[None]:
    """End the program by Ctrl-C or SIGTERM with a line that says how to go on.

    The exit code is that of a shell for a program that the signal ended, 130 or 143, so that it is
    the same when the signal comes before Python listens.
    """
    try:
        with stop_on_signals():
            yield
    except KeyboardInterrupt as stop:
        signum = getattr(stop, "signum", signal.SIGINT)
        name = "" if signum == signal.SIGINT else f" by {signal.Signals(signum).name}"
        if is_main_process():
            print(f"\nInterrupted{name}. {how_to_go_on}", file=sys.stderr)
        sys.exit(128 + signum)


def read_config(args: argparse.Namespace) -> Config:
    """Read the config file and apply ``--cfg-options``.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it cannot be read, or lacks the place of an option.
    """
    with _quiet_imports():
        cfg = config_from_file(args.config)
        try:
            _forget_scope(cfg._cfg_dict)
        except Exception as error:  # a lazy config imports what it names here
            said = error_of_config(error)
            raise ValueError(f"The config {args.config} cannot be read: {said}") from error
        # Its data sets would import them later, in the middle of other lines.
        scope = cfg.get("default_scope", "mmdet")
        for name in ("datasets", "evaluation"):
            if importlib.util.find_spec(scope) is not None:
                importlib.import_module(f"{scope}.{name}")
    if args.cfg_options is not None:
        adds_imports = any(k.partition(".")[0] == "custom_imports" for k in args.cfg_options)
        imported = _imports(cfg) if adds_imports else []
        try:
            cfg.merge_from_dict(args.cfg_options)
        except (KeyError, TypeError, AttributeError) as error:
            said = error.args[0] if error.args else error
            raise ValueError(f"--cfg-options cannot be applied to {args.config}: {said}") from error
        if adds_imports:
            added = _imports(cfg)
            cfg.custom_imports.imports = list(dict.fromkeys([*imported, *added]))
            _import(cfg.custom_imports)  # reading the file imported what that says, and no more
    return cfg


def _imports(cfg: Config) -> list[str]:
    """Return what ``custom_imports`` of a config names."""
    named = cfg.get("custom_imports") or dict(imports=[])
    modules = named.get("imports") if isinstance(named, dict) else None
    modules = [modules] if isinstance(modules, str) else modules
    if not isinstance(modules, list | tuple) or not all(isinstance(m, str) for m in modules):
        raise ValueError(
            "custom_imports has to be a dict with 'imports', as in --cfg-options "
            f'"custom_imports.imports=[my_queries]". Got {named!r} instead.'
        )
    return list(modules)


def _import(custom_imports: dict) -> None:
    try:
        with _quiet_imports():
            import_modules_from_strings(**custom_imports)
    except Exception as error:  # a module is a program, as a config is
        raise ValueError(
            f"--cfg-options: custom_imports cannot be imported: {error_of_config(error)}"
        ) from error


def _forget_scope(node: object) -> None:
    """Take back that mmengine has what a config inherits by ``mmal::`` built in the scope mmal.

    Its types are those of the other packages, as where it is inherited by its path.
    """
    if isinstance(node, dict):
        if node.get("_scope_") == "mmal":
            del node["_scope_"]
        for value in node.values():
            _forget_scope(value)
    elif isinstance(node, (list, tuple)):
        for value in node:
            _forget_scope(value)


@contextmanager
def _quiet_imports() -> Iterator[None]:
    """Keep from the terminal what packages say of others that they could do without."""
    with redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def config_from_args(args: argparse.Namespace) -> Config:
    """Read the config file and apply the options; the command line wins over the file."""
    os.environ.setdefault("LOCAL_RANK", str(args.local_rank))
    cfg = read_config(args)
    cfg.launcher = args.launcher
    cfg.work_dir = args.work_dir or cfg.get("work_dir") or f"work_dirs/{Path(args.config).stem}"
    if getattr(args, "amp", False):
        cfg.optim_wrapper.type = "AmpOptimWrapper"
        cfg.optim_wrapper.setdefault("loss_scale", "dynamic")
    return cfg
