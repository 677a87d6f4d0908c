"""Try learning loss on a config of every folder of MMDetection's and MMPose's configs.

Where a config cannot be tried, for a file or a package that is missing say, the folder's next is.

Of MMDetection's models the loss of each of four random images is compared with that of the plain
model on the image alone. MMPose's are built, and a strategy for their losses is looked for: their
inputs differ by the head, and the contract test tries each head.

Example:
    PYTHONPATH=. python tools/dev/sweep_models.py docs/supported_models.csv
    PYTHONPATH=. python tools/dev/sweep_models.py work_dirs/some.csv --folders mmdet/htc mmdet/pisa
"""

import argparse
import copy
import csv
import logging
import signal
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import torch
from mmdet.testing import demo_mm_inputs
from mmengine.config import Config, ConfigDict
from mmengine.logging import MessageHub
from mmengine.registry import MODELS, init_default_scope
from mmengine.utils import get_installed_path
from rich.progress import track
from torch import nn

from mmal.models.sample_losses import SampleLosses, sample_losses_for
from mmal.utils import atomic_path, quiet_terminal
from tests.models import make_shallow
from tests.test_models.test_families import (
    add_proposals,
    calibrate,
    draw_nothing_at_random,
    flag_as_training,
    without_denoising,
)

COLUMNS = ("package", "folder", "config", "model", "heads", "learning loss", "why")
NUM_ITEMS = [1, 3, 0, 2]
#: Sides of the images; some models need more than the first.
SIZES = (128, 320, 512)
#: Configs of a folder that are tried until one can be.
ATTEMPTS = 5
#: Seconds that a config may take.
PATIENCE = 300
#: Relative difference up to which losses are equal.
TOLERANCE = 1e-3
HEADS = ("rpn_head", "roi_head", "bbox_head", "mask_head", "panoptic_head", "semantic_head", "head")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", type=Path, help="the CSV file to write")
    parser.add_argument("--folders", nargs="+", help="such as mmdet/htc (default: all)")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    rows = []
    with quiet_terminal():
        for package, folder in track(list(folders(args.folders)), "sweeping"):
            rows.append(sweep(package, folder))
            write(args.file, rows)  # what is known so far: a sweep takes a while
    for package in ("mmdet", "mmpose"):
        counts = Counter(row["learning loss"] for row in rows if row["package"] == package)
        print(f"{package}: {', '.join(f'{n} {what}' for what, n in counts.most_common())}")


def folders(wanted: list[str] | None) -> Iterator[tuple[str, Path]]:
    """Yield folders that hold configs, of each package."""
    for package, depth in (("mmdet", 1), ("mmpose", 2)):
        root = Path(get_installed_path(package), ".mim/configs")
        for folder in sorted(root.glob("/".join("*" * depth))):
            name = f"{package}/{folder.relative_to(root)}"
            if "_base_" in name or (wanted is not None and name not in wanted):
                continue
            if next(folder.rglob("*.py"), None) is not None:
                yield package, folder


def sweep(package: str, folder: Path) -> dict[str, str]:
    """Try configs of a folder, small ones first if names tell, until one can be tried."""
    paths = sorted(folder.rglob("*.py"), key=lambda p: (_size(p.name), len(p.name), p.name))
    paths = [p for p in paths if "tta" not in p.name] or paths
    rows = []
    for path in paths[:ATTEMPTS]:
        rows.append(attempt(package, folder, path))
        if rows[-1]["learning loss"] not in ("cannot be tried", "no model"):
            return rows[-1]
    return next((row for row in rows if row["learning loss"] == "cannot be tried"), rows[0])


def attempt(package: str, folder: Path, path: Path) -> dict[str, str]:
    """Try a config."""
    row = dict.fromkeys(COLUMNS, "")
    root = Path(get_installed_path(package), ".mim/configs")
    row |= dict(
        package=package, folder=str(folder.relative_to(root)), config=str(path.relative_to(root))
    )
    try:
        with patience():
            row["learning loss"], row["why"] = verdict(package, path, row)
    except Exception as error:  # whatever a package says of its own config
        row["learning loss"] = "cannot be tried"
        row["why"] = f"{type(error).__name__}: {' '.join(str(error).split())[:150]}"
    return row


def _size(name: str) -> tuple[bool, ...]:
    part = name.startswith(("ga-rpn", "rpn")) or "fast-rcnn" in name  # of a detector
    return (part, "r50" not in name and "r18" not in name and "res50" not in name, "1x" not in name)


@contextmanager
def patience() -> Iterator[None]:
    def stop(*_: object) -> None:
        raise TimeoutError(f"takes more than {PATIENCE} s")

    signal.signal(signal.SIGALRM, stop)
    signal.alarm(PATIENCE)
    try:
        yield
    finally:
        signal.alarm(0)


