"""Tests of the table at the end of a run."""

import re

from rich.console import Console

from mmal.visualization import rounds_table

SECONDS = ["train s", "eval s", "score s", "pick s"]


def rows(records: list[dict]) -> list[list[str]]:
    """The cells that a wide terminal shows."""
    console = Console(width=200)
    with console.capture() as capture:
        console.print(rounds_table(records))
    lines = [re.split("[│┃]", line)[1:-1] for line in capture.get().splitlines()]
    return [[cell.strip() for cell in line] for line in lines if line]


def test_a_row_a_round():
    seconds = dict(train=61.04, evaluate=2.24, score=0.5, query=0.0)
    records = [
        dict(
            round=0,
            labeled=60,
            metrics={"pascal_voc/mAP": 0.12348, "pascal_voc/AP50": 0.9},
            ranking_accuracy=0.6789,
            yardsticks=dict(entropy_mean=0.5, margin_mean=0.71),
            seconds=seconds,
        ),
        # The last round acquires nothing; a plain model has no ranking.
        dict(
            round=1,
            labeled=100,
            metrics={"pascal_voc/AP50": 0.8, "pascal_voc/mAP": 0.5},
            seconds=dict(train=9, evaluate=1),
        ),
    ]

    assert rows(records) == [
        ["round", "labelled", "mAP", "ranking", "trivial", *SECONDS],
        ["0", "60", "0.1235", "0.679", "0.710", "61.0", "2.2", "0.5", "0.0"],
        ["1", "100", "0.5000", "-", "-", "9.0", "1.0", "-", "-"],
    ]


def test_predicted_losses_that_mean_little_are_marked():
    record = dict(round=0, labeled=2, metrics={}, ranking_accuracy=0.512, seconds={})
    assert rows([record])[1][3] == "0.512"
    assert rounds_table([record]).caption is None
    record["ranking_doubt"] = "ranking accuracy 0.512 of 9 test samples is within chance"
    assert rows([record])[1][3] == "0.512 ?"
    assert "ranking_doubt" in rounds_table([record]).caption


def test_metric_without_a_prefix():
    record = dict(round=0, labeled=2, metrics={"PCK": 1.0}, ranking_accuracy=None, seconds={})

    assert rows([record])[0][2] == "PCK"
    assert rows([record])[1] == ["0", "2", "1.0000", "-", "-"]


def test_a_round_without_a_metric_has_a_dash():
    seconds = dict(train=1.0)
    records = [
        dict(round=0, labeled=60, metrics={}, seconds=seconds),
        dict(round=1, labeled=90, metrics={"coco/mAP": 0.25}, seconds=seconds),
    ]
    header, first, second = rows(records)

    assert header[2] == "mAP"
    assert (first[2], second[2]) == ("-", "0.2500")
    assert rows(records[:1])[1][2] == "-"
