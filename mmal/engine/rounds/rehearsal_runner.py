"""The runner of a round, built to be tried out and thrown away."""

from pathlib import Path

from mmengine.config import Config
from mmengine.runner import Runner

from mmal.structures import Pool

from ..acquisition import draw_initial
from ..unreadable import PoolImages
from .round_config import training_config
from .round_runner import RoundRunner
from .settings import RoundSettings
from .work_dir import WorkDir


def rehearsal_runner(
    cfg: Config,
    settings: RoundSettings,
    pool: Pool,
    images: PoolImages,
    listed: list[str] | None,
    folder: Path,
    index: int = 0,
) -> Runner:
    """Build the runner that trains a round, in a folder that is going to be removed.

    It loads data in this process, whatever the config says of workers.

    Args:
        cfg: The whole config.
        settings: Those of its ``active_learning``.
        pool: The pool; without rounds, as many are labelled as there will be.
        images: Its image files, of which those that cannot be read are not drawn.
        listed: Those that are labelled first, where the config lists them.
        folder: Gets what the runner writes.
        index: The round, of those that the pool knows.
    """
    draft = Pool(pool.ids, cfg.randomness.seed, list(pool.rounds[: index + 1]))
    if not draft.rounds:
        # Those that a query would find cost a pass over the pool; others do for a rehearsal.
        size, share = settings.initial_set.size, settings.unreadable
        picks = listed or draw_initial(draft, size, images, share)
        draft.commit(picks, "initial", None)
    work_dir = WorkDir(folder)
    draft.save(work_dir.pool)
    cfg = training_config(cfg, work_dir, index)
    cfg.load_from = None  # tried by itself
    cfg.visualizer = None  # those that report to a server begin at once
    for loader in (cfg.train_dataloader, cfg.test_dataloader):
        loader.update(num_workers=0, persistent_workers=False)
        for key in ("prefetch_factor", "multiprocessing_context"):  # of workers
            loader.pop(key, None)
    # Formatting the config takes a second, and nobody reads this one.
    cfg = Config(cfg.to_dict(), cfg_text="#", filename=cfg.filename, format_python_code=False)
    runner = RoundRunner.from_cfg(cfg)
    runner.message_hub.update_info_dict(dict(iter=0, epoch=0))  # as before the first step
    return runner
