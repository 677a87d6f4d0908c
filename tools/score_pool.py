"""Predict the target loss of images and write a table, one row an image."""

import argparse
from pathlib import Path

from mmal.apis import score_images
from mmal.apis.cli import add_cfg_options, one_line_errors, read_config
from mmal.engine.unreadable import write_skipped

EXAMPLE = """example:
  python tools/score_pool.py configs/demo/toy_voc.py work_dirs/demo/round_02/epoch_10.pth \\
      --images data/toy_voc/JPEGImages --out scores.csv
"""


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLE, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("config", help="config file with a LearningLoss model")
    parser.add_argument("checkpoint", help="checkpoint of that model")
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--images", help="folder of images (default: the config's training data)")
    source.add_argument("--pool", help="pool.json: only the training data unlabelled there")
    parser.add_argument("--out", default="scores.parquet", help="a .parquet or .csv file")
    parser.add_argument("--device", help="such as cpu or cuda:0 (default: a GPU if there is one)")
    add_cfg_options(parser)
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    with one_line_errors():
        if Path(args.out).suffix not in (".csv", ".parquet"):
            raise ValueError(f"--out must end in .csv or .parquet. Got {args.out} instead.")
        cfg = read_config(args)
        scores = score_images(cfg, args.checkpoint, args.images, args.pool, args.device)
    scores.save(args.out)
    print(f"{len(scores)} images scored: {args.out}")
    skipped = Path(args.out).with_suffix(".skipped.csv")
    write_skipped(skipped, scores.skipped)  # none: removes that of a run before
    if scores.skipped:
        print(f"{len(scores.skipped)} left out, which cannot be read: {skipped}")


if __name__ == "__main__":
    main()
