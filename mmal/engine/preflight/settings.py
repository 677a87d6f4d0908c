"""Settings that can be refused by looking at the config alone."""

from mmengine.config import Config
from mmengine.device import get_device
from mmengine.registry import OPTIMIZERS

from mmal.utils import type_name

from .problems import PreflightError

#: NumPy's generators take no larger seed.
_MOST = 2**32 - 1


def check_seed(seed: int | None) -> None:
    """Refuse seeds that no generator takes.

    Raises:
        PreflightError: If ``seed`` is no integer from 0 to 2^32 - 1.
    """
    if seed is not None and not (type(seed) is int and 0 <= seed <= _MOST):
        raise PreflightError(
            f"randomness.seed (--seed) must be an integer from 0 to {_MOST}. Got {seed!r} instead."
        )


def check_optimizer(cfg: Config) -> None:
    """Refuse optimizers for which mmengine has no message, or none that says what to do.

    Raises:
        PreflightError: If there is none of the name, or it is one of mixed precision on a CPU.
    """
    wrapper = cfg.get("optim_wrapper") or {}
    if type_name({"type": "", **wrapper}) == "AmpOptimWrapper" and get_device() == "cpu":
        raise PreflightError(
            "optim_wrapper.type is AmpOptimWrapper (--amp), which is only available on a GPU, and "
            "there is none. Train without --amp (type='OptimWrapper')."
        )
    optimizer = wrapper.get("optimizer") or {}
    name = optimizer.get("type")
    with OPTIMIZERS.switch_scope_and_registry(None) as registry:
        if isinstance(name, str) and registry.get(name) is None:
            raise PreflightError(f"optim_wrapper.optimizer.type is {name!r}: no such optimizer.")


def check_checkpoints(cfg: Config) -> None:
    """Refuse checkpoints that rounds would not find.

    Raises:
        PreflightError: If they are saved elsewhere.
    """
    checkpoint = (cfg.get("default_hooks") or {}).get("checkpoint") or {}
    if checkpoint.get("out_dir") is not None:
        raise PreflightError(
            f"default_hooks.checkpoint.out_dir is {checkpoint['out_dir']!r}, but each round keeps "
            "its checkpoints in its own folder of the work directory, where it looks for them. "
            "Remove out_dir, or choose another --work-dir."
        )


def check_runner(cfg: Config) -> None:
    """Refuse runners that rounds would not use.

    Raises:
        PreflightError: If the config asks for one, or for a strategy (FSDP, DeepSpeed).
    """
    for name in ("runner_type", "strategy"):
        found = cfg.get(name)
        found = found.get("type") if isinstance(found, dict) else found
        if found is not None and (name, found) != ("runner_type", "Runner"):
            raise PreflightError(
                f"{name} is {found!r}, but rounds train by mmengine's Runner alone: FlexibleRunner "
                "and its strategies (FSDP, DeepSpeed, ColossalAI) are not supported. Remove "
                "runner_type and strategy; for several GPUs use tools/dist_run_rounds.sh."
            )


def check_detach_epoch(detach_epoch: int | None, max_epochs: int | None) -> None:
    """Refuse an epoch that a training never reaches.

    Args:
        detach_epoch: That of the ActiveLearningHook.
        max_epochs: How many epochs the loop has; None if it counts iterations.

    Raises:
        PreflightError: If the loop counts iterations, or ends before.
    """
    if not detach_epoch:
        return
    if max_epochs is None:
        raise PreflightError(
            f"ActiveLearningHook has detach_epoch={detach_epoch}, but the training loop "
            "counts iterations, not epochs. Use an EpochBasedTrainLoop, or detach from the "
            "start (0) or never (None)."
        )
    if detach_epoch >= max_epochs:
        share = int(0.8 * max_epochs)
        raise PreflightError(
            f"ActiveLearningHook has detach_epoch={detach_epoch}, but train_cfg.max_epochs is "
            f"{max_epochs} (epochs count from 0): the features would never be detached. Set it to "
            f"about 80 % of the epochs ({share}), to 0 (from the start) or to None (never)."
        )


def max_epochs_of(cfg: Config) -> int | None:
    """How many epochs the config's training loop has; None if it counts iterations."""
    loop = cfg.get("train_cfg") or {}
    kind = type_name(loop) if "type" in loop else ""
    if "IterBased" in kind or not loop.get("by_epoch", True):
        return None
    return loop.get("max_epochs")


def check_workers(cfg: Config) -> None:
    """Refuse numbers of data loading processes that cannot be.

    Raises:
        PreflightError: If one is no integer from 0.
    """
    for name in ("train_dataloader", "test_dataloader"):
        found = (cfg.get(name) or {}).get("num_workers", 0)
        if type(found) is not int or found < 0:
            raise PreflightError(f"{name}.num_workers must be 0 or more. Got {found!r} instead.")


def check_no_validation(cfg: Config) -> None:
    """Refuse hooks that wait for a validation, which rounds do not have.

    Raises:
        PreflightError: If there is one.
    """
    for hook in cfg.get("custom_hooks") or []:
        if type_name(hook) == "EarlyStoppingHook":
            raise PreflightError(
                "custom_hooks has EarlyStoppingHook, but rounds have no validation, which would "
                "choose by the test data. Remove it, and set the epochs."
            )
