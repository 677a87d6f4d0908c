"""Are the weights there that a training begins with, and of this model?"""

from collections.abc import Callable, Iterator

import torch
from mmengine.config import Config
from mmengine.dist import barrier, is_main_process
from mmengine.runner import CheckpointLoader, load_checkpoint
from torch import nn

from mmal.models import build_model
from mmal.models.pretrained import is_pretrained_init
from mmal.utils import preserved_random_state, quiet, single_process

from .problems import PreflightError, Problems


def check_pretrained(cfg: Config, problems: Problems) -> None:
    """Load every checkpoint that a training would begin with, on the main process.

    What has to be downloaded then lies in the cache of torch, where the training finds it.

    Args:
        cfg: The config.
        problems: Gets one for each checkpoint that cannot be had, or has nothing that the model
            could take: mmengine would only warn. A checkpoint that fits in part is in order.
    """
    if is_main_process():
        with single_process():
            found = Problems()
            for key, path in dict(pretrained_checkpoints(cfg)).items():
                try:
                    CheckpointLoader.load_checkpoint(path, map_location="cpu")
                except Exception as error:  # of file systems, networks and unpicklers
                    found.add(_as_problem(key, path, error))
            if not found:
                _check_fit(cfg, found)
            problems.extend(found)
    barrier()


def pretrained_checkpoints(cfg: Config) -> Iterator[tuple[str, str]]:
    """Yield the keys and paths of ``load_from`` and of all ``init_cfg`` of kind Pretrained."""
    if cfg.get("load_from"):
        yield "load_from", cfg.load_from
    for key, init in _below(cfg.model, "model"):
        yield f"{key}.checkpoint", init["checkpoint"]


def _below(node: object, key: str) -> Iterator[tuple[str, dict]]:
    if isinstance(node, dict):
        if is_pretrained_init(node):
            yield key, node
        for name, child in node.items():
            yield from _below(child, f"{key}.{name}")
    elif isinstance(node, (list, tuple)):
        for number, child in enumerate(node):
            yield from _below(child, f"{key}.{number}")


def _check_fit(cfg: Config, problems: Problems) -> None:
    """Load the checkpoints into a model of its own as a training would; look what changes."""
    keys = list(_below(cfg.model, "model"))
    if not keys and not cfg.get("load_from"):
        return
    with preserved_random_state(), quiet():
        try:
            model = build_model(cfg)
        except Exception:  # the rehearsal builds it, too, and says what is wrong
            return
        for module in model.modules():
            init = getattr(module, "init_cfg", None)
            if not is_pretrained_init(init):
                continue
            key = next((key for key, node in keys if node == init), "init_cfg")
            with problems.collect():
                _check_changed(module, module.init_weights, key, init)
        if path := cfg.get("load_from"):
            init = dict(checkpoint=path)
            with problems.collect():
                _check_changed(
                    model, lambda: load_checkpoint(model, path, "cpu"), "load_from", init
                )


def _check_changed(module: nn.Module, load: Callable, key: str, init: dict) -> None:
    before = {name: value.clone() for name, value in module.state_dict().items()}
    try:
        load()
    except AssertionError:  # no key begins with the prefix
        fits = False
    else:
        # What was there before, as by init_cfg, changes nothing and fits all the same.
        fits = any(
            not torch.equal(v, before[name]) for name, v in module.state_dict().items()
        ) or _has_keys_of(init, before)
    if fits:
        return
    prefix = init.get("prefix")
    asked = f" under prefix={prefix!r}" if prefix else ""
    raise PreflightError(
        f"{key}: no weight of {init['checkpoint']!r}{asked} fits the {type(module).__name__}: the "
        f"file has {_examples(_keys_of(init['checkpoint']))}, the model {_examples(before)}. Name "
        "weights of this model, or the prefix (init_cfg.prefix) that the file's keys have for it."
    )


def _has_keys_of(init: dict, state: dict[str, torch.Tensor]) -> bool:
    content = CheckpointLoader.load_checkpoint(init["checkpoint"], map_location="cpu")
    content = content.get("state_dict", content)
    prefix = f"{init['prefix']}." if init.get("prefix") else ""
    names = {key.removeprefix("module.").removeprefix(prefix): key for key in content}
    return any(
        getattr(content[names[name]], "shape", None) == value.shape
        for name, value in state.items()
        if name in names
    )


def _keys_of(path: str) -> list[str]:
    content = CheckpointLoader.load_checkpoint(path, map_location="cpu")
    return list(content.get("state_dict", content))


def _examples(keys: object) -> str:
    return ", ".join(sorted(map(str, keys))[:2]) + ", …"


def _as_problem(key: str, path: str, error: Exception) -> PreflightError:
    reason = (str(error).strip() or repr(error)).splitlines()[0]
    off = "None" if key == "load_from" else f"None (whole: {key.rpartition('.')[0]}=None)"
    return PreflightError(
        f"{key}: the weights {path!r} cannot be had: {reason}. Without a network name a local "
        f"file, --cfg-options {key}=file.pth; to train from scratch set it to {off}."
    )
