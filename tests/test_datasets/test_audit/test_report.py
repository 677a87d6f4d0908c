"""What an audit says."""

import json

import pytest

from mmal.datasets.audit import AuditReport, AuditSettings, DatasetError
from mmal.datasets.audit.kinds import KINDS
from mmal.datasets.audit.report import EXAMPLES, SHOWN


def test_findings_are_counted_by_set_and_kind_with_the_first_as_examples():
    report = AuditReport()
    for i in range(100):
        report.add("train", "box-outside", f"{i}.xml", f"object {i}", [i])
    report.add("test", "box-outside", "t.xml")
    report.add("train", "orphan", "w.json")

    first, second, third = report.groups
    assert [g.severity for g in report.groups] == ["error", "error", "warning"]
    assert (first.set_name, first.count, len(first.examples)) == ("train", 100, EXAMPLES)
    assert (second.set_name, second.count) == ("test", 1)
    assert third.kind.name == "orphan"
    text = str(first)
    assert text.count("object ") == SHOWN
    assert f"… and {100 - SHOWN} more" in text
    assert "    0.xml, object 0: [0]" in text.splitlines()


def test_only_errors_are_raised_all_of_them():
    report = AuditReport()
    report.add("train", "orphan", "w.json")
    report.raise_errors()
    report.add("train", "box-outside", "a.xml")
    report.add("test", "image-missing", "b.jpg")

    with pytest.raises(DatasetError, match=r"(?s)has 2 problem.*a\.xml.*b\.jpg") as caught:
        report.raise_errors()
    assert "w.json" not in str(caught.value)


def test_what_is_accepted_is_a_count():
    report = AuditReport(accept=["box-outside"])
    report.add("train", "box-outside", "a.xml")

    report.raise_errors()
    assert [g.severity for g in report.groups] == ["info"]
    assert report.count("train", "box-outside") == 1
    assert report.count("train", "box-shares") == 0


def test_report_as_json():
    report = AuditReport()
    report.add("train", "box-outside", "a.xml", "object 1", (1, 2))

    (finding,) = json.loads(json.dumps(report.to_dict()))["findings"]
    assert finding["kind"] == "box-outside"
    assert finding["count"] == 1
    assert finding["examples"] == [{"file": "a.xml", "place": "object 1", "value": "(1, 2)"}]


def test_every_kind_says_what_it_is():
    for name, kind in KINDS.items():
        assert kind.name == name
        assert kind.severity in ("error", "warning", "info")
        assert kind.of_one
        assert kind.of_many


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (dict(accept=("box-outsid",)), r"accept has 'box-outsid', .* box-outside"),
        (dict(accept="box-outside"), r"accept must be a tuple .* the string 'box-outside'"),
        (dict(ignore_classes="cat"), r"ignore_classes must be a tuple"),
        (dict(max_images=-1), r"max_images .* Got -1"),
        (dict(max_images="all"), r"max_images .* Got 'all'"),
    ],
)
def test_settings_that_mean_nothing(settings, message):
    with pytest.raises(ValueError, match=message):
        AuditSettings(**settings)
