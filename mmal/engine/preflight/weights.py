"""Are the weights there that a training begins with?"""

from collections.abc import Iterator

from mmengine.config import Config
from mmengine.dist import barrier, is_main_process
from mmengine.runner import CheckpointLoader

from mmal.utils import single_process, type_name

from .problems import PreflightError, Problems


def check_pretrained(cfg: Config, problems: Problems) -> None:
    """Load every checkpoint that a training would begin with, on the main process.

    What has to be downloaded then lies in the cache of torch, where the training finds it.

    Args:
        cfg: The config.
        problems: Gets one for each checkpoint that cannot be had.
    """
    if is_main_process():
        for key, path in dict(pretrained_checkpoints(cfg)).items():
            try:
                with single_process():
                    CheckpointLoader.load_checkpoint(path, map_location="cpu")
            except Exception as error:  # of file systems, networks and unpicklers
                problems.add(_as_problem(key, path, error))
    barrier()


def pretrained_checkpoints(cfg: Config) -> Iterator[tuple[str, str]]:
    """Yield the keys and paths of ``load_from`` and of all ``init_cfg`` of kind Pretrained."""
    if cfg.get("load_from"):
        yield "load_from", cfg.load_from
    yield from _below(cfg.model, "model")


def _below(node: object, key: str) -> Iterator[tuple[str, str]]:
    if isinstance(node, dict):
        if "checkpoint" in node and "type" in node and type_name(node).startswith("Pretrained"):
            yield f"{key}.checkpoint", node["checkpoint"]
        for name, child in node.items():
            yield from _below(child, f"{key}.{name}")
    elif isinstance(node, (list, tuple)):
        for number, child in enumerate(node):
            yield from _below(child, f"{key}.{number}")


def _as_problem(key: str, path: str, error: Exception) -> PreflightError:
    reason = (str(error).strip() or repr(error)).splitlines()[0]
    off = "None" if key == "load_from" else f"None (whole: {key.rpartition('.')[0]}=None)"
    return PreflightError(
        f"{key}: the weights {path!r} cannot be had: {reason}. Without a network name a local "
        f"file, --cfg-options {key}=file.pth; to train from scratch set it to {off}."
    )
