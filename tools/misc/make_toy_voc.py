"""Generate the toy detection data set: handwritten digits in VOC layout."""

import argparse
import logging
import sys

from mmal.datasets.toy import make_toy_voc

EXAMPLE = """
example:
  python tools/misc/make_toy_voc.py data/toy_voc --num-train 400 --num-test 200
"""


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description="Generate a toy detection data set of handwritten digits in VOC layout. "
        "Does nothing when the same data set is already there.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("out_dir", help="folder to create")
    parser.add_argument("--num-train", type=int, default=400, help="training images (%(default)s)")
    parser.add_argument("--num-test", type=int, default=200, help="test images (%(default)s)")
    parser.add_argument("--size", type=int, default=160, help="image side in pixels (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the set (%(default)s)")
    return parser.parse_args()


def main() -> None:
    """Generate the data set."""
    args = parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        make_toy_voc(args.out_dir, args.num_train, args.num_test, args.size, args.seed)
    except (ValueError, FileExistsError, ImportError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
