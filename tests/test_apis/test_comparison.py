"""Tests of comparing queries over trials."""

import csv
import json
import re
import runpy
import subprocess
import sys
import time
from pathlib import Path

import pytest
from mmengine.config import Config

from mmal.apis import comparison as module
from mmal.apis.comparison import FIRST, Comparison
from mmal.apis.trial_processes import TrialError

ROOT = Path(__file__).parents[2]
QUERIES = {"Random": dict(type="mmal.Random"), "Ours": dict(type="mmal.LearnedLoss")}

#: Stands for tools/run_rounds.py: writes down how it was called, and a curve.
SCRIPT = """
import argparse, json, os, pathlib, sys, time
from mmengine.config import Config

parser = argparse.ArgumentParser()
parser.add_argument("config")
parser.add_argument("--work-dir", type=pathlib.Path)
parser.add_argument("--seed", type=int)
parser.add_argument("--resume", action="store_true", required=True)
args = parser.parse_args()
cfg = Config.fromfile(args.config).active_learning
with open(args.work_dir.parents[1] / "calls.txt", "a") as file:
    print(args.work_dir.parent.name, args.seed, cfg.rounds, cfg.query["type"], file=file)
with open(args.work_dir.parents[1] / "devices.txt", "a") as file:
    print(os.environ.get("CUDA_VISIBLE_DEVICES"), file=file)
if (args.work_dir.parents[1] / f"fail_{args.work_dir.parent.name}").exists():
    sys.exit("something is wrong")
if (args.work_dir.parents[1] / "wait").exists():
    (args.work_dir.parents[1] / "waiting").touch()
    time.sleep(600)
for i in range(cfg.rounds):
    folder = args.work_dir / f"round_{i:02d}"
    if (folder / "metrics.json").exists():
        if i + 1 == json.loads((args.work_dir / "length.txt").read_text()) < cfg.rounds:
            (folder / "epoch_2.pth").read_bytes()  # the last round goes on from it
        continue
    folder.mkdir(exist_ok=True)
    (folder / "last_checkpoint").write_text("epoch_2.pth")
    (folder / "epoch_1.pth").touch()
    (folder / "epoch_2.pth").touch()
    record = {"round": i, "labeled": 10, "seconds": {}, "metrics": {"mAP": 0.1}}
    (folder / "metrics.json").write_text(json.dumps(record))
(args.work_dir / "length.txt").write_text(str(cfg.rounds))
pool = args.work_dir / "pool.json"
if not pool.exists():
    pool.write_text(json.dumps([args.work_dir.parent.name, args.seed]))
rounds = "".join(f"{i},{10 * i + 10},0.{i}\\n" for i in range(cfg.rounds))
(args.work_dir / "curve.csv").write_text("round,labeled,mAP\\n" + rounds)
"""


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "script.py"
    path.write_text(SCRIPT)
    return path


@pytest.fixture
def comparison(tmp_path: Path) -> Comparison:
    settings = dict(rounds=3, initial=10, budget=10, query=dict(type="mmal.CoreSet"))
    cfg = Config(dict(active_learning=settings, model=dict(type="A")))
    return Comparison(cfg, QUERIES, [0, 7], tmp_path / "work_dir")


def calls(comparison: Comparison) -> list[str]:
    path = comparison.work_dir / "calls.txt"
    return sorted(path.read_text().splitlines()) if path.exists() else []


def test_first_round_is_run_once_a_seed_and_copied(comparison, script):
    lines = []
    comparison.run(script, jobs=2, progress=lines.append)

    assert calls(comparison) == [
        "Ours 0 3 mmal.LearnedLoss",
        "Ours 7 3 mmal.LearnedLoss",
        "Random 0 3 mmal.Random",
        "Random 7 3 mmal.Random",
        f"{FIRST} 0 1 mmal.Random",
        f"{FIRST} 7 1 mmal.Random",
    ]
    assert {line.split(":")[0] for line in lines[:2]} == {f"{FIRST}, seed 0", f"{FIRST}, seed 7"}
    assert all(": finished (" in line and ", about 1 min left)" in line for line in lines[:5])
    assert lines[5].endswith(": finished (6 of 6)")
    for query in QUERIES:
        for seed in (0, 7):  # the first round's file, not one of the trial's own
            pool = (comparison.trial_dir(query, seed) / "pool.json").read_text()
            assert json.loads(pool) == [FIRST, seed]


