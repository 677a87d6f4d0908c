"""Check the data sets of a config: folders, annotations, classes, and that every image decodes."""

import argparse
import sys

from mmengine.config import Config, DictAction
from mmengine.registry import init_default_scope

from mmal.datasets.checks import DatasetError, check_datasets
from mmal.engine.pipelines import leaf_datasets, test_dataset

EXAMPLE = """example:
  python tools/misc/check_dataset.py configs/detection/ssd300_voc0712.py
"""


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLE, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("config", help="config file")
    parser.add_argument(
        "--cfg-options", nargs="+", action=DictAction, help="settings that replace the config's"
    )
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    cfg = Config.fromfile(args.config)
    if args.cfg_options is not None:
        cfg.merge_from_dict(args.cfg_options)
    init_default_scope(cfg.get("default_scope", "mmdet"))
    leaves = [*leaf_datasets(cfg.train_dataloader.dataset), *leaf_datasets(test_dataset(cfg))]
    try:
        check_datasets(leaves, cfg.get("active_learning", {}).get("ignore_classes", ()))
    except DatasetError as error:
        sys.exit(str(error))
    print(f"{len(leaves)} data sets, nothing missing.")


if __name__ == "__main__":
    main()
