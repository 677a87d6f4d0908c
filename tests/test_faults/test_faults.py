"""Whatever interrupts rounds, they end as if nothing had; see docs/reliability.md."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from tests.test_faults.fault_runs import Fault, FaultRuns, Outcome

#: In CI: one of each kind early and late. Errors of the disk strike where something is written.
FEW = [
    Fault("SIGKILL", 0.35),
    Fault("SIGKILL", 0.8),
    Fault("SIGTERM", 0.45),
    Fault("SIGTERM", 0.7),
    Fault("SIGINT", 0.55),
    Fault("ENOSPC", 0.25),
    Fault("ENOSPC", 0.75),
    Fault("EIO", 0.29),  # in a line of the log
]
KINDS = ("SIGKILL", "SIGTERM", "ENOSPC", "EIO")
#: Of each kind in the long run.
MANY = 26


@pytest.fixture
def runs(config_file: Path, tmp_path: Path) -> FaultRuns:
    text = config_file.read_text()
    text += "train_cfg = dict(max_epochs=2, val_interval=2)\n"
    text += 'custom_hooks = [dict(type="mmal.ActiveLearningHook", detach_epoch=1)]\n'
    text += "active_learning.update(report=True)\n"
    text += "train_dataloader.update(num_workers=0, persistent_workers=False)\n"
    config_file.write_text(text)
    return FaultRuns(config_file, tmp_path / "runs")


def complaints(outcomes: list[Outcome]) -> list[str]:
    return [f"{o.fault}: {complaint}" for o in outcomes for complaint in o.complaints]


def test_a_few_faults(runs: FaultRuns) -> None:
    outcomes = [runs.go_through(fault) for fault in FEW]
    assert not complaints(outcomes), "\n".join(complaints(outcomes))
    assert sum(outcome.struck for outcome in outcomes) >= len(FEW) - 1
    assert sum(outcome.kept["trainings"] for outcome in outcomes) > 0
    assert sum(outcome.kept["scores"] for outcome in outcomes) > 0


def test_a_scoring_that_was_killed_goes_on(runs: FaultRuns) -> None:
    """The third of five shards is lost, those before it are not scored again."""
    outcome = runs.go_through(Fault("SIGKILL", before="round_00/scoring/000002.parquet"))
    assert outcome.struck
    assert not outcome.complaints, "\n".join(outcome.complaints)
    logs = [path.read_text() for path in runs.whole.with_name("run_000").rglob("*.log")]
    assert sum("2 of 5 parts of the pool are scored already" in log for log in logs) == 1
    assert not list(runs.whole.parent.rglob("scoring"))


@pytest.mark.slow
def test_many_faults(runs: FaultRuns) -> None:
    faults = [Fault(kind, share) for share in np.linspace(0.03, 0.8, MANY) for kind in KINDS]
    outcomes = []
    for fault in faults:
        outcomes.append(runs.go_through(fault))
        print(fault, "struck" if outcomes[-1].struck else "missed", outcomes[-1].complaints[:1])
    struck = [o for o in outcomes if o.struck]
    sent = Counter(o.fault.kind for o in struck)
    survived = Counter(o.fault.kind for o in struck if not o.complaints)
    print(f"a whole run: {runs.seconds:.1f} s, {runs.writes} writing operations")
    for kind in KINDS:
        print(f"{kind}: {survived[kind]} survived of {sent[kind]} that struck")
    print(f"scorings kept: {sum(o.kept['scores'] for o in struck)}")
    print(f"trainings kept: {sum(o.kept['trainings'] for o in struck)}")
    assert not complaints(outcomes), "\n".join(complaints(outcomes))
    assert len(struck) >= 100
