"""Evaluate a checkpoint on the test data set."""

import argparse

from mmengine.evaluator import DumpResults
from mmengine.registry import RUNNERS
from mmengine.runner import Runner

from mmal.apis.cli import add_config_arguments, config_from_args
from mmal.utils import safe_loading

EXAMPLE = """example:
  python tools/test.py configs/demo/toy_voc.py work_dirs/demo/round_02/epoch_10.pth
"""


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLE, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("config", help="config file")
    parser.add_argument("checkpoint", help="checkpoint file")
    parser.add_argument("--out", help="write the predictions into this pickle file")
    add_config_arguments(parser, training=False)
    return parser.parse_args()


@safe_loading()
def main() -> None:
    args = parse_args()
    cfg = config_from_args(args)
    cfg.load_from = args.checkpoint
    runner = RUNNERS.build(cfg) if "runner_type" in cfg else Runner.from_cfg(cfg)
    if args.out is not None:
        runner.test_evaluator.metrics.append(DumpResults(out_file_path=args.out))
    runner.test()


if __name__ == "__main__":
    main()
