"""Removing checkpoints that no later round needs."""

import os
import re
from pathlib import Path

from filelock import Timeout

from mmal.engine.rounds import WorkDir


def remove_spent_checkpoints(directory: str | os.PathLike) -> None:
    """Remove checkpoints from a trial's work directory, but for the last one of the last round.

    A round starts from the config's weights, and reads the round before it only to let that pick.
    So the checkpoints of a round are spent when the next is evaluated. Of the last evaluated
    round, the last checkpoint stays: more rounds may follow, and other queries may begin with a
    first round. So does all of a round that is being trained, and every other file.

    Interrupted, it leaves fewer checkpoints than before, and goes on when called again. Nothing
    is removed while rounds are being run in the directory.

    Args:
        directory: A work directory of ``tools/run_rounds.py``.
    """
    work_dir = WorkDir(directory)
    try:
        with work_dir.lock().acquire(timeout=0):
            index = 0
            while "metrics" in work_dir.read_record(index):
                spent = "metrics" in work_dir.read_record(index + 1)
                _remove(work_dir.round_dir(index), keep_last=not spent)
                index += 1
    except Timeout:
        return


def _remove(round_dir: Path, keep_last: bool) -> None:
    """Remove what is named like the last checkpoint but for its numbers, as in ``epoch_8.pth``.

    A folder may hold other weights, such as those that a user's hook exported.
    """
    pointer = round_dir / "last_checkpoint"
    if not pointer.exists():
        return
    # The name alone: the work directory may have been moved since.
    last = Path(pointer.read_text(encoding="utf-8").strip()).name
    if last in ("", ".."):  # a machine that died left it empty, or a person wrote that
        return
    if keep_last and not (round_dir / last).is_file():
        return
    pattern = re.compile(r"\d+".join(map(re.escape, re.split(r"\d+", last))))
    for path in sorted(round_dir.iterdir()):
        if path.is_file() and pattern.fullmatch(path.name) and path.name != last:
            path.unlink()
    if not keep_last:
        (round_dir / last).unlink(missing_ok=True)
        # Last of all: what an interruption left is found by it.
        pointer.unlink()
