"""Small rounds in processes of their own, in which something goes wrong at a chosen point."""

import builtins
import errno
import io
import itertools
import json
import os
import runpy
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from mmal.structures import Pool

TOOL = Path(__file__).parents[2] / "tools" / "run_rounds.py"
IDS = [f"train_{i:02d}" for i in range(16)]
#: Seconds after which a run hangs.
PATIENCE = 120
#: The exit codes of a run that a signal stopped, as the docs name them.
CODES = {signal.SIGKILL: -signal.SIGKILL, signal.SIGTERM: 143, signal.SIGINT: 130}


@dataclass(frozen=True)
class Fault:
    """What goes wrong, and when.

    Attributes:
        kind: ``SIGKILL``, ``SIGTERM``, ``SIGINT``, ``ENOSPC`` or ``EIO``.
        share: How much of a whole run is over by then, in 0..1: of its time for signals, of its
            writing operations for errors of the disk.
        before: In place of a share, the end of a path: the signal comes as such a file would get
            its name.
    """

    kind: str
    share: float = 0.0
    before: str = ""

    @property
    def is_signal(self) -> bool:
        return self.kind.startswith("SIG")


@dataclass
class Outcome:
    """What became of a run with a fault.

    Attributes:
        fault: The fault.
        code: The exit code of the run.
        struck: Whether the fault ended the run; else it was over before, or did not mind.
        complaints: What is not as it should be.
        kept: What of the time before the fault was not done again, by kind.
    """

    fault: Fault
    code: int
    struck: bool
    complaints: list[str] = field(default_factory=list)
    kept: dict[str, int] = field(default_factory=dict)


class FaultRuns:
    """Runs of one config, compared with one that nothing happens to.

    Args:
        config: The config file.
        folder: Where the work directories go.
    """

    def __init__(self, config: Path, folder: Path) -> None:
        self._config = config
        self._folder = folder
        self._names = (f"run_{i:03d}" for i in itertools.count())
        folder.mkdir()
        self.whole = folder / "whole"
        start = time.monotonic()
        code, output, self.writes = self._run(self.whole, resume=False, fail_at=0, number=0)
        self.seconds = time.monotonic() - start
        assert code == 0, output

    def go_through(self, fault: Fault) -> Outcome:
        """Begin a run, let the fault happen, resume, and look at what is left."""
        work_dir = self._folder / next(self._names)
        if fault.before:
            planned = dict(fail_at=0, number=0, killed_before=fault.before)
        elif fault.is_signal:
            signum = getattr(signal, fault.kind)
            planned = dict(signum=signum, after=fault.share * self.seconds)
        else:
            number = getattr(errno, fault.kind)
            planned = dict(fail_at=1 + int(fault.share * (self.writes - 1)), number=number)
        code, output, _ = self._run(work_dir, resume=False, **planned)
        outcome = Outcome(fault, code, struck=code != 0)
        outcome.complaints += self._after_fault(work_dir, fault, code, output)
        before = _state(work_dir)
        resumed, output, _ = self._run(work_dir, resume=True)
        if resumed != 0:
            outcome.complaints.append(f"the resumed run ended with {resumed}: {output[-2000:]}")
        outcome.complaints += self._differences(work_dir)
        after = _state(work_dir)
        outcome.kept = {kind: len(files) for kind, files in before.items()}
        for kind, files in before.items():
            again = [name for name, stamp in files.items() if after[kind].get(name) != stamp]
            if again:
                outcome.complaints.append(f"{kind} were made again: {again}")
        return outcome

    def _after_fault(self, work_dir: Path, fault: Fault, code: int, output: str) -> list[str]:
        """What is wrong before anybody resumes."""
        found = []
        if fault.is_signal and code not in (0, CODES[getattr(signal, fault.kind)]):
            found.append(f"{fault.kind} ended in the code {code}: {output[-2000:]}")
        if not fault.is_signal and code not in (0, 1):
            found.append(f"{fault.kind} ended in the code {code}: {output[-2000:]}")
        if not fault.is_signal and code == 1:
            says = "cannot be written" in output and os.strerror(getattr(errno, fault.kind))
            if "Traceback" in output or not says or says not in output:
                found.append(f"{fault.kind} is not told in a line: {output[-2000:]}")
        if (work_dir / "pool.json").exists():
            done = Pool.load(work_dir / "pool.json", IDS).rounds
            whole = Pool.load(self.whole / "pool.json", IDS).rounds
            if done != whole[: len(done)]:
                found.append(f"pool.json is no beginning of the whole run's: {done}")
        return found

    def _differences(self, work_dir: Path) -> list[str]:
        found = []
        if not (work_dir / "pool.json").exists():
            return ["there is no pool.json"]
        if (work_dir / "pool.json").read_bytes() != (self.whole / "pool.json").read_bytes():
            found.append("pool.json differs")
        ids = Pool.load(work_dir / "pool.json", IDS).labeled_ids
        if len(set(ids)) != len(ids):
            found.append(f"an id is there twice: {ids}")
        for path in self.whole.glob("round_*/metrics.json"):
            other = work_dir / path.relative_to(self.whole)
            records = [json.loads(p.read_text()) for p in (path, other)] if other.exists() else []
            for record in records:
                del record["seconds"]
            if not records or records[0] != records[1]:
                found.append(f"{other.relative_to(work_dir)} differs")
        for path in self.whole.glob("round_*/picks.txt"):
            other = work_dir / path.relative_to(self.whole)
            if not other.exists() or other.read_bytes() != path.read_bytes():
                found.append(f"{other.relative_to(work_dir)} differs")
        if left := [str(p) for p in work_dir.rglob("*.tmp*") if "interrupted" in p.name]:
            found.append(f"drafts are left: {left}")
        return found

    def _run(
        self,
        work_dir: Path,
        resume: bool,
        signum: int | None = None,
        after: float = 0.0,
        fail_at: int | None = None,
        number: int = 0,
        killed_before: str = "",
    ) -> tuple[int, str, int]:
        """Run the tool in a fork, which spares it the imports; return code, output and writes."""
        log = self._folder / f"{work_dir.name}_{'resumed' if resume else 'first'}.log"
        count = log.with_suffix(".count")
        pid = os.fork()
        if pid == 0:
            with _killed(killed_before):
                _child(self._config, work_dir, resume, log, count, fail_at, number)
        if signum is not None:
            deadline = time.monotonic() + after
            while time.monotonic() < deadline and not _is_over(pid):
                time.sleep(0.002)
            with suppress(ProcessLookupError):
                os.kill(pid, signum)
        deadline = time.monotonic() + PATIENCE
        while not _is_over(pid):
            if time.monotonic() > deadline:
                os.kill(pid, signal.SIGKILL)
                print(f"{log} hung", file=sys.stderr)
            time.sleep(0.002)
        _, status = os.waitpid(pid, 0)
        code = os.waitstatus_to_exitcode(status)
        output = log.read_text(errors="replace") if log.exists() else ""
        return code, output, int(count.read_text()) if count.exists() else 0


