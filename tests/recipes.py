"""Published recipes, tried out on tiny data."""

import json
from pathlib import Path

from mmengine.config import Config
from mmengine.runner import Runner

from mmal.engine import DataConfig


def train_and_pick(cfg: Config) -> tuple[Runner, list[str]]:
    """Train two steps of one epoch, evaluate, and pick 3 samples of the training data by the hook.

    Args:
        cfg: A recipe on data of two batches.

    Returns:
        The runner and the picks.
    """
    cfg.train_cfg.update(max_epochs=1)
    pool = dict(DataConfig(cfg).pool)
    known = dict(accept=("also-labelled", "also-in-test"))  # nothing here is really unlabelled
    cfg.custom_hooks[-1].update(detach_epoch=None, unlabeled=pool, budget=3, audit=known)
    runner = Runner.from_cfg(cfg)
    runner.train()
    assert runner.iter == 2
    content = json.loads(Path(cfg.work_dir, "pool.json").read_text())
    picks = content["rounds"][0]["picks"]
    assert len(set(picks)) == 3
    return runner, picks
