"""Tests of forecasting the curves of runs, from files to what the tool prints."""

import runpy
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from mmal.apis.forecast import forecast_runs, read_runs, read_trials
from mmal.evaluation.forecast import fit_curve

ROOT = Path(__file__).parents[2]
HEADER = "round,labeled,ranking_accuracy,boxes,voc/mAP,voc/AP50,train_seconds\n"
ROWS = ["0,100,0.6,300,0.2,0.21,9\n", "1,200,0.6,700,0.3,0.31,9\n", "2,300,,1100,0.35,0.36,9\n"]


@pytest.fixture
def work_dir(tmp_path) -> Path:
    path = tmp_path / "run"
    path.mkdir()
    (path / "curve.csv").write_text(HEADER + "".join(ROWS))
    return path


@pytest.fixture
def comparison(tmp_path) -> Path:
    """Two queries, of the first two seeds."""
    path = tmp_path / "compare"
    path.mkdir()
    trials = [("Random", 0), ("Random", 1), ("CoreSet", 0)]
    rows = [f"{query},{seed},{row}" for query, seed in trials for row in ROWS]
    (path / "results.csv").write_text("query,seed," + HEADER + "".join(rows))
    return path


def run_tool(name: str, monkeypatch, *args: object) -> None:
    tool = ROOT / "tools" / "analysis_tools" / name
    monkeypatch.setattr(sys, "argv", [str(tool), *map(str, args)])
    runpy.run_path(str(tool), run_name="__main__")


def test_a_work_directory_and_its_file_are_the_same_run(work_dir):
    (curve,) = read_runs([work_dir])

    assert curve[2] == {"round": 2, "labeled": 300, "boxes": 1100} | {
        "voc/mAP": 0.35,
        "voc/AP50": 0.36,
        "train_seconds": 9,
    }
    assert read_runs([work_dir / "curve.csv"]) == [curve]


def test_trials_of_a_query(comparison):
    by_query = read_trials(comparison / "results.csv")
    assert {query: len(t) for query, t in by_query.items()} == {"Random": 2, "CoreSet": 1}
    assert len(read_runs([comparison], "Random")) == 2
    assert len(read_runs([comparison / "results.csv"], "CoreSet")) == 1


def test_runs_are_seeds(work_dir):
    run = forecast_runs(read_runs([work_dir, work_dir]), upper=1)

    expected = fit_curve([100, 200, 300], [[0.2, 0.3, 0.35]] * 2, upper=1)
    assert run.forecast.seeds == 2
    assert run.forecast.at(400) == expected.at(400)
    assert (run.metric, run.cost_name, run.cost) == ("voc/mAP", "boxes", 4)


def test_rounds_count_that_all_runs_have(work_dir, tmp_path):
    shorter = tmp_path / "curve.csv"
    shorter.write_text(HEADER + "".join(ROWS) + "3,400,,1500,0.4,0.4,9\n")

    run = forecast_runs(read_runs([work_dir, shorter]))
    assert run.forecast.labels.tolist() == [100, 200, 300]


def test_the_metric_may_be_named_without_its_prefix(work_dir):
    run = forecast_runs(read_runs([work_dir]), "AP50")

    assert run.metric == "voc/AP50"
    assert run.forecast.values.tolist() == [0.21, 0.31, 0.36]


@pytest.mark.parametrize(("factor", "upper"), [(1, 1), (100, 100)])
def test_the_bound_is_told_when_asked_for(work_dir, factor, upper):
    curve = [row | {"voc/mAP": row["voc/mAP"] * factor} for row in read_runs([work_dir])[0]]

    assert forecast_runs([curve], upper="auto").forecast.upper == upper
    assert forecast_runs([curve]).forecast.upper == np.inf


def test_labels_of_classification_are_no_cost_of_their_own(tmp_path):
    path = tmp_path / "curve.csv"
    path.write_text("round,labeled,labels,top1\n0,10,10,40\n1,20,20,50\n2,30,30,55\n")

    run = forecast_runs(read_runs([path]))
    assert run.cost_name is None
    assert "labels" not in run.sentences(None, [10])[0]