def _is_over(pid: int) -> bool:
    """Whether a child has ended; it stays to be waited for."""
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _child(
    config: Path,
    work_dir: Path,
    resume: bool,
    log: Path,
    count: Path,
    fail_at: int | None,
    number: int,
) -> None:
    """Be the tool, with its output in a file; never return."""
    code = 1
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        sys.stdout.flush()
        descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        for stream in (1, 2):
            os.dup2(descriptor, stream)
        sys.stdout, sys.stderr = os.fdopen(os.dup(1), "w"), os.fdopen(os.dup(2), "w")
        sys.argv = [str(TOOL), str(config), "--work-dir", str(work_dir)]
        sys.argv += ["--resume"] if resume else []
        seen = [0]
        try:
            with _failing_disk(work_dir, fail_at, number, seen):
                runpy.run_path(str(TOOL), run_name="__main__")
            code = 0
        except SystemExit as end:
            if isinstance(end.code, str):
                print(end.code, file=sys.stderr)
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
        except BaseException:
            sys.excepthook(*sys.exc_info())
        count.write_text(str(seen[0]))
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)


@contextmanager
def _killed(before: str) -> Iterator[None]:
    """Kill this process as a file whose path ends so gets its name."""
    replace = os.replace

    def replace_(source, target):
        if before and str(target).endswith(before):
            os.kill(os.getpid(), signal.SIGKILL)
        replace(source, target)

    os.replace = replace_
    try:
        yield
    finally:
        os.replace = replace


@contextmanager
def _failing_disk(
    folder: Path, fail_at: int | None, number: int, seen: list[int]
) -> Iterator[None]:
    """Count what is written below a folder; let one of these operations fail, if any is asked for.

    These are opening for writing, writing (half of it arrives), fsync and rename. From then on the
    disk takes nothing more, as a full one does.
    """
    really_open, fsync, replace = builtins.open, os.fsync, os.replace

    def strikes(path: object) -> bool:
        if not str(path).startswith(str(folder)):
            return False
        seen[0] += 1
        return bool(fail_at) and seen[0] >= fail_at

    def fail(path: object = None) -> None:
        raise OSError(number, os.strerror(number), *([str(path)] if path is not None else []))

    class File:
        def __init__(self, file: object) -> None:
            self._file = file

        def write(self, content):
            if strikes(folder):
                self._file.write(content[: len(content) // 2])
                fail()
            return self._file.write(content)

        def writelines(self, lines):
            for line in lines:
                self.write(line)

        def __getattr__(self, name):
            return getattr(self._file, name)

        def __enter__(self):
            self._file.__enter__()
            return self

        def __exit__(self, *args):
            return self._file.__exit__(*args)

        def __iter__(self):
            return iter(self._file)

    def open_(file, mode="r", *args, **kwargs):
        writes = set(mode) & set("wax+") and str(file).startswith(str(folder))
        if not writes:
            return really_open(file, mode, *args, **kwargs)
        if strikes(file):
            fail(file)
        return File(really_open(file, mode, *args, **kwargs))

    def fsync_(descriptor):
        with suppress(OSError):
            if strikes(os.readlink(f"/proc/self/fd/{descriptor}")):
                descriptor = None
        if descriptor is None:
            fail()
        fsync(descriptor)

    def replace_(source, target):
        if strikes(target):
            fail(source)
        replace(source, target)

    if fail_at is None:
        yield
        return
    builtins.open = io.open = open_
    os.fsync, os.replace = fsync_, replace_
    try:
        yield
    finally:
        builtins.open = io.open = really_open
        os.fsync, os.replace = fsync, replace


def _state(work_dir: Path) -> dict[str, dict[str, int]]:
    """When that was made which must not be made again: of trained and of committed rounds."""
    state: dict[str, dict[str, int]] = dict(scores={}, trainings={})
    if not (work_dir / "pool.json").exists():
        return state
    committed = len(Pool.load(work_dir / "pool.json", IDS).rounds) - 1
    for index in range(3):
        folder = work_dir / f"round_{index:02d}"
        scores, trained = folder / "scores.parquet", folder / "epoch_2.pth"
        if index < committed and scores.exists():
            state["scores"][folder.name] = scores.stat().st_mtime_ns
        if (folder / "metrics.json").exists() and trained.exists():
            state["trainings"][folder.name] = trained.stat().st_mtime_ns
    return state
