"""The files of an active-learning run."""

import csv
import datetime
import errno
import io
import json
import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
from filelock import FileLock, Timeout

from mmal.utils import (
    JsonError,
    StorageError,
    atomic_path,
    checked,
    member,
    read_json,
    spreadsheet_text,
)

from ..reporting import REPORT_FILE
from .checkpoints import RoundCheckpoints
from .comparable import SettingsFile
from .record import read_record


class WorkDir:
    """Names, reads and writes the files below a work directory.

    Args:
        root: The work directory. Nothing is created until something is written.
    """

    def __init__(self, root: str | os.PathLike) -> None:
        self.root = Path(root)
        self.pool = self.root / "pool.json"
        self.settings = SettingsFile(self.root / "settings.json")
        self.curve_csv = self.root / "curve.csv"
        self.curve_png = self.root / "curve.png"
        self.report = self.root / REPORT_FILE

    def round_dir(self, index: int) -> Path:
        """The folder of a round."""
        return self.root / f"round_{index:02d}"

    def checkpoints(self, index: int) -> RoundCheckpoints:
        """The checkpoints of a round."""
        return RoundCheckpoints(self.round_dir(index))

    def scoring(self, index: int) -> Path:
        """Where a round keeps its scores until its picks are committed."""
        return self.round_dir(index) / "scoring"

    @property
    def initial_scoring(self) -> Path:
        """Where the scores that the initial set is chosen by are kept until it is committed."""
        return self.root / "initial_scoring"

    def checkpoint(self, index: int) -> Path | None:
        """The last checkpoint of a round's training, if there is one.

        Raises:
            RecordError: If what names it is no text.
        """
        return self.checkpoints(index).last()

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

    @contextmanager
    def reserved(self) -> Iterator[dict | None]:
        """Keep other runs out; say who ran here before and did not come to an end.

        The system frees the lock of a process that was killed, on a shared file system that of
        one on another machine, too. ``.holder`` says who has it.

        Raises:
            FileExistsError: If another process runs rounds here.
        """
        try:
            lock = self.lock().acquire(timeout=0)
        except Timeout as error:
            raise FileExistsError(self.in_use()) from error
        except OSError as error:
            if error.errno not in (errno.EROFS, errno.EACCES):
                raise
            raise StorageError(
                error.errno, f"{self.root} cannot be written: {error.strerror}"
            ) from error
        with lock:
            before = self.holder
            since = datetime.datetime.now().astimezone().isoformat(timespec="seconds")
            holder = dict(host=socket.gethostname(), pid=os.getpid(), since=since)
            with atomic_path(self._holder) as tmp:
                tmp.write_text(json.dumps(holder) + "\n", encoding="utf-8")
            try:
                yield before
            finally:
                with suppress(OSError):  # a disk that died; the error before it is the one to tell
                    self._holder.unlink(missing_ok=True)

    @property
    def holder(self) -> dict | None:
        """Host, process and beginning of the run that holds the lock; None if none says so."""
        try:
            holder = checked(read_json(self._holder), dict, "the top level")
            kinds = dict(host=str, pid=int, since=str)
            return {name: member(holder, name, kind) for name, kind in kinds.items()}
        except (OSError, JsonError):
            return None

    def in_use(self) -> str:
        """A sentence for whom the lock keeps out."""
        who = ""
        if (holder := self.holder) is not None:
            who = f" (process {holder['pid']} on {holder['host']}, since {holder['since']})"
        return (
            f"{self.root} is in use: another run is under way there{who}. Wait for it, or choose "
            "another --work-dir."
        )

    @property
    def _holder(self) -> Path:
        return self.root / ".holder"

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
        except OSError:  # on a read-only file system nobody runs
            return False

    def read_record(self, index: int) -> dict:
        """What is known of a round (``metrics.json``); empty before its evaluation.

        Raises:
            RecordError: If the file is no record.
        """
        return read_record(self.round_dir(index) / "metrics.json", index)

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
            for row in zip(*(np.asarray(c).tolist() for c in columns.values()), strict=True):
                writer.writerow(map(spreadsheet_text, row))

    def write_histograms(self, index: int, histograms: dict[str, dict[str, int]]) -> None:
        """Write counts by label, of ``picks`` and ``pool``, as a round's ``histogram.csv``."""
        path = self.round_dir(index) / "histogram.csv"
        with atomic_path(path) as tmp, open(tmp, "w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["label", *histograms])
            names = next(iter(histograms.values()))
            for name in names:
                counts = (histogram[name] for histogram in histograms.values())
                writer.writerow([spreadsheet_text(name), *counts])

    def write_curve(self, records: list[dict]) -> None:
        """Write ``curve.csv``, a row a round, atomically."""
        with atomic_path(self.curve_csv) as tmp:
            tmp.write_bytes(_curve(records))

    def shows(self, records: list[dict]) -> bool:
        """Whether curve and pictures of these rounds are there already."""
        described = [self.round_dir(i) / "histogram.csv" for i in range(len(records) - 1)]
        if any(record["metrics"] for record in records):
            described.append(self.curve_png)
        missing = [path for path in described if not path.exists()]
        if missing or not self.curve_csv.exists():
            return False
        return self.curve_csv.read_bytes() == _curve(records)


def _curve(records: list[dict]) -> bytes:
    rows = [_flat(record) for record in records]
    columns = list(dict.fromkeys(key for row in rows for key in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode(errors="backslashreplace")


def _flat(record: dict) -> dict:
    """One row of ``curve.csv``: metrics under their own names, seconds as ``<step>_seconds``."""
    nested = ("metrics", "annotations", "seconds", "yardsticks")
    told = ("ranking_doubt", "picks_doubt", "cached_features", "skipped")
    row = {key: value for key, value in record.items() if key not in nested + told}
    row.update(record.get("annotations", {}))  # rounds of older versions have none
    row.update({f"ranking_{k}": v for k, v in record.get("yardsticks", {}).items()})
    row.update(record["metrics"])
    row.update({f"{step}_seconds": value for step, value in record["seconds"].items()})
    return row
