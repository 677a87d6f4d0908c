"""Write a config that puts learning loss beside the model of another config.

Only what differs is written: the model, the hook, the rounds, and your own data if they are COCO
files. The model is built once, without weights, to see that mmal supports it.
"""

import argparse
import shlex
from pathlib import Path

from mmal.apis.cli import one_line_errors
from mmal.apis.coco_files import CocoFiles
from mmal.apis.wrap_config import wrapped_config

EXAMPLE = """examples:
  python tools/misc/wrap_config.py mmdet::fcos/fcos_r50-caffe_fpn_gn-head_1x_coco.py --out my.py
  python tools/misc/wrap_config.py mmdet::yolox/yolox_tiny_8xb8-300e_coco.py --out my.py \\
      --data-root data/helmets --train train.json --test test.json --images images/
"""


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLE, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("base", help="config file, or one of a package: mmdet::…, mmpose::…")
    parser.add_argument("--out", required=True, type=Path, help="the .py file to write, a new one")
    own = parser.add_argument_group("your own COCO files (default: the base's data)")
    own.add_argument("--data-root", help="the folder that the others are below")
    own.add_argument("--train", help="annotations of the training images")
    own.add_argument("--test", help="annotations of the test images")
    own.add_argument("--images", help="their folder (default: images/)")
    own.add_argument("--classes", nargs="+", help="default: the categories of --train")
    rounds = parser.add_argument_group("rounds")
    rounds.add_argument("--rounds", type=int, default=5, help="how many (default: 5)")
    rounds.add_argument(
        "--initial",
        type=int,
        help="images, or people, labelled at first (default: 100; less where your files have few)",
    )
    rounds.add_argument("--budget", type=int, help="labelled a round (default: the same)")
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    with one_line_errors():
        if (above := next(p for p in args.out.absolute().parents if p.exists())).is_file():
            raise ValueError(f"--out is {args.out}, but {above} is a file, no folder.")
        if args.out.suffix != ".py":
            raise ValueError(f"--out must end in .py. Got {args.out} instead.")
        if args.out.exists():
            raise FileExistsError(f"{args.out} is there already. Remove it, or name another file.")
        given = [args.data_root, args.train, args.test]
        if any([*given, args.images, args.classes]) and not all(given):
            raise ValueError(
                "--images and --classes go with --data-root, --train and --test, which go together."
            )
        images = args.images or "images/"
        data = CocoFiles(*given, images, args.classes) if all(given) else None
        if data:
            data.check()
        text = wrapped_config(args.base, args.out, data, args.rounds, args.initial, args.budget)
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.write_text(text, encoding="utf-8")
    print(
        f"{args.out} written. Next, to check the data, and to see what rounds would run:\n"
        f"  python tools/misc/check_dataset.py {shlex.quote(str(args.out))}\n"
        f"  python tools/run_rounds.py {shlex.quote(str(args.out))} --dry-run"
    )


if __name__ == "__main__":
    main()
