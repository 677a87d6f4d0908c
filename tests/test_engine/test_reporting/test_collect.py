"""Tests of reading a work directory, on files that are made up."""

import csv
import json
import time
from pathlib import Path

import numpy as np
import pytest

from mmal.engine.acquisition import write_image_list
from mmal.engine.reporting import (
    EXPLANATION_FILE,
    ReportKeeper,
    leave_explanation,
    read_round,
    read_run,
    warned,
    write_predictions,
    write_run_report,
)
from mmal.structures import ImageLabels, ObjectLabel, PoolScores
from tests.pages import Page

PICKS = ["c2", "c0"]


@pytest.fixture
def work_dir(tmp_path: Path) -> Path:
    """Two rounds of 4 candidates each; the first picked the third and the first of them."""
    root = tmp_path / "work"
    folder = root / "round_00"
    folder.mkdir(parents=True)
    (root / "round_01").mkdir()
    rounds = [dict(query="initial", picks=["l0"]), dict(query="CoreSet", picks=PICKS)]
    pool = dict(schema_version=1, dataset=dict(size=5), seed=3, rounds=rounds)
    (root / "pool.json").write_text(json.dumps(pool))
    (root / "curve.csv").write_text("round,labeled,mAP,boxes\n0,1,0.1,4\n1,3,0.2,9\n")
    record = dict(
        round=0,
        labeled=1,
        annotations=dict(boxes=4),
        seconds=dict(train=1.5),
        metrics=dict(mAP=0.1),
        ranking_accuracy=0.6,
        yardsticks=dict(entropy_mean=0.5),
        ranking_doubt="too few",
        picks_doubt="too few",
    )
    (folder / "metrics.json").write_text(json.dumps(record))
    ids = [f"c{i}" for i in range(4)]
    vectors = np.array([[0.0, 0], [1, 0], [5, 0], [6, 1]])
    fields = dict(pred_loss=np.array([3.0, 1, 4, 2]), features=vectors)
    scores = PoolScores(ids, [f"img/{i}.jpg" for i in ids], fields)
    labeled = PoolScores(["l0"], ["img/l0.jpg"], dict(features=np.array([[0.5, 0]])))
    scores.save(folder / "scores.parquet")
    leave_explanation(scores, labeled, PICKS, folder)
    write_image_list(folder / "picks.txt", [f"img/{i}.jpg" for i in PICKS])
    found = ImageLabels("c2.jpg", objects=(ObjectLabel("dog", (1.0, 1.0, 9.0, 9.0), score=0.5),))
    write_predictions(folder / "predictions.json", dict(c2=[found]))
    write_predictions(folder / "predictions_test.json", {"t/1.jpg": [found]})
    rows = ["img_path,pred_loss,target_loss", "t/0.jpg,1,2", "t/1.jpg,3,1", "t/2.jpg,2,3"]
    (folder / "losses.csv").write_text("\n".join(rows) + "\n")
    (folder / "histogram.csv").write_text("label,picks,pool\ncat,1,4\ndog,2,3\n")
    return root


def test_everything_on_disk_is_in_the_report(work_dir):
    found = read_run(work_dir)

    assert found.title == "work"
    assert dict(found.facts) == {
        "pool": "5 samples",
        "initial labelled set": "1",
        "labelled now": "3",
        "rounds": "2",
        "picked by": "CoreSet",
        "seed": "3",
        "as of": time.strftime(
            "%Y-%m-%d %H:%M %Z", time.localtime((work_dir / "pool.json").stat().st_mtime)
        ),
    }
    first, second = found.rounds
    assert (first.labeled, second.labeled) == (1, 3)  # that of the second is in the curve alone
    assert first.doubts == ("Doubtful: too few",)
    assert (first.query, first.budget, second.query) == ("CoreSet", 2, None)
    best, other = first.picks
    assert (best.id, best.path, best.rank) == ("c2", "img/c2.jpg", 1)
    assert (best.ranks, other.ranks, best.candidates) == (dict(pred_loss=1), dict(pred_loss=2), 4)
    assert best.facts == (("predicted loss", "4"),)
    assert best.labels[0].objects[0].name == "dog"
    assert other.labels == ()
    # (5, 0) stands for (6, 1); (1, 0) is the labelled sample's.
    assert (best.stands_for, other.stands_for) == (1, 0)
    assert (best.nearest.id, best.nearest.path) == ("l0", "img/l0.jpg")
    assert [image.id for image in first.easiest] == ["c1", "c3", "c0", "c2"]
    assert [image.id for image in first.wrong] == ["1.jpg", "0.jpg", "2.jpg"]
    assert first.wrong[0].facts[0] == (
        "taken for harder",
        "rank 1 of 3 by prediction, 3 in truth",
    )
    assert first.wrong[0].labels
    assert first.histograms == dict(picks=dict(cat=1, dog=2), pool=dict(cat=4, dog=3))
    np.testing.assert_array_equal(first.picked, [True, False, True, False])
    assert len(first.map.candidates) == 2
    assert found.notes == ()


