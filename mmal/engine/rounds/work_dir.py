"""The files of an active-learning run."""

import csv
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from filelock import FileLock, Timeout

from mmal.utils import atomic_path

from ..reporting import REPORT_FILE


class WorkDir:
    """Names, reads and writes the files below a work directory.

    Args:
        root: The work directory. Nothing is created until something is written.
    """

    def __init__(self, root: str | os.PathLike) -> None:
        self.root = Path(root)
        self.pool = self.root / "pool.json"
        self.curve_csv = self.root / "curve.csv"
        self.curve_png = self.root / "curve.png"
        self.report = self.root / REPORT_FILE

    def round_dir(self, index: int) -> Path:
        """The folder of a round."""
        return self.root / f"round_{index:02d}"

    def checkpoint(self, index: int) -> Path | None:
        """The last checkpoint of a round's training, if there is one."""
        pointer = self.round_dir(index) / "last_checkpoint"
        if not pointer.exists():
            return None
        # The name alone: the work directory may have been moved since.
        path = pointer.parent / Path(pointer.read_text(encoding="utf-8").strip()).name
        return path if path.is_file() else None

    @property
    def nothing_trained(self) -> bool:
        """Whether there is a pool file, but nothing beyond the initial draw, which the seed gives.

        A run that failed in its first steps leaves that; a corrected one may begin anew.
        """
        try:
            rounds = json.loads(self.pool.read_text(encoding="utf-8"))["rounds"]
            drawn = [acquired["query"] for acquired in rounds] in ([], ["initial"])
        except (OSError, ValueError, KeyError, TypeError):
            return False
        trained = self.checkpoint(0) is not None or any(self.round_dir(0).glob("*.pth"))
        return drawn and not trained and not self.read_record(0)

    def keep_former_draw(self) -> None:
        """Keep what a run that failed early had drawn beside the files of the new one."""
        for path in (self.pool, self.root / "initial.txt"):
            if path.exists():
                os.replace(path, path.with_name(f"former_{path.name}"))

    def finished(self, rounds: int) -> bool:
        """Whether all rounds were evaluated and, but for the last, have picked."""
        try:
            picked = len(json.loads(self.pool.read_text(encoding="utf-8"))["rounds"])
        except (OSError, ValueError, KeyError, TypeError):
            return False
        return picked == rounds and all("metrics" in self.read_record(i) for i in range(rounds))

    def lock(self) -> FileLock:
        """The lock that a run holds; to be taken with ``timeout=0``."""
        self.root.mkdir(parents=True, exist_ok=True)
        return FileLock(self.root / ".lock")

    @property
    def is_locked(self) -> bool:
        """Whether another process runs rounds here."""
        if not (self.root / ".lock").exists():
            return False
        try:
            with self.lock().acquire(timeout=0):
                return False
        except Timeout:
            return True

    def read_record(self, index: int) -> dict:
        """What is known of a round (``metrics.json``); empty before its evaluation."""
        path = self.round_dir(index) / "metrics.json"
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}

    def write_record(self, index: int, record: dict) -> None:
        """Write a round's ``metrics.json``, atomically."""
        with atomic_path(self.round_dir(index) / "metrics.json") as tmp:
            tmp.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")

    def write_losses(self, index: int, columns: Mapping[str, Sequence]) -> None:
        """Write what was measured on N test images, each of shape (N,), as ``losses.csv``."""
        with (
            atomic_path(self.round_dir(index) / "losses.csv") as tmp,
            open(tmp, "w", newline="") as file,
        ):
            writer = csv.writer(file)
            writer.writerow(columns)
            writer.writerows(zip(*(np.asarray(c).tolist() for c in columns.values()), strict=True))

    def write_histograms(self, index: int, histograms: dict[str, dict[str, int]]) -> None:
        """Write counts by label, of ``picks`` and ``pool``, as a round's ``histogram.csv``."""
        path = self.round_dir(index) / "histogram.csv"
        with atomic_path(path) as tmp, open(tmp, "w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["label", *histograms])
            names = next(iter(histograms.values()))
            writer.writerows([name, *(h[name] for h in histograms.values())] for name in names)

    def write_curve(self, records: list[dict]) -> None:
        """Write ``curve.csv``, a row a round, atomically."""
        rows = [_flat(record) for record in records]
        columns = list(dict.fromkeys(key for row in rows for key in row))
        with atomic_path(self.curve_csv) as tmp, open(tmp, "w", newline="") as file:
            writer = csv.DictWriter(file, columns)
            writer.writeheader()
            writer.writerows(rows)


def _flat(record: dict) -> dict:
    """One row of ``curve.csv``: metrics under their own names, seconds as ``<step>_seconds``."""
    nested = ("metrics", "annotations", "seconds", "yardsticks")
    told = ("ranking_doubt", "picks_doubt", "cached_features")
    row = {key: value for key, value in record.items() if key not in nested + told}
    row.update(record.get("annotations", {}))  # rounds of older versions have none
    row.update({f"ranking_{k}": v for k, v in record.get("yardsticks", {}).items()})
    row.update(record["metrics"])
    row.update({f"{step}_seconds": value for step, value in record["seconds"].items()})
    return row