def verdict(package: str, path: Path, row: dict[str, str]) -> tuple[str, str]:
    """Return whether learning loss works, and why not; note model and heads."""
    cfg = Config.fromfile(path)
    if "model" not in cfg:
        return "no model", "the config is a part of others"
    model = build(package, cfg.model)
    heads = {name: getattr(model, name, None) for name in HEADS}
    row["model"] = type(model).__name__
    row["heads"] = " ".join(type(head).__name__ for head in heads.values() if head is not None)
    try:
        strategy = sample_losses_for(model)
    except TypeError:
        return "no", "no strategy gives the loss of a sample"
    if package != "mmdet":
        return "yes", "a strategy was found; the contract test tries the head"
    found, expected = losses(model, strategy)
    difference = ((found - expected).abs() / expected.abs().clamp(min=1e-6)).max().item()
    if difference < TOLERANCE:
        return "yes", f"largest difference {difference:.0e}"
    return "as defined", f"differs by {difference:.0e}: what was drawn, or statistics"


def build(package: str, cfg: ConfigDict) -> nn.Module:
    """Build a model without downloads, with a ResNet-18 where it has a ResNet-50."""
    forget_weights_and_processes(cfg)
    if package == "mmdet" and cfg.get("backbone", {}).get("type") == "ResNet":
        with suppress(KeyError, AttributeError):  # where the channels are in another place
            shallow = copy.deepcopy(cfg)
            make_shallow(shallow)
            cfg = shallow
    if cfg.get("data_preprocessor"):
        cfg.data_preprocessor.pop("batch_augments", None)
    if "rpn_proposal" in (cfg.get("train_cfg") or {}):
        cfg.train_cfg.rpn_proposal.max_per_img = 20
    init_default_scope(package)
    for name in ("epoch", "iter"):  # some losses ask how far training is
        MessageHub.get_current_instance().update_info(name, 100)
    torch.manual_seed(0)
    model = MODELS.build(cfg)
    model.init_weights()
    return model


def forget_weights_and_processes(cfg: object) -> None:
    """Remove ``init_cfg`` and ``pretrained``, most of which name files, and synchronised norms."""
    if isinstance(cfg, dict):
        if cfg.get("type") in ("SyncBN", "MMSyncBN"):
            cfg["type"] = "BN"
        cfg.pop("init_cfg", None)
        if isinstance(cfg.get("pretrained"), str):
            cfg.pop("pretrained")
        for value in cfg.values():
            forget_weights_and_processes(value)
    elif isinstance(cfg, list | tuple):
        for value in cfg:
            forget_weights_and_processes(value)


def losses(model: nn.Module, strategy: SampleLosses) -> tuple[torch.Tensor, torch.Tensor]:
    """Return each image's loss as mmal finds it in a batch, and as the plain model reports it."""
    data = batch(model)
    plain = copy.deepcopy(model)
    for candidate in (model, plain):
        candidate.eval()
        draw_nothing_at_random(candidate)
        flag_as_training(candidate)
    samples = copy.deepcopy(data["data_samples"])
    with torch.no_grad(), strategy.record(model, samples) as recording:
        model.loss(data["inputs"], samples)
    found = strategy.losses(model, recording, model.loss, data["inputs"])
    expected = []
    for i, sample in enumerate(copy.deepcopy(data["data_samples"])):
        fresh = copy.deepcopy(plain)  # some losses keep statistics
        with torch.no_grad():
            reported = fresh.loss(data["inputs"][i : i + 1], [sample])
        expected.append(fresh.parse_losses(without_denoising(reported))[0])
    return found, torch.stack(expected)


def batch(model: nn.Module) -> dict:
    """Return a batch that the model's loss takes: of the smallest size, with what it asks for."""
    heads = [head for name in HEADS[1:] if (head := getattr(model, name, None)) is not None]
    known = [getattr(module, "num_classes", None) for head in heads for module in head.modules()]
    classes = min((n for n in known if isinstance(n, int)), default=1)
    for size in SIZES:
        for masks, semantic in ((True, False), (True, True), (False, False)):
            torch.manual_seed(0)
            np.random.seed(0)
            inputs = demo_mm_inputs(
                len(NUM_ITEMS),
                [(3, size, size)] * len(NUM_ITEMS),
                num_items=NUM_ITEMS,
                num_classes=10,
                with_mask=masks,
                with_semantic=semantic,
            )
            for sample in inputs["data_samples"]:
                sample.gt_instances.labels %= classes
            if not getattr(model, "with_rpn", True):
                add_proposals(inputs["data_samples"])
            try:
                data = model.data_preprocessor(inputs, training=True)
                calibrate(model, data)
                return data
            except (RuntimeError, AttributeError, AssertionError, KeyError, ValueError) as error:
                last = error
    raise last


def write(path: Path, rows: list[dict[str, str]]) -> None:
    with atomic_path(path) as tmp, open(tmp, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
