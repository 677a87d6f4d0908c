"""Gains over several comparisons, against an explicit computation."""

import csv
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmal.apis.gains import read_gains

TOOL = Path(__file__).parents[2] / "tools/analysis_tools/plot_gains.py"
LABELED = (10, 20, 40)


def height(query: str, seed: int, labeled: int) -> float:
    return 0.01 * labeled + 0.02 * seed + (0.05 + 0.01 * seed) * (query == "Herding")


@pytest.fixture
def comparison(tmp_path: Path) -> Path:
    """What a comparison of three queries leaves; a seed of one of them is not finished."""
    with open(tmp_path / "results.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["query", "seed", "round", "labeled", "mAP", "train_seconds"])
        for query in ("Random", "Herding", "Entropy"):
            for seed in range(5 if query == "Entropy" else 6):
                for number, labeled in enumerate(LABELED):
                    writer.writerow([query, seed, number, labeled, height(query, seed, labeled), 1])
    return tmp_path


@pytest.mark.parametrize("where", ["", "results.csv"])
def test_the_gain_is_that_of_the_area(comparison: Path, where: str) -> None:
    gain = read_gains(comparison / where)
    expected = []
    for seed in range(5):  # those that all queries have
        areas = []
        for query in ("Herding", "Random"):
            h = [height(query, seed, n) for n in LABELED]
            areas.append(((h[0] + h[1]) / 2 * 10 + (h[1] + h[2]) / 2 * 20) / 30)
        expected.append(areas[0] - areas[1])
    np.testing.assert_allclose(gain.by_seed, expected)
    assert read_gains(comparison, query="Entropy").by_seed == pytest.approx([0] * 5)


@pytest.mark.parametrize(
    "names", [dict(baseline="Rand"), dict(query="Margin"), dict(query="Random")]
)
def test_what_is_not_there_is_named(comparison: Path, names: dict) -> None:
    with pytest.raises(ValueError, match="Its queries are: 'Random', 'Herding', 'Entropy'"):
        read_gains(comparison, **names)


def test_another_metric(comparison: Path) -> None:
    with pytest.raises(ValueError, match=r"no metric AP50: its metrics are \['mAP'\]"):
        read_gains(comparison, metric="AP50")


def test_an_unfinished_trial_is_told(comparison: Path) -> None:
    path = comparison / "results.csv"
    path.write_text("\n".join(path.read_text().splitlines()[:-1]) + "\n")
    with pytest.raises(ValueError, match="trials of different numbers of rounds"):
        read_gains(path)


def test_a_single_curve_is_no_comparison(tmp_path: Path) -> None:
    (tmp_path / "curve.csv").write_text("round,labeled,mAP\n0,10,0.1\n")
    with pytest.raises(ValueError, match="Its queries are: none"):
        read_gains(tmp_path / "curve.csv")


def test_the_tool_plots_and_tells(
    comparison: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    runs = [f"cells={comparison}", f"others={comparison}/results.csv:Entropy"]
    out = comparison / "gains.png"
    monkeypatch.setattr(sys, "argv", [str(TOOL), *runs, "--out", str(out)])
    runpy.run_path(str(TOOL), run_name="__main__")
    said = capsys.readouterr().out
    cells, others = (
        next(line for line in said.split("\n") if name in line) for name in ("cells", "others")
    )
    assert "5 of 5" in cells
    assert "0 of 5" in others
    assert Image.open(out).size[0] == 960


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{}", ("lr=0", "{}", None)),
        ("{}:Herding", ("lr=0", "{}", "Herding")),
        ("a b={}", ("a b", "{}", None)),
        ("a={}:Herding", ("a", "{}", "Herding")),
    ],
)
def test_labels_paths_and_queries(tmp_path: Path, text: str, expected: tuple) -> None:
    folder = tmp_path / "lr=0.1"
    folder.mkdir()
    found = runpy.run_path(str(TOOL))["_parts"](text.format(folder))
    assert found == tuple(part and part.format(folder) for part in expected)


def test_two_of_one_name_are_refused(comparison: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", [str(TOOL), f"a={comparison}", f"a={comparison}:Entropy"])
    with pytest.raises(SystemExit, match="Two comparisons are called 'a'"):
        runpy.run_path(str(TOOL), run_name="__main__")


def test_a_mark_at_the_beginning_changes_nothing(comparison: Path) -> None:
    """As spreadsheets write it."""
    path = comparison / "results.csv"
    plain = read_gains(path)
    path.write_text(path.read_text(), encoding="utf-8-sig")
    assert read_gains(path).estimate == plain.estimate


def test_rows_that_are_empty_or_there_twice_are_named(comparison: Path) -> None:
    path = comparison / "results.csv"
    lines = path.read_text().splitlines()
    for changed, message in (
        ([*lines[:2], "Random,0,1,,,", *lines[3:]], r"line 3: it has no number of labelled"),
        ([*lines, lines[5]], r"line \d+: round 1 of Random, seed 1 is there twice"),
    ):
        path.write_text("\n".join(changed))
        with pytest.raises(ValueError, match=message):
            read_gains(path)
    path.write_bytes(b"\x89PNG\r\n")
    with pytest.raises(ValueError, match=r"results\.csv is no CSV file"):
        read_gains(path)
