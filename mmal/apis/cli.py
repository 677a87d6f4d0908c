"""What the command lines of all tools share."""

import argparse
import os
from pathlib import Path

from mmengine.config import Config, DictAction


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
        action=DictAction,
        help="settings that replace the config's, such as active_learning.budget=50 "
        'train_dataloader.batch_size=8 key="[a,b]"',
    )


def read_config(args: argparse.Namespace) -> Config:
    """Read the config file and apply ``--cfg-options``."""
    cfg = Config.fromfile(args.config)
    if args.cfg_options is not None:
        cfg.merge_from_dict(args.cfg_options)
    return cfg


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