def test_what_is_finished_stays(comparison, script, monkeypatch):
    monkeypatch.setattr(module, "check_queries", lambda *args: None)  # no model here
    comparison.run(script)
    before = calls(comparison)
    lines = []
    comparison.run(script, progress=lines.append)
    assert calls(comparison) == before
    assert all(": was finished before (" in line for line in lines)

    longer = Config(comparison.cfg.to_dict())
    longer.active_learning.rounds = 4
    longer = Comparison(longer, dict(Ours=QUERIES["Ours"]), [0, 8], comparison.work_dir)
    longer.check()
    longer.run(script)
    new = [call for call in calls(comparison) if call not in before]
    assert new == [
        "Ours 0 4 mmal.LearnedLoss",
        "Ours 8 4 mmal.LearnedLoss",
        f"{FIRST} 8 1 mmal.LearnedLoss",
    ]


def test_failed_trial_is_named_and_the_others_are_run(comparison, script):
    comparison.work_dir.mkdir()
    (comparison.work_dir / "fail_Random").touch()
    lines = []
    with pytest.raises(TrialError, match=r"Random/seed_0 ended with exit code 1: something is"):
        comparison.run(script, progress=lines.append)
    assert any(line.startswith("Random, seed 0: failed (") for line in lines)

    assert comparison.finished("Ours", 7)
    (comparison.work_dir / "fail_Random").unlink()
    comparison.run(script)
    assert {q: sorted(t) for q, t in comparison.curves().items()} == dict(
        Random=[0, 7], Ours=[0, 7]
    )


def test_table_has_a_row_a_round(comparison, script, tmp_path):
    comparison.run(script)
    comparison.write_csv(tmp_path / "results.csv")

    with open(tmp_path / "results.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 * 2 * 3
    assert rows[5] == dict(query="Random", seed="7", round="2", labeled="30", mAP="0.2")


def test_other_settings_are_refused(comparison, script):
    comparison.run(script)
    other = Config(comparison.cfg.to_dict())
    other.model.type = "B"

    with pytest.raises(FileExistsError, match=r"config\.py was run with other settings \(model\)"):
        Comparison(other, QUERIES, [0], comparison.work_dir).check()
    other.model.type = "A"
    other.active_learning.budget = 11
    with pytest.raises(FileExistsError, match=r"other settings \(active_learning\.budget\)"):
        Comparison(other, QUERIES, [0], comparison.work_dir).check()


def test_failed_first_round_stops_its_own_seed_alone(comparison, script):
    Comparison(comparison.cfg, dict(Random=QUERIES["Random"]), [0], comparison.work_dir).run(script)
    (comparison.work_dir / f"fail_{FIRST}").touch()

    lines = []
    with pytest.raises(TrialError, match=f"{FIRST}/seed_7 ended with exit code 1"):
        comparison.run(script, progress=lines.append)
    assert lines[-1].endswith("(4 of 4)")  # the queries of seed 7 are not waited for
    assert comparison.finished("Ours", 0)
    assert not comparison.trial_dir("Ours", 7).exists()


def test_first_round_without_its_checkpoint_is_not_copied(comparison, script):
    Comparison(comparison.cfg, dict(Random=QUERIES["Random"]), [0], comparison.work_dir).run(script)
    (comparison.trial_dir(FIRST, 0) / "round_00" / "epoch_2.pth").unlink()

    with pytest.raises(TrialError, match=f"{FIRST}/seed_0 has no checkpoint"):
        comparison.run(script)
    assert not comparison.trial_dir("Ours", 0).exists()
    assert comparison.finished("Ours", 7)


def checkpoints(comparison: Comparison, query: str, seed: int = 0) -> list[str]:
    directory = comparison.trial_dir(query, seed)
    return sorted(str(path.relative_to(directory)) for path in directory.rglob("*.pth"))


def test_spent_checkpoints_are_removed_and_a_comparison_can_grow(comparison, script):
    comparison.run(script)
    assert checkpoints(comparison, FIRST) == ["round_00/epoch_2.pth"]
    for query in QUERIES:
        assert checkpoints(comparison, query, 7) == ["round_02/epoch_2.pth"]

    longer = Config(comparison.cfg.to_dict())
    longer.active_learning.rounds = 5
    queries = QUERIES | dict(More=dict(type="mmal.CoreSet"))
    longer = Comparison(longer, queries, [0, 7, 8], comparison.work_dir)
    longer.run(script)  # the script fails without the checkpoint that a longer trial goes on from
    for query in queries:
        assert longer.finished(query, 8)
        assert checkpoints(longer, query) == ["round_04/epoch_2.pth"]
    comparison.run(script)  # fewer rounds again: those of the longer one stay
    assert checkpoints(longer, "Ours") == ["round_04/epoch_2.pth"]


def test_checkpoints_can_be_kept(comparison, script):
    comparison.run(script, keep_checkpoints=True)
    names = [f"round_0{i}/epoch_{n}.pth" for i in range(3) for n in (1, 2)]
    assert checkpoints(comparison, FIRST) == names[:2]
    assert checkpoints(comparison, "Ours") == names
    comparison.run(script)  # what was finished before is tidied, too
    assert checkpoints(comparison, "Ours") == names[-1:]


def test_trial_that_failed_keeps_its_checkpoints(comparison, script):
    comparison.work_dir.mkdir()
    (comparison.work_dir / "fail_Ours").touch()
    with pytest.raises(TrialError):
        comparison.run(script)
    assert checkpoints(comparison, "Ours") == ["round_00/epoch_2.pth"]


def test_checkpoint_that_cannot_be_removed_is_named(comparison, script, monkeypatch):
    def refuse(directory):
        raise PermissionError(f"{directory} is read-only")

    monkeypatch.setattr(module, "remove_spent_checkpoints", refuse)
    with pytest.raises(TrialError, match=r"Ours/seed_7 is finished, but .* --keep-checkpoints"):
        comparison.run(script)
    assert comparison.finished("Ours", 7)


def test_lost_pool_file_is_named_and_nothing_is_removed(comparison, script):
    comparison.run(script)
    directory = comparison.trial_dir("Ours", 7)
    (directory / "pool.json").unlink()

    with pytest.raises(FileExistsError, match=r"Ours/seed_7/pool\.json is missing\. Put it back"):
        comparison.check()
    assert (directory / "round_00").is_dir()


def test_interrupted_trials_end_and_a_second_comparison_is_refused(comparison, script):
    comparison.work_dir.mkdir()
    (comparison.work_dir / "wait").touch()

    def interrupt(self):
        while not (comparison.work_dir / "waiting").exists():
            time.sleep(0.05)
        with pytest.raises(TrialError, match="is in use"):
            comparison.run(script)
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "as_completed", interrupt)
        with pytest.raises(KeyboardInterrupt):
            comparison.run(script, jobs=2)  # waits for its trials, which else slept for long
    (comparison.work_dir / "wait").unlink()
    comparison.run(script)
    assert comparison.finished("Ours", 7)


