"""Check the data sets of a config: folders, annotations, classes, and that every image decodes."""

import argparse
import sys

from mmengine.registry import init_default_scope

from mmal.apis.cli import add_cfg_options, read_config
from mmal.datasets.checks import DatasetError, check_datasets
from mmal.engine.pipelines import dataset_of, leaf_datasets

EXAMPLE = """example:
  python tools/misc/check_dataset.py configs/detection/ssd300_voc0712.py
"""


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLE, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("config", help="config file")
    add_cfg_options(parser)
    return parser.parse_args()


def main() -> None:
    cfg = read_config(parse_args())
    init_default_scope(cfg.get("default_scope", "mmdet"))
    datasets = [cfg.train_dataloader.dataset, dataset_of(cfg, "test_dataloader")]
    leaves = [leaf for dataset in datasets for leaf in leaf_datasets(dataset)]
    try:
        check_datasets(leaves, cfg.get("active_learning", {}).get("ignore_classes", ()))
    except DatasetError as error:
        sys.exit(str(error))
    print(f"{len(leaves)} data sets, nothing missing.")


if __name__ == "__main__":
    main()
