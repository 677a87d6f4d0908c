import csv
import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from scipy.stats import kendalltau, spearmanr

from mmal.datasets.audit import DatasetError
from mmal.engine.rounds import WorkDir, run_rounds
from mmal.engine.rounds.round_runner import RoundRunner
from mmal.structures import PoolError, PoolScores
from tests.pages import Page
from tests.processes import run_in_processes


def pool_of(cfg: Config) -> dict:
    return json.loads(Path(cfg.work_dir, "pool.json").read_text())


def test_rounds_from_the_first_label_to_the_last(cfg: Config) -> None:
    cfg.active_learning.report = True
    records = run_rounds(cfg)
    work_dir = Path(cfg.work_dir)

    assert [r["labeled"] for r in records] == [6, 10, 14]
    rounds = pool_of(cfg)["rounds"]
    assert [(r["query"], len(r["picks"])) for r in rounds] == [
        ("initial", 6),
        ("LearnedLoss", 4),
        ("LearnedLoss", 4),
    ]
    picked = [sample_id for r in rounds for sample_id in r["picks"]]
    assert len(set(picked)) == 14

    # The picks are the highest scores among what was not yet labelled.
    scores = PoolScores.load(work_dir / "round_00" / "scores.parquet")
    assert set(scores.ids) == {f"train_{i:02d}" for i in range(16)} - set(rounds[0]["picks"])
    best = np.argsort(-scores.fields["pred_loss"])[:4]
    assert rounds[1]["picks"] == [scores.ids[i] for i in best]
    picks = (work_dir / "round_00" / "picks.txt").read_text().splitlines()
    assert [Path(p).stem for p in picks] == rounds[1]["picks"]
    assert all(Path(p).exists() for p in picks)
    assert not (work_dir / "round_02" / "picks.txt").exists()

    with open(work_dir / "curve.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["labeled"] for row in rows] == ["6", "10", "14"]
    for row, record in zip(rows, records, strict=True):
        assert float(row["pascal_voc/mAP"]) == record["metrics"]["pascal_voc/mAP"]
        assert 0 <= float(row["ranking_accuracy"]) <= 1
        assert float(row["train_seconds"]) > 0
    assert (work_dir / "curve.png").stat().st_size > 1000

    # The losses that the ranking measures of a round are of.
    with open(work_dir / "round_01" / "losses.csv", newline="") as file:
        table = list(csv.DictReader(file))
    assert {Path(row["img_path"]).stem for row in table} == {f"test_{i:02d}" for i in range(5)}
    losses = np.array([[float(row["pred_loss"]), float(row["target_loss"])] for row in table])
    assert records[1]["spearman"] == pytest.approx(spearmanr(*losses.T).statistic)
    assert records[1]["kendall"] == pytest.approx(kendalltau(*losses.T).statistic)
    assert float(rows[1]["kendall"]) == records[1]["kendall"]
    assert (work_dir / "round_01" / "losses.png").stat().st_size > 1000

    # What the picks show, counted in the annotations themselves.
    with open(work_dir / "round_00" / "histogram.csv", newline="") as file:
        histogram = {row.pop("label"): row for row in csv.DictReader(file)}
    root = Path(cfg.train_dataloader.dataset.data_root)
    for label in ("cat", "dog"):
        for kind, names in (
            ("picks", rounds[1]["picks"]),
            ("pool", [*scores.ids, *rounds[0]["picks"]]),
        ):
            files = [(root / "Annotations" / f"{name}.xml").read_text() for name in names]
            expected = sum(text.count(f"<name>{label}</name>") for text in files)
            assert int(histogram[label][kind]) == expected
    for name in ("picks.png", "histogram.png"):
        assert (work_dir / "round_00" / name).stat().st_size > 1000
        assert not (work_dir / "round_02" / name).exists()
    with open(work_dir / "round_00" / "picks.csv", newline="") as file:
        table = list(csv.DictReader(file))
    assert [(row["rank"], row["id"], row["path"]) for row in table] == [
        (str(i), name, path)
        for i, (name, path) in enumerate(zip(rounds[1]["picks"], picks, strict=True), 1)
    ]
    values = [float(row["score"]) for row in table]
    assert values == scores.take(rounds[1]["picks"]).fields["pred_loss"].tolist()

    check_report(work_dir, rounds[1]["picks"])

    # A round's model saw its labelled images alone, as often as it has epochs.
    log = next((work_dir / "round_01").glob("*/vis_data/scalars.json")).read_text()
    steps = [json.loads(line) for line in log.splitlines()]
    assert [s["step"] for s in steps] == list(range(1, 10))  # 3 epochs of ceil(10 / 4)


def check_report(work_dir: Path, picks: list[str]) -> None:
    """The page has the picks of the first round with their pictures, predictions and reasons."""
    page = Page((work_dir / "report.html").read_text(encoding="utf-8"))
    assert page.texts("h2") == ["Learning curve", "Rounds", "Round 2", "Round 1", "Round 0"]
    cards = page.texts("figcaption")
    ranked = [card for card in cards if card.startswith(tuple(f"{i}. " for i in range(1, 5)))]
    assert [card.split()[1] for card in ranked[4:]] == picks  # the second round's come first
    assert "largest predicted loss of 10 candidates" in ranked[4]
    assert all("predicted loss" in card and "stands for" in card for card in ranked)
    alts = [attrs["alt"] for attrs, _ in page.all("img")]
    # Of two rounds 4 picks and all candidates, the easiest first; of three those test images whose
    # loss ranks elsewhere than predicted.
    wrong = [alt for alt in alts if alt.startswith("test_")]
    assert len(alts) == (4 + 10) + (4 + 6) + len(wrong)
    assert 3 * 2 <= len(wrong) <= 3 * 5
    assert all("; predicted: " in alt for alt in alts if alt.split(";")[0] in picks)
    assert not page.texts("p", class_="note")[0].startswith("1 image")
    titles = page.texts("h3")
    for title in ("Map of the picks", "Scores: pred_loss", "Classes in picks and pool"):
        assert titles.count(title) == 2
    assert titles.count("Predicted against true loss") == 3


def test_a_finished_run_resumes_to_nothing(cfg: Config) -> None:
    cfg.active_learning.rounds = 1
    records = run_rounds(cfg)
    before = Path(cfg.work_dir, "round_00", "metrics.json").stat().st_mtime_ns
    assert run_rounds(cfg, resume=True) == records
    assert Path(cfg.work_dir, "round_00", "metrics.json").stat().st_mtime_ns == before


def test_a_finished_run_resumes_where_nobody_may_write(
    cfg: Config, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    cfg.active_learning.update(rounds=2, report=True)
    cfg.train_cfg.max_epochs = 1
    cfg.custom_hooks[0].detach_epoch = None
    records = run_rounds(cfg)
    opened = os.open

    def read_only(path, flags, *args, **kwargs):
        if flags & (os.O_WRONLY | os.O_RDWR) and str(path).startswith(cfg.work_dir):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), path)
        return opened(path, flags, *args, **kwargs)

    monkeypatch.setattr(os, "open", read_only)  # the lock's
    monkeypatch.setattr(WorkDir, "write_curve", lambda *args: pytest.fail("it is there"))
    before = {p: p.stat().st_mtime_ns for p in Path(cfg.work_dir).rglob("*")}
    capsys.readouterr()
    assert run_rounds(cfg, resume=True) == records
    assert "Curve, picks and scores" in capsys.readouterr().out
    assert {p: p.stat().st_mtime_ns for p in Path(cfg.work_dir).rglob("*")} == before