def test_trials_get_the_gpus_that_may_be_used(comparison, script, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,GPU-5")
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    comparison.run(script, jobs=2)

    devices = (comparison.work_dir / "devices.txt").read_text().split()
    assert set(devices) == {"2", "GPU-5"}


def test_one_round_compares_nothing(comparison):
    comparison.cfg.active_learning.rounds = 1

    with pytest.raises(ValueError, match="rounds of at least 2"):
        Comparison(comparison.cfg, QUERIES, [0], comparison.work_dir)


def test_tool_compares_from_end_to_end(config_file: Path, tmp_path: Path) -> None:
    command = [sys.executable, ROOT / "tools" / "compare_queries.py", config_file]
    command += ["--queries", "CoreSet", 'Entropy(aggregation="max")', "--seeds", "3"]
    command += ["--work-dir", tmp_path / "compare", "--cfg-options", "train_cfg.max_epochs=1"]
    command += ["custom_hooks.0.detach_epoch=0", "train_dataloader.num_workers=0"]
    command += ["train_dataloader.persistent_workers=False", "active_learning.rounds=2"]
    done = subprocess.run(command, capture_output=True, text=True)

    assert done.returncode == 0, done.stdout + done.stderr
    with open(tmp_path / "compare" / "results.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["query"] for row in rows[::2]] == ["CoreSet", "Entropy-aggregation-max"]
    # The same first round, then picks of their own.
    assert len({row["pascal_voc/mAP"] for row in rows[::2]}) == 1
    pools = [
        json.loads((tmp_path / "compare" / row["query"] / "seed_3" / "pool.json").read_text())
        for row in rows[::2]
    ]
    assert len({tuple(pool["rounds"][0]["picks"]) for pool in pools}) == 1
    assert [pool["rounds"][1]["query"] for pool in pools] == [
        "CoreSet",
        "Entropy(aggregation='max')",
    ]
    assert (tmp_path / "compare" / "curves.png").stat().st_size > 1000
    table = (tmp_path / "compare" / "table.md").read_text()
    assert "| CoreSet | " in table
    first, second = (set(pool["rounds"][1]["picks"]) for pool in pools)
    assert f"| CoreSet | 100% | {len(first & second) / 4:.0%} |" in table
    assert "the first 4 picks that two queries have in common; by chance 40%" in table  # of 16 - 6

    # One seed: gains over images and over boxes, no interval, and no verdict.
    assert (
        "area: mean height over labelled samples; gain: over CoreSet, paired by seed (3)" in table
    )
    assert "area: mean height over boxes drawn" in table
    assert "| boxes saved |" in table
    assert table.count("\n- Entropy-aggregation-max: not decided (") == 2
    # Without a terminal, plain lines that no width breaks.
    lines = [line for line in done.stderr.splitlines() if ", seed 3: finished (" in line]
    assert [line.rsplit("(")[1][:6] for line in lines] == ["1 of 3", "2 of 3", "3 of 3"]
    assert re.fullmatch(r"first_round, seed 3: .*\(1 of 3, about \d+ min left\)", lines[0])
    left = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.pth")}
    assert left == {
        "compare/first_round/seed_3/round_00/epoch_1.pth",
        "compare/CoreSet/seed_3/round_01/epoch_1.pth",
        "compare/Entropy-aggregation-max/seed_3/round_01/epoch_1.pth",
    }

    # What was run otherwise is not summed up as if it were this.
    for change, message in (
        ("train_cfg.max_epochs=9", "was run with other settings (train_cfg)"),
        ("active_learning.rounds=3", "CoreSet, which others are compared to, has no finished"),
    ):
        again = [*command[:-1], change, "--summarize-only"]
        done = subprocess.run(again, capture_output=True, text=True)
        assert done.returncode == 1
        assert message in done.stderr
    assert (tmp_path / "compare" / "table.md").read_text() == table


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("NoSuchQuery", "There is no query 'mmal.NoSuchQuery'"),
        ("Entropy(", "'Entropy(' cannot be read"),
        ('Entropy(aggregation="median")', "must be 'mean', 'max' or 'sum'"),
        ("Random(k=1)", "'Random(k=1)' cannot be read"),
        ('Entropy("max")', "parameters need names"),
        ("mmal.Random", "--queries has two that would be kept in the same folder, 'Random'"),
    ],
)
def test_queries_that_cannot_be_compared(
    config_file: Path, tmp_path: Path, monkeypatch, query, message
) -> None:
    work_dir = tmp_path / "compare"
    queries = ["--queries", "Random", query]
    command = ["compare_queries.py", config_file, *queries, "--work-dir", work_dir]
    monkeypatch.setattr(sys, "argv", [str(word) for word in command])

    with pytest.raises(SystemExit, match=re.escape(message)):
        runpy.run_path(str(ROOT / "tools" / "compare_queries.py"), run_name="__main__")
    assert not work_dir.exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--queries", "Random", "--seeds", "0", "1", "1"], "--seeds has one twice: [0, 1, 1]"),
        (
            ["--queries", "Random", "Entropy", "Entropy(aggregation='mean')"],
            "the same query twice, 'Entropy' and 'Entropy-aggregation-mean'",
        ),
    ],
)
def test_what_is_named_twice_is_refused(
    config_file: Path, tmp_path: Path, monkeypatch, options, message
) -> None:
    work_dir = tmp_path / "compare"
    command = ["compare_queries.py", str(config_file), "--work-dir", str(work_dir), *options]
    monkeypatch.setattr(sys, "argv", command)
    with pytest.raises(SystemExit, match=re.escape(message)):
        runpy.run_path(str(ROOT / "tools" / "compare_queries.py"), run_name="__main__")
    assert not work_dir.exists()


