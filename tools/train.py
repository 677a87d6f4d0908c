"""Train a model, with learning loss or without."""

import argparse
import sys

from mmengine.optim import OptimWrapper
from mmengine.registry import RUNNERS
from mmengine.runner import Runner

from mmal.apis.cli import add_config_arguments, config_from_args, one_line_errors
from mmal.datasets.audit import DatasetError
from mmal.engine.preflight import PreflightError, check_optimizer, check_seed
from mmal.utils import safe_loading

EXAMPLE = """example:
  python tools/train.py configs/demo/toy_voc.py --work-dir work_dirs/train
  python tools/train.py configs/demo/toy_voc.py --work-dir work_dirs/train --resume
"""


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLE, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("config", help="config file")
    parser.add_argument(
        "--resume",
        nargs="?",
        const="auto",
        help="resume from this checkpoint; without a value, from the last in the work directory",
    )
    parser.add_argument(
        "--auto-scale-lr", action="store_true", help="scale the learning rate to the batch size"
    )
    add_config_arguments(parser)
    return parser.parse_args()


@safe_loading()
def main() -> None:
    args = parse_args()
    with one_line_errors():
        cfg = config_from_args(args)
    if args.resume is not None:
        cfg.resume = True
        cfg.load_from = None if args.resume == "auto" else args.resume
    if args.auto_scale_lr:
        if "base_batch_size" not in cfg.get("auto_scale_lr", {}):
            sys.exit(f"--auto-scale-lr needs auto_scale_lr.base_batch_size in {args.config}.")
        cfg.auto_scale_lr.enable = True
    runner = None
    try:
        check_seed((cfg.get("randomness") or {}).get("seed"))
        check_optimizer(cfg)
        runner = RUNNERS.build(cfg) if "runner_type" in cfg else Runner.from_cfg(cfg)
        runner.train()
    except (PreflightError, DatasetError, FloatingPointError) as error:
        sys.exit(f"error: {error}")
    except (FileNotFoundError, FileExistsError) as error:
        sys.exit(f"error: {error}")
    except (ValueError, TypeError, KeyError, AssertionError) as error:
        if runner is not None and isinstance(runner.optim_wrapper, OptimWrapper):
            raise  # all is built: what happens now needs its traceback
        sys.exit(f"error: {str(error) or repr(error)}")


if __name__ == "__main__":
    main()
