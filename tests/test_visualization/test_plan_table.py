"""The table of a dry run."""

import io

from rich.console import Console

from mmal.engine.rounds import Plan, PlannedRound
from mmal.visualization import plan_table


def rows(plan: Plan) -> list[list[str]]:
    console = Console(file=io.StringIO(), width=200)
    console.print(plan_table(plan))
    lines = console.file.getvalue().splitlines()
    return [[c.strip() for c in line.strip("│").split("│")] for line in lines if "│" in line]


def test_rows_and_sums():
    seconds = dict(train=4000.0, evaluate=70.5, score=5.25, query=0.0)
    whole = PlannedRound(0, 10, {"boxes": 31}, 5, 15, 20, seconds)
    last = PlannedRound(1, 14, None, 5, 20, 0, dict(train=100.0, evaluate=70.5))
    assert rows(Plan([whole, last], 0, None, "")) == [
        ["0", "10", "31", "5", "15", "20", "1:06:40", "0:01:10", "5.2 s", "0.0 s", "1:07:56"],
        ["1", "14", "-", "5", "20", "-", "0:01:40", "0:01:10", "-", "-", "0:02:50"],
        ["all", "", "", "", "", "", "1:08:20", "0:02:21", "5.2 s", "0.0 s", "1:10:46"],
    ]


def test_what_is_not_known_makes_no_sum():
    unknown = dict.fromkeys(("train", "evaluate", "score", "query"))
    table = rows(Plan([PlannedRound(0, 10, None, 5, 15, 20, unknown)], 0, None, ""))
    assert [row[-1] for row in table] == ["-", "-"]


def test_title_and_initial_set():
    left = PlannedRound(2, 10, None, 5, 15, 0, dict(train=10.0, evaluate=1.0), "epoch_3.pth")
    plan = Plan([left], 2, (30, 12.0), "")
    title = plan_table(plan).title
    assert "2 rounds are done." in title
    assert "Round 2 goes on at epoch_3.pth." in title
    assert rows(plan)[0] == ["initial", "-", "-", "-", "30", "-", "-", "12.0 s", "-", "12.0 s"]
    assert rows(plan)[-1][-1] == "23.0 s"
