"""Tests of what a comparison leaves behind, on trials whose figures are made up."""

import json
from pathlib import Path

import pytest
from mmengine.config import Config
from rich.console import Console

from mmal.apis.comparison import Comparison
from mmal.apis.comparison_report import write_report
from tests.pages import Page


@pytest.fixture
def comparison(tmp_path: Path) -> Comparison:
    """Three rounds of two queries and three seeds; Ours is above by 0.1 but draws more boxes."""
    queries = {"Random": dict(type="mmal.Random"), "Ours": dict(type="mmal.CoreSet")}
    cfg = Config(dict(active_learning=dict(rounds=3, initial=2, budget=2)))
    found = Comparison(cfg, queries, [0, 1, 2], tmp_path)
    for query in queries:
        for seed in found.seeds:
            directory = found.trial_dir(query, seed)
            directory.mkdir(parents=True)
            ours = query == "Ours"
            rows = ["round,labeled,labels,boxes,ranking_entropy_mean,mAP"]
            for i in range(3):
                value = 0.2 + 0.1 * i + (0.1 + 0.02 * seed) * (ours and i > 0)
                rows.append(f"{i},{2 + 2 * i},{2 + 2 * i},{5 + (9 if ours else 4) * i},0.9,{value}")
            (directory / "curve.csv").write_text("\n".join(rows) + "\n")
            picks = [dict(picks=[f"{2 * i}", f"{2 * i + 1}"]) for i in range(3)]
            content = dict(dataset=dict(size=10), rounds=picks)
            (directory / "pool.json").write_text(json.dumps(content))
    return found


def report(comparison: Comparison, cost: str = "labeled") -> str:
    write_report(comparison, None, cost, Console(quiet=True))
    return (comparison.work_dir / "table.md").read_text()


def test_a_table_for_each_cost_that_differs(comparison):
    table = report(comparison)

    titles = [line for line in table.splitlines() if ": mean height over" in line]
    # The labels of classifiers are as many as the images.
    assert [title.split(";")[0] for title in titles] == [
        "mAP, area: mean height over labelled samples",
        "mAP, area: mean height over boxes drawn",
    ]
    assert "mAP by labelled samples, mean ± std of 3 trials" in table
    # Areas above by three quarters of 0.1, 0.12 and 0.14.
    assert "| +0.090 (+0.075, +0.090, +0.105) |" in table
    # t = 0.09 / (0.015 / sqrt(3)) = 10.39 with 2 degrees of freedom.
    assert table.count("- Ours: above Random (3 of 3 seeds, Holm p = 0.0091).\n") == 1
    assert report(comparison, "boxes").index("over boxes") < table.index("over boxes")
    assert (comparison.work_dir / "curves.png").stat().st_size > 1000


def test_the_first_query_alone_has_one_table_of_areas(comparison):
    del comparison.queries["Ours"]
    table = report(comparison)

    assert table.count("mean height over") == 1
    assert "in common" not in table


def test_what_is_not_finished_is_named(comparison):
    (comparison.trial_dir("Ours", 2) / "curve.csv").unlink()
    table = report(comparison)

    assert table.endswith("\nNot finished, and not in the table: Ours (seed 2)\n")
    assert "\n- Ours: not decided (2 of 2 above Random): 2 seeds are too few;" in table


def test_trials_without_boxes_have_no_table_over_them(comparison):
    for path in comparison.work_dir.rglob("curve.csv"):
        lines = [line.split(",") for line in path.read_text().splitlines()]
        path.write_text("\n".join(",".join([*c[:3], *c[4:]]) for c in lines) + "\n")

    assert "boxes" not in report(comparison)
    with pytest.raises(ValueError, match="has no column 'boxes'"):
        report(comparison, "boxes")


def test_nothing_finished_of_the_baseline(comparison):
    for seed in comparison.seeds:
        (comparison.trial_dir("Random", seed) / "curve.csv").unlink()

    with pytest.raises(ValueError, match="Random, which others are compared to, has no finished"):
        report(comparison)


def test_the_page_says_what_the_tables_say(comparison):
    write_report(comparison, None, "labeled", Console(quiet=True), "python x.py --queries Random")
    page = Page((comparison.work_dir / "report.html").read_text())

    assert page.texts("h2") == [
        *("Verdict", "Learning curves", "Queries", "Picks in common", "Settings")
    ]
    assert page.texts("li")[5] == "Ours: above Random (3 of 3 seeds, Holm p = 0.0091)."
    assert len(page.all("svg", role="img")) == 2  # over images and over boxes
    assert "+0.090 (+0.075, +0.090, +0.105)" in page.texts("td")
    command, queries, config = page.texts("pre")
    assert command == "python x.py --queries Random"
    assert "Ours: {'type': 'mmal.CoreSet'}" in queries
    assert "rounds=3" in config
    assert not page.texts("p", class_="note")


def test_a_page_that_cannot_be_written_loses_no_table(comparison, monkeypatch):
    def fail(*_: object) -> None:
        raise RuntimeError("no ink")

    monkeypatch.setattr("mmal.apis.comparison_report.render_comparison", fail)
    assert "mAP by labelled samples" in report(comparison)
    assert not (comparison.work_dir / "report.html").exists()