@pytest.mark.parametrize("kept", [(), ("metrics.json",), ("scores.parquet", "losses.csv")])
def test_an_older_run_is_shown_as_far_as_its_files_go(work_dir, kept):
    for path in (work_dir / "round_00").iterdir():
        if path.name not in kept:
            path.unlink()
    found = read_run(work_dir)

    assert found.notes == ()
    assert [pick.id for pick in found.rounds[0].picks] == PICKS
    page = Page(write_run_report(work_dir).read_text())
    assert page.texts("h3")[0] == "Picked: 2, best first"


def test_damaged_files_are_named_and_the_rest_is_shown(work_dir):
    for name in (EXPLANATION_FILE, "scores.parquet", "losses.csv", "histogram.csv"):
        (work_dir / "round_00" / name).write_text("{ no such thing\n1,2\n")
    found = read_run(work_dir)

    assert len(found.notes) == 4
    assert found.notes[0].startswith("round_00/scores.parquet cannot be read (")
    assert found.rounds[0].picks[0].path == "img/c2.jpg"  # as picks.txt says


def test_paths_are_not_taken_from_a_list_of_another_length(work_dir):
    folder = work_dir / "round_00"
    (folder / "scores.parquet").unlink()
    (folder / "picks.txt").write_text("a\nb\nc\n")
    assert [pick.path for pick in read_round(folder, 0, PICKS).picks] == [None, None]


def test_no_work_directory(tmp_path, work_dir):
    with pytest.raises(FileNotFoundError, match=r"pool\.json does not exist: .* no work directory"):
        write_run_report(tmp_path)
    (work_dir / "curve.csv").unlink()
    with pytest.raises(FileNotFoundError, match="first round is not finished"):
        write_run_report(work_dir)


def test_a_report_may_go_elsewhere(work_dir, tmp_path):
    assert write_run_report(work_dir, tmp_path / "x.html") == tmp_path / "x.html"
    assert (tmp_path / "x.html").exists()
    assert not (work_dir / "report.html").exists()


def test_an_error_is_a_warning_with_the_reason(tmp_path, caplog, monkeypatch):
    said = []
    monkeypatch.setattr("mmal.engine.reporting.keep.print_log", lambda text, **_: said.append(text))
    ReportKeeper(tmp_path).update(last=True)
    with warned("it is not drawn"):
        raise KeyError("why")
    assert said[0].startswith("the report cannot be written: FileNotFoundError: ")
    assert said[1] == "it is not drawn: KeyError: 'why'"


def test_reports_take_a_small_part_of_a_run(work_dir, monkeypatch):
    now = [0.0]
    written = []

    def write(root: Path) -> None:
        written.append(now[0])
        now[0] += 2.0

    monkeypatch.setattr("mmal.engine.reporting.keep.time.perf_counter", lambda: now[0])
    monkeypatch.setattr("mmal.engine.reporting.keep.write_run_report", write)
    keeper = ReportKeeper(work_dir)
    for seconds in (5, 6, 30, 12):
        now[0] += seconds
        keeper.update()
    keeper.update(last=True)
    # Not after 5 s; after 11, taking 2; not 30 s after that, but after 42; then the last.
    assert written == [11, 55, 57]


def test_lists_of_files_are_written_as_the_disk_names_them(tmp_path):
    write_image_list(tmp_path / "picks.txt", ["a\udcff.jpg"])
    assert (tmp_path / "picks.txt").read_bytes() == b"a\xff.jpg\n"


def test_picks_as_a_table(tmp_path):
    from mmal.engine.acquisition import write_picks

    paths = {"=1+1": "@x.jpg", "b": "b.jpg"}
    scores = PoolScores(["b", "=1+1"], ["", ""], dict(pred_loss=np.array([-0.5, 2.0])))
    write_picks(tmp_path / "picks.csv", ["=1+1", "b"], paths, scores)
    with open(tmp_path / "picks.csv", newline="") as file:
        rows = list(csv.reader(file))
    assert rows == [
        ["rank", "id", "path", "score"],
        ["1", "'=1+1", "'@x.jpg", "2.0"],
        ["2", "b", "b.jpg", "-0.5"],  # a number is no text
    ]
    write_picks(tmp_path / "picks.csv", ["b"], paths)
    assert (tmp_path / "picks.csv").read_text().splitlines()[1] == "1,b,b.jpg,"
