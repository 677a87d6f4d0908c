"""Generate the toy pose estimation data set: drawn people in MPII layout."""

import argparse
import logging
import sys

from mmal.datasets.toy import make_toy_mpii

EXAMPLE = """
example:
  python tools/misc/make_toy_mpii.py data/toy_mpii --num-train 400 --num-val 200
"""


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description="Generate a toy pose estimation data set of drawn people in MPII layout. "
        "Does nothing when the same data set is already there.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("out_dir", help="folder to create")
    parser.add_argument("--num-train", type=int, default=400, help="training images (%(default)s)")
    parser.add_argument("--num-val", type=int, default=200, help="test images (%(default)s)")
    parser.add_argument("--size", type=int, default=192, help="image side in pixels (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the set (%(default)s)")
    return parser.parse_args()


def main() -> None:
    """Generate the data set."""
    args = parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        make_toy_mpii(args.out_dir, args.num_train, args.num_val, args.size, args.seed)
    except (ValueError, FileExistsError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
