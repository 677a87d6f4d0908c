"""The configs of one round, made from the user's."""

import copy
import itertools

from mmengine.config import Config
from mmengine.device import get_device
from mmengine.dist import is_distributed

from mmal.utils import type_name

from ..data_config import OUTER_WRAPPERS, learning_hooks
from .work_dir import WorkDir

_RUNS = itertools.count()
_TRAINING = ("train_cfg", "train_dataloader", "optim_wrapper", "param_scheduler")
_EXACT = {"EpochBasedTrainLoop": "mmal.RoundEpochLoop", "IterBasedTrainLoop": "mmal.RoundIterLoop"}
_VALIDATION = ("val_cfg", "val_dataloader", "val_evaluator")


def training_config(cfg: Config, work_dir: WorkDir, index: int) -> Config:
    """Return the config that trains round ``index`` on the labelled samples.

    Validation during training is left out: a round is evaluated once, after training, on the
    test data set, so that no checkpoint is chosen by it.
    """
    cfg = _round_config(cfg, work_dir, index, "train")
    labeled = dict(type="mmal.PoolDataset", split="labeled", pool=str(work_dir.pool))
    if (group_by := (cfg.get("active_learning") or {}).get("group_by")) is not None:
        labeled["group_by"] = group_by
    outer = cfg.train_dataloader
    while type_name(outer.dataset) in OUTER_WRAPPERS:
        outer = outer.dataset
    outer.dataset = {**labeled, "dataset": outer.dataset}
    # A resumed round must repeat the interrupted one, random numbers included.
    cfg.train_dataloader.persistent_workers = False
    cfg.train_dataloader.worker_init_fn = dict(type="mmal.seed_worker_by_epoch")
    batches = cfg.train_dataloader.get("batch_sampler")
    seeded = dict(type="mmal.SeededBatchSampler", batches=batches)
    if batches is None:  # torch makes them, by this setting of the loader
        seeded["drop_last"] = cfg.train_dataloader.pop("drop_last", False)
    cfg.train_dataloader.batch_sampler = seeded
    # ActiveLearningHook looks after the loss itself.
    looks = [] if any(learning_hooks(cfg)) else [dict(type="mmal.FiniteLossHook")]
    cfg.custom_hooks = [
        *(cfg.get("custom_hooks") or []),
        *looks,
        dict(type="mmal.EpochSeedHook"),
        dict(type="mmal.ProgressHook", description=f"round {index}: training"),
        dict(type="mmal.ExactResumeHook"),
    ]
    cfg.train_cfg = _exact_loop(cfg.train_cfg)
    for key in _VALIDATION:
        cfg[key] = None
    cfg.resume = False
    if (checkpoint := work_dir.checkpoint(index)) is not None:
        # Named here, since mmengine would prefer the config's load_from, and a work directory
        # that was moved.
        cfg.resume, cfg.load_from = True, str(checkpoint)
    return cfg


def evaluation_config(cfg: Config, work_dir: WorkDir, index: int) -> Config:
    """Return the config that evaluates the model of round ``index``."""
    cfg = _round_config(cfg, work_dir, index, "test")
    for key in (*_TRAINING, *_VALIDATION):
        cfg[key] = None
    if isinstance(cfg.test_evaluator, list):  # rounds measure the losses themselves
        cfg.test_evaluator = [e for e in cfg.test_evaluator if type_name(e) != "RankingAccuracy"]
    cfg.load_from, cfg.resume = None, False
    return cfg


def _exact_loop(loop: dict) -> dict:
    """Return a loop of mmengine as one that goes on exactly in its middle; others as they are."""
    usual = "EpochBasedTrainLoop" if loop.get("by_epoch", True) else "IterBasedTrainLoop"
    exact = _EXACT.get(type_name({"type": usual, **loop}))
    if exact is None:
        return loop
    # What fast_forward_on_resume leaves out is what makes it exact.
    left_out = ("by_epoch", "fast_forward_on_resume")
    kept = {key: value for key, value in loop.items() if key not in left_out}
    return {**kept, "type": exact}


def _round_config(cfg: Config, work_dir: WorkDir, index: int, stage: str) -> Config:
    # The runner dumps the config under its file's name, into checkpoints and logs, too: laying out
    # the code each time takes longer than a small training.
    name = f"config_{stage}.py"
    content, text = copy.deepcopy(cfg.to_dict()), cfg.text or "#"
    cfg = Config(content, cfg_text=text, filename=name, format_python_code=False)
    cfg.work_dir = str(work_dir.round_dir(index))
    # Two, so that the last is still there while the next is being written. A round evaluates the
    # end of its training, so that is saved, and there is no validation to find a best by.
    hooks = cfg.get("default_hooks") or {}
    checkpoint = {"type": "CheckpointHook", "max_keep_ckpts": 2, **(hooks.get("checkpoint") or {})}
    checkpoint.update(save_last=True, save_best=None, rule=None)
    cfg.default_hooks = {**hooks, "checkpoint": checkpoint}
    if is_distributed() and get_device() == "cpu" and cfg.get("model_wrapper_cfg") is None:
        cfg.model_wrapper_cfg = dict(  # mmengine's own names a GPU
            type="MMDistributedDataParallel",
            device_ids=None,
            broadcast_buffers=False,
            find_unused_parameters=cfg.get("find_unused_parameters", False),
        )
    # Loggers and visualizers are kept by name, with their folder, for the life of the process; and
    # a folder may be put aside by then.
    root = "_".join(work_dir.root.absolute().parts[1:])
    cfg.experiment_name = f"{root}_round_{index:02d}_{stage}_{next(_RUNS)}"
    if cfg.get("visualizer") is not None:
        cfg.visualizer.name = cfg.experiment_name
    return cfg