def test_wrong_files_and_names_are_refused(work_dir, comparison, tmp_path):
    other = tmp_path / "other.csv"
    other.write_text("a,b\n1,2\n")
    broken = tmp_path / "broken.csv"
    broken.write_text(HEADER + "0,100,0.6,300,many,0.2,9\n")
    empty = tmp_path / "empty.csv"
    empty.write_text(HEADER)

    with pytest.raises(FileNotFoundError, match=r"none\.csv does not exist"):
        read_runs([tmp_path / "none.csv"])
    with pytest.raises(FileNotFoundError, match=r"curve\.csv does not exist: .*no work directory"):
        read_runs([tmp_path])
    with pytest.raises(ValueError, match=r"are 'Random', 'CoreSet'\. Choose one by its name"):
        read_runs([comparison])
    with pytest.raises(ValueError, match=r"'Random', 'CoreSet'\. 'Best' is none of them"):
        read_runs([comparison], "Best")
    with pytest.raises(ValueError, match=r"are none\. 'Best' is none of them"):
        read_runs([work_dir / "curve.csv"], "Best")
    with pytest.raises(ValueError, match="no column 'labeled'"):
        read_runs([other])
    with pytest.raises(ValueError, match=r"broken\.csv, line 2: .*'many'"):
        read_runs([broken])
    with pytest.raises(ValueError, match="has no finished round"):
        read_runs([empty])
    with pytest.raises(ValueError, match=r"no column 'AP'\. It has .*'voc/mAP', 'voc/AP50'"):
        forecast_runs(read_runs([work_dir]), "AP")
    with pytest.raises(ValueError, match="no column with a metric"):
        forecast_runs([[{"labeled": 100, "boxes": 3}]])


def test_the_tool_prints_a_table_and_sentences(work_dir, tmp_path, monkeypatch, capsys):
    out = tmp_path / "forecast.png"
    args = ["--target", 0.4, "--more", 50, 200, "--upper", 1, "--out", out]
    run_tool("forecast.py", monkeypatch, work_dir, *args)

    printed = capsys.readouterr().out
    run = forecast_runs(read_runs([work_dir]), upper=1)
    for sentence in run.sentences(0.4, [50, 200]):
        assert sentence in printed
    assert "0.40 needs about" in printed
    assert "voc/mAP from 3 rounds" in printed
    assert cv2.imread(str(out)).std() > 0


def test_by_default_the_tool_forecasts_the_next_batch_and_two(work_dir, monkeypatch, capsys):
    run_tool("forecast.py", monkeypatch, work_dir)

    printed = capsys.readouterr().out
    assert "for the next 100 (400 boxes)" in printed
    assert "for the next 200 (800 boxes)" in printed


def test_errors_of_the_tool_are_one_line(work_dir, monkeypatch):
    (work_dir / "curve.csv").write_text(HEADER + "".join(ROWS[:2]))

    with pytest.raises(SystemExit) as stop:
        run_tool("forecast.py", monkeypatch, work_dir)
    assert stop.value.code == ("error: A forecast takes at least 3 rounds with the metric. Got 2.")


def test_the_backtest_reads_and_writes_tables(tmp_path, monkeypatch, capsys):
    results = ROOT / "docs" / "results"
    out = tmp_path / "backtest.csv"
    data = f"people={results / 'lspet.csv'}"
    run_tool("backtest_forecast.py", monkeypatch, data, "--out", out)

    lines = out.read_text().splitlines()
    assert lines[0].startswith("data,curve,rounds,ahead,times,forecasts,inside_80,inside_95")
    # Two queries with two seeds and four rounds: one beginning, one later round.
    assert lines[1].startswith("people,single,all,all,all,4,")
    assert any(line.startswith("people,mean,all,all,all,2,") for line in lines)
    assert "people" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="No curve has the 4 rounds"):
        run_tool("backtest_forecast.py", monkeypatch, f"demo={results / 'demo.csv'}")


def test_small_curves_rise(tmp_path, monkeypatch):
    out = tmp_path / "curves.csv"
    run_tool("small_curves.py", monkeypatch, "digits-early", out, "--seeds", 0)

    trials = read_trials(out)
    assert len(trials) == 3
    for (curve,) in trials.values():
        assert [row["labeled"] for row in curve] == list(range(10, 101, 10))
        assert curve[-1]["accuracy"] > curve[0]["accuracy"] + 0.2
