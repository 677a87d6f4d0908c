"""Tests of the tables that show an audit."""

import io

import pytest
from rich.console import Console
from rich.table import Table

from mmal.datasets.audit import AuditReport, Finding
from mmal.datasets.audit.report import SetCounts
from mmal.visualization import audit_summary, findings_table, sets_table


def cells(table: Table) -> list[list[str]]:
    """The rows, each cell as it is printed."""
    columns = [[getattr(c, "plain", c) for c in column.cells] for column in table.columns]
    return [list(row) for row in zip(*columns, strict=True)]


def counts(name: str = "train", **kwargs) -> SetCounts:
    return SetCounts(name, "VOCDataset", "[data]/train.txt", **kwargs)


def test_sets_state_and_use():
    report = AuditReport()
    classes = dict(cat=1200, dog=3000)
    report.sets += [
        counts(images_stated=1500, images=1499, objects_stated=4200, objects=4200, classes=classes),
        counts("test", images_stated=3, images=3, objects_stated=0, objects=4),
        counts("pool", images_stated=9, images=9),
    ]
    assert cells(sets_table(report)) == [
        [
            *("train", "VOCDataset", "[data]/train.txt"),
            *("1,500 (1,499 used)", "4,200", "dog 3,000, cat 1,200"),
        ],
        ["test", "VOCDataset", "[data]/train.txt", "3", "4", ""],
        ["pool", "VOCDataset", "[data]/train.txt", "9", "", ""],
    ]


def test_many_classes_and_those_without_objects():
    report = AuditReport()
    classes = {f"c{i}": i for i in range(9)} | {f"e{i}": 0 for i in range(8)}
    report.sets.append(counts(classes=classes))
    ((*_, shown),) = cells(sets_table(report))
    assert shown == (
        "c8 8, c7 7, c6 6, c5 5, c4 4, c3 3, … 2 more, none: c0, e0, e1, e2, e3, e4, … 3 more"
    )


def test_findings_by_severity_with_examples_and_advice():
    report = AuditReport(accept=["box-outside"])
    report.add("train", "size-unknown", "a.xml")
    for number in range(5):
        report.add("test", "box-shares", "b.json", f"annotation {number}", "[0.1, 0.2, 0.3, 0.4]")
    report.add("train", "box-outside", "c.xml")
    report.merge("pool", "not-decoded", 1000, [])
    errors, warning, accepted, info = cells(findings_table(report))

    assert errors[:4] == ["error", "test", "box-shares", "5"]
    assert errors[4].splitlines() == [
        "objects have boxes in shares of the image, not in pixels",
        "b.json, annotation 0: [0.1, 0.2, 0.3, 0.4]",
        "b.json, annotation 1: [0.1, 0.2, 0.3, 0.4]",
        "b.json, annotation 2: [0.1, 0.2, 0.3, 0.4]",
        "… and 2 more",
        "→ Multiply them by the width and height of the image.",
    ]
    assert warning == [
        *("warning", "train", "size-unknown", "1"),
        "annotation gives no size of its image\na.xml",
    ]
    assert accepted[0] == "info"
    assert info[3:] == ["1,000", "images were not looked at (audit.max_images)"]


def test_names_that_no_terminal_takes():
    report = AuditReport()
    report.sets.append(counts())
    report.merge("train", "image-missing", 1, [Finding("image-missing", "[red]\udcff\x1b[2J.jpg")])
    file = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    console = Console(file=file, width=200)
    console.print(sets_table(report))
    console.print(findings_table(report))
    file.seek(0)
    printed = file.read()
    assert "[red]\\udcff\\x1b[2J.jpg" in printed
    assert "[data]/train.txt" in printed


@pytest.mark.parametrize(
    ("found", "line"),
    [
        ([("image-missing", 1)], "1 error (1 finding)"),
        (
            [("image-missing", 12), ("id-twice", 2), ("orphan", 1200)],
            "2 errors (14 findings), 1 warning (1,200 findings)",
        ),
        ([("orphan", 1)], "1 warning (1 finding)"),
        ([("not-decoded", 5)], "Nothing wrong found in 2 sets: 1,756 images, 1 object."),
        ([], "Nothing wrong found in 2 sets: 1,756 images, 1 object."),
    ],
)
def test_summary(found, line):
    report = AuditReport()
    report.sets += [
        counts(images_stated=1000, images=1000),
        counts(images_stated=700, images=750, objects=1),
        counts("test", images_stated=6, images=6),
    ]
    for kind, count in found:
        report.merge("train", kind, count, [])
    assert audit_summary(report) == line
