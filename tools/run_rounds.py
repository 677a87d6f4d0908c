"""Run acquisition rounds: train, evaluate, score, acquire, for all rounds."""

import argparse

from mmal.apis import run_rounds
from mmal.apis.cli import add_config_arguments, config_from_args

EXAMPLE = """example:
  python tools/run_rounds.py configs/demo/toy_voc.py --work-dir work_dirs/demo
  python tools/run_rounds.py configs/demo/toy_voc.py --work-dir work_dirs/random --query Random
  python tools/run_rounds.py configs/demo/toy_voc.py --work-dir work_dirs/demo --resume
"""


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLE, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("config", help="config file with an active_learning dict")
    parser.add_argument(
        "--resume", action="store_true", help="go on with the rounds in the work directory"
    )
    parser.add_argument(
        "--query", help="replaces active_learning.query by a registered one, such as Random"
    )
    parser.add_argument("--seed", type=int, help="replaces randomness.seed")
    add_config_arguments(parser)
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    cfg = config_from_args(args)
    if args.query is not None:
        name = args.query if "." in args.query else f"mmal.{args.query}"
        cfg.merge_from_dict(dict(active_learning=dict(query=dict(_delete_=True, type=name))))
    if args.seed is not None:
        cfg.merge_from_dict(dict(randomness=dict(seed=args.seed)))
    run_rounds(cfg, resume=args.resume)


if __name__ == "__main__":
    main()
