"""Are the weights there that a training begins with, and of this model?"""

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pickle import UnpicklingError

import torch
from mmengine.config import Config
from mmengine.dist import is_main_process
from mmengine.runner import CheckpointLoader, load_checkpoint
from torch import nn

from mmal.models import build_model
from mmal.models.pretrained import is_pretrained_init
from mmal.utils import (
    few,
    main_works_alone,
    preserved_random_state,
    quiet,
    safe_loading,
    single_process,
    unsafe_message,
)

from .problems import PreflightError, Problems


@safe_loading()
def check_pretrained(cfg: Config, problems: Problems) -> None:
    """Load every checkpoint that a training would begin with, on the main process.

    What has to be downloaded then lies in the cache of torch, where the training finds it.

    Args:
        cfg: The config.
        problems: Gets one for each checkpoint that cannot be had, or has nothing that the model
            could take: mmengine would only warn. A checkpoint that fits in part is in order.
    """
    with main_works_alone():  # which may have to download
        _check_on_main(cfg, problems)


def _check_on_main(cfg: Config, problems: Problems) -> None:
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
    """Load the checkpoints into a model of its own as a training would; look what comes of it."""
    keys = list(_below(cfg.model, "model"))
    if not keys and not cfg.get("load_from"):
        return
    with preserved_random_state(), quiet():
        try:
            model = build_model(cfg)
        except Exception:  # the rehearsal builds it, too, and says what is wrong
            return
        given: set[int] = set()
        for module in model.modules():
            init = getattr(module, "init_cfg", None)
            if not is_pretrained_init(init):
                continue
            key = next((key for key, node in keys if node == init), "init_cfg")
            with problems.collect():
                given |= _given(module, module.init_weights, key, init)
        if path := cfg.get("load_from"):
            init = dict(checkpoint=path)
            with problems.collect():
                given |= _given(model, lambda: load_checkpoint(model, path), "load_from", init)
    if not problems and (cfg.get("active_learning") or {}).get("cached_features") is not None:
        with problems.collect():
            _check_whole(model.backbone, given)


def _check_whole(backbone: nn.Module, given: set[int]) -> None:
    """Refuse weights that leave out something of a backbone that is never trained."""
    state = backbone.state_dict(keep_vars=True)
    state = {name: value for name, value in state.items() if value.is_floating_point()}
    if missing := [name for name, value in state.items() if id(value) not in given]:
        raise PreflightError(
            f"active_learning.cached_features: the pretrained weights leave out {len(missing)} of "
            f"{len(state)} parameters and statistics of the {type(backbone).__name__} "
            f"({few(missing)}), which is never trained. Name weights of all of it."
        )


def _given(module: nn.Module, load: Callable, key: str, init: dict) -> set[int]:
    """Load a checkpoint; return what it gives, as ids of parameters and buffers.

    Raises:
        PreflightError: If that is nothing.
    """
    before = {name: value.clone() for name, value in module.state_dict().items()}
    names = _names_of(init, before)
    after = []
    for seed in (0, 1):  # children that draw their weights anew draw others the second time
        torch.manual_seed(seed)
        for child in module.modules():
            if hasattr(child, "_is_init"):
                child._is_init = False  # else mmengine initialises once
        with suppress(AssertionError):  # no key begins with the prefix
            load()
        after.append({name: value.clone() for name, value in module.state_dict().items()})
    for name, value in after[0].items():  # of those that convert the keys of other packages
        varies = value.numel() > 1 and bool((value != value.flatten()[0]).any())
        if varies and torch.equal(value, after[1][name]) and not torch.equal(value, before[name]):
            names.add(name)
    if names:
        state = module.state_dict(keep_vars=True)
        return {id(state[name]) for name in names}
    prefix = init.get("prefix")
    asked = f" under prefix={prefix!r}" if prefix else ""
    raise PreflightError(
        f"{key}: no weight of {init['checkpoint']!r}{asked} fits the {type(module).__name__}: the "
        f"file has {_examples(_keys_of(init['checkpoint']))}, the model {_examples(before)}. Name "
        "weights of this model, or the prefix (init_cfg.prefix) that the file's keys have for it."
    )


def _names_of(init: dict, state: dict[str, torch.Tensor]) -> set[str]:
    """Return the names in a state of which the file has weights of the same shape."""
    content = CheckpointLoader.load_checkpoint(init["checkpoint"], map_location="cpu")
    content = content.get("state_dict", content)
    prefix = f"{init['prefix']}." if init.get("prefix") else ""
    keys = {key.removeprefix("module.").removeprefix(prefix): key for key in content}
    return {
        name
        for name, value in state.items()
        if name in keys and getattr(content[keys[name]], "shape", None) == value.shape
    }


def _keys_of(path: str) -> list[str]:
    content = CheckpointLoader.load_checkpoint(path, map_location="cpu")
    return list(content.get("state_dict", content))


def _examples(keys: object) -> str:
    return ", ".join(sorted(map(str, keys))[:2]) + ", …"


def _as_problem(key: str, path: str, error: Exception) -> PreflightError:
    if isinstance(error, UnpicklingError) and "GLOBAL" in str(error):
        return PreflightError(f"{key}: {unsafe_message(repr(path), error)}")
    # What torch says before is advice to load whatever it is.
    said = str(error).rpartition("WeightsUnpickler error:")[2].strip()
    reason = (said or repr(error)).splitlines()[0]
    if os.path.isfile(path) and not isinstance(error, OSError):
        reason = f"PyTorch reads no weights in the file ({type(error).__name__}: {reason})"
    off = "None" if key == "load_from" else f"None (whole: {key.rpartition('.')[0]}=None)"
    return PreflightError(
        f"{key}: the weights {path!r} cannot be had: {reason}. Without a network name a local "
        f"file, --cfg-options {key}=file.pth; to train from scratch set it to {off}."
    )