def test_pictures_that_are_missing_are_made_again(cfg: Config) -> None:
    """Stopped after the commit, before what describes it."""
    cfg.active_learning.update(rounds=2, report=True)
    cfg.test_evaluator = [cfg.test_evaluator, dict(type="mmal.RankingAccuracy")]
    records = run_rounds(cfg)
    assert "ranking/accuracy" not in records[0]["metrics"]  # it is in the record as it is
    round_dir = Path(cfg.work_dir, "round_00")
    before = (round_dir / "histogram.csv").read_text()
    page = Path(cfg.work_dir, "report.html")
    drawn = page.read_text()
    for path in (round_dir / "histogram.csv", round_dir / "picks.png", page):
        path.unlink()
    assert run_rounds(cfg, resume=True) == records
    assert (round_dir / "histogram.csv").read_text() == before
    assert (round_dir / "picks.png").exists()
    assert page.read_text() == drawn
    assert not Path(cfg.work_dir, "round_01", "histogram.csv").exists()


def test_what_cannot_be_drawn_loses_no_round(
    cfg: Config, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    cfg.active_learning.update(rounds=2, report=True)

    def fail(*args: object, **kwargs: object) -> None:
        raise RuntimeError("no ink")

    for name in ("keep.render_run", "predictions.write_predictions", "explanation.explain_picks"):
        monkeypatch.setattr(f"mmal.engine.reporting.{name}", fail)
    monkeypatch.setattr("mmal.engine.rounds.described.plot_picks", fail)
    said = []
    monkeypatch.setattr("mmal.engine.reporting.keep.print_log", lambda text, **_: said.append(text))
    records = run_rounds(cfg)
    assert [record["labeled"] for record in records] == [6, 10]
    assert len(pool_of(cfg)["rounds"][1]["picks"]) == 4
    assert [text.split(":")[0] for text in said] == [
        "what is predicted in test images cannot be said",
        "why samples were picked cannot be said",
        "what is predicted in the picks cannot be said",
        "the picks cannot be drawn",
        "what is predicted in test images cannot be said",
        "the report cannot be written",
    ]
    assert all("RuntimeError: no ink" in text for text in said)
    assert not Path(cfg.work_dir, "report.html").exists()


def test_a_report_may_be_left_out(cfg: Config) -> None:
    """And leaving it out changes nothing but what the page needs."""
    picks = []
    for report in (True, False):
        cfg.work_dir = f"{Path(cfg.work_dir).parent}/{report}"
        cfg.active_learning.update(rounds=2, report=report)
        run_rounds(cfg)
        picks.append(pool_of(cfg)["rounds"][1]["picks"])
        names = {path.name for path in Path(cfg.work_dir).rglob("*")}
        drawn = {"report.html", "picks.png", "explanation.json", "predictions.json"}
        assert names & drawn == (drawn if report else set())
        assert {"picks.csv", "histogram.png"} <= names
    assert picks[0] == picks[1]


def test_random_trains_a_plain_detector_and_scores_nothing(cfg: Config) -> None:
    cfg.model = cfg.model.target
    cfg.custom_hooks = []
    cfg.active_learning.update(rounds=2, query=dict(type="mmal.Random"), report=True)
    records = run_rounds(cfg)
    assert "ranking_accuracy" not in records[0]
    assert not Path(cfg.work_dir, "round_00", "scores.parquet").exists()
    assert len(pool_of(cfg)["rounds"][1]["picks"]) == 4


def test_queries_with_one_seed_share_the_initial_set(cfg: Config) -> None:
    initial = {}
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        cfg.work_dir = f"{Path(cfg.work_dir).parent}/{name}"
        cfg.active_learning.rounds = 1
        cfg.randomness.seed = seed
        run_rounds(cfg)
        initial[name] = pool_of(cfg)["rounds"][0]["picks"]
    assert initial["a"] == initial["b"]
    assert set(initial["a"]) != set(initial["c"])


def test_kill_and_resume_give_what_an_uninterrupted_run_gives(
    cfg: Config, config_file: Path
) -> None:
    """Killed in the second round's training, after its first checkpoint."""
    # Augmentation is random and two workers share it: every random state has to come back.
    cfg.active_learning.rounds = 2
    whole = Config(cfg.to_dict())
    whole.work_dir += "_whole"
    run_rounds(whole)

    tool = str(Path(__file__).parents[3] / "tools" / "run_rounds.py")
    command = [sys.executable, tool, str(config_file), "--work-dir", cfg.work_dir]
    process = subprocess.Popen(
        [*command, "--cfg-options", "active_learning.rounds=2"],
        env={**os.environ, "OMP_WAIT_POLICY": "passive"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    first_checkpoint = Path(cfg.work_dir, "round_01", "last_checkpoint")
    deadline = time.monotonic() + 300
    while not first_checkpoint.exists() and process.poll() is None:
        assert time.monotonic() < deadline, "the second round never saved a checkpoint"
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    trained = first_checkpoint.with_name("epoch_3.pth")
    assert not trained.exists(), "killed too late to prove anything"

    run_rounds(cfg, resume=True)
    assert pool_of(cfg) == pool_of(whole)
    weights = [
        torch.load(path, weights_only=False)["state_dict"]
        for path in (trained, Path(whole.work_dir, "round_01", "epoch_3.pth"))
    ]
    for key, value in weights[0].items():
        assert torch.equal(value, weights[1][key]), key


def test_an_interruption_after_any_step_repeats_at_most_that_step(
    cfg: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    cfg.active_learning.rounds = 2
    cfg.train_cfg.max_epochs = 1
    cfg.custom_hooks[0].detach_epoch = None
    cfg.train_dataloader.update(num_workers=0, persistent_workers=False)
    whole = Config(cfg.to_dict())
    whole.work_dir += "_whole"
    run_rounds(whole)

    class InterruptionError(Exception):
        pass

    def interrupt(*args, **kwargs):
        raise InterruptionError

    steps = ["round_training.measure_losses", "driver.score_pool", "driver.acquire"]
    for attempt, step in enumerate(steps):
        with monkeypatch.context() as patch:
            patch.setattr(f"mmal.engine.rounds.{step}", interrupt)
            with pytest.raises(InterruptionError):
                run_rounds(cfg, resume=attempt > 0)
        assert len(pool_of(cfg)["rounds"]) == 1
    trained = Path(cfg.work_dir, "round_00", "epoch_1.pth").stat().st_mtime_ns
    run_rounds(cfg, resume=True)
    assert Path(cfg.work_dir, "round_00", "epoch_1.pth").stat().st_mtime_ns == trained
    assert pool_of(cfg) == pool_of(whole)


def break_budget(cfg: Config) -> None:
    cfg.active_learning.budget = 6


def break_batch_size(cfg: Config) -> None:
    cfg.train_dataloader.batch_size = 1


def break_channels(cfg: Config) -> None:
    cfg.model.loss_predictor.in_channels = [8, 32]


def break_classes(cfg: Config) -> None:
    cfg.train_dataloader.dataset.metainfo = dict(classes=("cat", "horse"))


def break_image(cfg: Config) -> None:
    Path(cfg.train_dataloader.dataset.data_root, "JPEGImages/train_03.jpg").write_bytes(b"no")


def break_annotation(cfg: Config) -> None:
    Path(cfg.test_dataloader.dataset.data_root, "Annotations/test_02.xml").write_text("<a>")


def break_model(cfg: Config) -> None:
    cfg.model = cfg.model.target


def break_list(cfg: Config) -> None:
    path = Path(cfg.train_dataloader.dataset.data_root, "ImageSets/Main/train.txt")
    path.write_text(path.read_text() + "train_05\n")


@pytest.mark.parametrize(
    ("damage", "error", "message"),
    [
        (break_budget, ValueError, r"needs 18 samples.*the pool has 16"),
        (break_batch_size, ValueError, r"batch_size must be at least 2.*Got 1"),
        (break_channels, ValueError, r"is \[8, 32\], but .* features have \[8, 16\]"),
        (break_classes, DatasetError, r"objects have a class that .*\n.*train.txt: 'dog' \(\d+\)"),
        (break_image, DatasetError, r"cannot be decoded.*\n.*train_03.jpg: .*train_03.xml"),
        (break_annotation, DatasetError, r"test: 1 .*\n.*test_02.xml: it does not parse"),
        (break_model, TypeError, r"is a plain SingleStageDetector: .* or wrap the model"),
        (break_list, DatasetError, r"listed twice.*\n.*train.txt, line 17: train_05 is on line 6"),
    ],
)
def test_bad_input_is_one_error_before_anything_is_written(
    cfg: Config, damage, error: type, message: str
) -> None:
    damage(cfg)
    with pytest.raises(error, match=message):
        run_rounds(cfg)
    assert not Path(cfg.work_dir).exists()


def test_a_used_work_directory_is_left_as_it_is(cfg: Config) -> None:
    cfg.active_learning.rounds = 1
    run_rounds(cfg)
    before = {p: p.stat().st_mtime_ns for p in Path(cfg.work_dir).rglob("*")}
    with pytest.raises(FileExistsError, match=r"already holds rounds.*--resume"):
        run_rounds(cfg)
    cfg.active_learning.initial = 7
    with pytest.raises(PoolError, match=r"round 0 was picked with .*\(0, 6, 'initial'\)"):
        run_rounds(cfg, resume=True)
    cfg.active_learning.update(initial=6, rounds=2)
    run_rounds(cfg, resume=True)
    before = {p: p.stat().st_mtime_ns for p in Path(cfg.work_dir).rglob("*")}
    cfg.active_learning.rounds = 1
    with pytest.raises(PoolError, match=r"holds 2 rounds, but active_learning\.rounds is 1"):
        run_rounds(cfg, resume=True)
    cfg.active_learning.rounds = 2
    pool = Path(cfg.work_dir, "pool.json")
    content = json.loads(pool.read_text())
    pool.write_text(json.dumps({**content, "schema_version": 99}))
    with pytest.raises(PoolError, match="schema version 99"):
        run_rounds(cfg, resume=True)
    dataset = {**content["dataset"], "fingerprint": "sha256:0"}
    pool.write_text(json.dumps({**content, "dataset": dataset}))
    with pytest.raises(PoolError, match="belongs to another data set"):
        run_rounds(cfg, resume=True)
    pool.write_text(json.dumps(content, indent=1) + "\n")
    after = {p: p.stat().st_mtime_ns for p in Path(cfg.work_dir).rglob("*") if p != pool}
    assert after == {p: t for p, t in before.items() if p != pool}


def _run_in_a_group(rank: int, path: str) -> list[dict]:
    os.environ["LOCAL_RANK"] = str(rank)
    cfg = Config.fromfile(path)
    cfg.launcher = "pytorch"
    # On GPUs mmengine names the device itself.
    cfg.model_wrapper_cfg = dict(type="MMDistributedDataParallel", device_ids=None)
    cfg.active_learning.update(rounds=2, report=True)
    cfg.train_cfg.max_epochs = 1
    cfg.custom_hooks[0].detach_epoch = None
    cfg.train_dataloader.update(batch_size=2, num_workers=0)
    return run_rounds(cfg)


def test_processes_share_the_rounds_and_one_writes(cfg: Config, config_file: Path) -> None:
    """The initial six images make uneven batches for two processes: two and one."""
    first, second = run_in_processes(_run_in_a_group, 2, str(config_file))
    assert [r["metrics"] for r in first] == [r["metrics"] for r in second]
    assert [r["ranking_accuracy"] for r in first] == [r["ranking_accuracy"] for r in second]
    work_dir = Path(cfg.work_dir)
    assert [len(r["picks"]) for r in pool_of(cfg)["rounds"]] == [6, 4]
    scores = PoolScores.load(work_dir / "round_00" / "scores.parquet")
    assert len(set(scores.ids)) == 10
    best = np.argsort(-scores.fields["pred_loss"])[:4]
    assert pool_of(cfg)["rounds"][1]["picks"] == [scores.ids[i] for i in best]
    assert json.loads((work_dir / "round_01" / "metrics.json").read_text())["labeled"] == 10


def test_torchrun_on_cpus_alone(cfg: Config, config_file: Path) -> None:
    """Nothing is said of devices or wrappers: mmengine's own choices ask for GPUs."""
    tool = str(Path(__file__).parents[3] / "tools" / "run_rounds.py")
    options = [
        "active_learning.rounds=2",
        "train_cfg.max_epochs=1",
        "train_dataloader.batch_size=2",
    ]
    options += ["train_dataloader.num_workers=0", "custom_hooks.0.detach_epoch=0"]
    options += ["active_learning.query.type=mmal.CoreSet"]
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    command += [tool, str(config_file), "--launcher", "pytorch", "--cfg-options", *options]
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "OMP_WAIT_POLICY": "passive"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count("Curve, picks and scores") == 1
    assert [len(r["picks"]) for r in pool_of(cfg)["rounds"]] == [6, 4]


def test_a_round_without_a_metric_goes_on(cfg: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    """CocoMetric returns nothing where nothing was detected, which an early round may be."""
    monkeypatch.setattr(RoundRunner, "test", lambda runner: {})
    cfg.active_learning.rounds = 2
    cfg.train_cfg.max_epochs = 1
    cfg.custom_hooks[0].detach_epoch = None
    records = run_rounds(cfg)
    assert [record["metrics"] for record in records] == [{}, {}]
    assert [record["labeled"] for record in records] == [6, 10]
    assert Path(cfg.work_dir, "curve.csv").exists()
    assert not Path(cfg.work_dir, "curve.png").exists()