def test_an_unknown_metric_ends_it_after_the_first_rounds(comparison, script) -> None:
    with pytest.raises(ValueError, match=r"no 'mAq'. Their metrics are \['mAP'\]"):
        comparison.run(script, metric="mAq")
    calls = (comparison.work_dir / "calls.txt").read_text().splitlines()
    assert {call.split()[0] for call in calls} == {FIRST}
    (comparison.work_dir / "fail_Ours").touch()  # what fails is told all the same
    with pytest.raises(TrialError, match="Ours"):
        comparison.run(script, metric="mAP")
    (comparison.work_dir / "fail_Ours").unlink()
    comparison.run(script)
    assert comparison.finished("Ours", 0)


def test_a_query_that_is_added_may_need_an_import(comparison, script) -> None:
    comparison.run(script)
    comparison.cfg.custom_imports = dict(imports=["mmal", "my_queries"])
    comparison.check_trials()
    path = comparison.trial_dir("Ours", 0) / "config.py"
    path.write_text(path.read_text() + "custom_imports = dict(imports=['gone_since'])\n")
    comparison.check_trials()
    comparison.cfg.train_cfg = dict(max_epochs=77)
    with pytest.raises(FileExistsError, match=r"other settings \(train_cfg\)"):
        comparison.check_trials()


@pytest.mark.parametrize(("given", "expected"), [({}, False), (dict(report=True), True)])
def test_trials_leave_pages_out_unless_the_config_asks(comparison, script, given, expected):
    comparison.cfg.active_learning.update(given)
    comparison.run(script)
    path = comparison.trial_dir("Ours", 0) / "config.py"
    assert Config.fromfile(path).active_learning.report is expected
    comparison.check_trials()
    # Of an older version's trials nothing is known of pages.
    text = path.read_text()
    path.write_text(text.replace(f"report={expected},", ""))
    assert "report" not in Config.fromfile(path).active_learning
    comparison.check_trials()
