"""Tests of pages, by reading them."""

import base64
import hashlib
import io
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmal.structures import ImageLabels, ObjectLabel
from mmal.visualization.report import (
    ComparisonReport,
    PickedImage,
    ReportImage,
    ReportTable,
    RoundReport,
    RunReport,
    VectorMap,
    render_comparison,
    render_run,
    write_page,
)
from tests.pages import Page, check_in_chromium, console_of, needs_chromium

#: A name that would be markup, a script, an attribute, mathematics, and is no UTF-8.
HOSTILE = "</p><script>alert(1)</script>\"'><img src=x onerror=alert(2)>$x_1$\udcff&amp;{{ 7 * 7 }}"


def save_image(path: Path, size: tuple[int, int] = (60, 40)) -> str:
    rng = np.random.default_rng(size[0])
    Image.fromarray(rng.integers(0, 256, (*size[::-1], 3), dtype=np.uint8)).save(path)
    return str(path)


@pytest.fixture
def run(tmp_path: Path) -> RunReport:
    """Two rounds; the first picked two images, with all that there can be."""
    paths = [save_image(tmp_path / f"{i}.png") for i in range(4)]
    boxes = (
        ObjectLabel("dog", (30.0, 10.0, 50.0, 30.0), score=0.9),
        ObjectLabel("cat", (1, 1, 9, 9), score=0.1),
    )
    picks = [
        PickedImage(
            "a/0",
            paths[0],
            (ImageLabels("0.png", objects=boxes),),
            facts=(("predicted loss", "1.5"),),
            rank=1,
            ranks=dict(pred_loss=1),
            candidates=1200,
            nearest=ReportImage("a/3", paths[3]),
            distance=0.5,
            stands_for=7,
        ),
        PickedImage(HOSTILE, paths[1], rank=2, ranks=dict(pred_loss=22), candidates=1200),
    ]
    rng = np.random.default_rng(0)
    first = RoundReport(
        0,
        10,
        dict(boxes=30),
        {"voc/mAP": 0.25, "voc/AP50": 0.5},
        dict(ranking_accuracy=0.7),
        dict(entropy_mean=0.6, margin_mean=0.65),
        dict(train=12.3),
        "LearnedLoss",
        2,
        ("Doubtful: too few",),
        picks,
        [ReportImage("a/2", paths[2])],
        [ReportImage("gone", str(tmp_path / "gone.png"))],
        (rng.random(9), rng.random(9)),
        dict(picks=dict(cat=1, dog=3), pool={"cat": 10, "dog": 10, "$odd$": 0}),
        dict(pred_loss=rng.random(20)),
        np.arange(20) < 2,
        VectorMap(
            "features", rng.random((18, 2)), rng.random((5, 2)), rng.random((2, 2)), (0.6, 0.1)
        ),
    )
    second = RoundReport(1, 12, dict(boxes=36), {"voc/mAP": 0.5, "voc/AP50": 0.75})
    curve = [
        {"round": i, "labeled": r.labeled, **r.annotations, **r.metrics}
        for i, r in enumerate((first, second))
    ]
    facts = (("pool", "30 samples"), ("query", HOSTILE))
    return RunReport("demo " + HOSTILE, facts, curve, [first, second], ("A note",))


def test_a_run_says_what_was_picked_and_why(run):
    page = Page(render_run(run))

    assert page.texts("h2") == ["Learning curve", "Rounds", "Round 1", "Round 0"]
    cards = page.texts("figcaption")
    assert cards[0] == (
        "1. a/0 predicted loss1.5 predicteddog 0.90 largest predicted loss of 1,200 candidates "
        "stands for 7 others nearest labelled: a/3, 0.5 times as far as usual"
    )
    assert "22nd largest predicted loss of 1,200 candidates" in cards[1]
    alts = [attrs["alt"] for attrs, _ in page.all("img")]
    assert alts[:2] == ["a/0; predicted: dog 0.90", "The nearest labelled image, a/3"]
    notes = page.texts("p", class_="note")
    assert notes[0] == "A note"
    assert re.fullmatch(r"1 image cannot be read: .*gone\.png \(FileNotFoundError: .*\)", notes[1])
    assert notes[2] == "Doubtful: too few"
    assert "No picture: the image cannot be read." in page.texts("p", class_="picture missing")
    titles = page.texts("h3")
    assert titles == [
        "Picked: 2, best first",
        "Classes in picks and pool",
        "Scores: pred_loss",
        "Map of the picks",
        "Predicted against true loss",
        "Easiest: candidates of least predicted loss",
        "Most wrong: test images whose loss was predicted worst",
    ]
    # Over images and over boxes, and one plot for each of those titles.
    assert len(page.all("svg", role="img")) == 2 + 4


def test_the_table_of_rounds(run):
    page = Page(render_run(run))
    header = page.texts("th", scope="col")[:11]
    assert header == [
        *("round", "labelled", "boxes", "voc/mAP", "voc/AP50", "ranking accuracy"),
        *("best trivial ranking", "picked by", "picks", "train s", "label"),
    ]
    cells = page.texts("td")
    first = ["10", "30", "0.2500", "0.5000", "0.700", "0.650", "LearnedLoss", "2", "12.3"]
    assert cells[:9] == first
    assert cells[9:18] == ["12", "36", "0.5000", "0.7500", "-", "-", "-", "-", "-"]
    assert cells[18:22] == ["10", "50.0%", "1", "25.0%"]  # of cats


def test_boxes_are_where_they_are_in_the_picture(run):
    """Of an image 60 pixels wide, an overlay has 4 units a pixel."""
    page = Page(render_run(run))
    rects = [attrs for attrs, _ in page.all("rect") if attrs.get("stroke", "").startswith("#")]
    (rect,) = rects  # the unsure one is not shown beside a sure one
    assert [float(rect[k]) for k in ("x", "y", "width", "height")] == [120, 40, 80, 80]
    assert page.all("svg", class_="overlay")[0][0]["viewbox"] == "0 0 240.0 160.0"
    assert "dog 0.90" in page.texts("text")


def test_nothing_is_markup_but_the_page_itself(run):
    text = render_run(run)
    page = Page(text)
    scripts = page.all("script")
    assert len(scripts) == 1
    assert "alert" not in scripts[0][1]
    assert not [name for _, attrs, _ in page.elements for name in attrs if name.startswith("on")]
    shown = HOSTILE.replace("\udcff", r"\udcff")
    assert page.texts("h1") == ["demo " + shown]
    assert shown in page.texts("dd")
    assert any(shown in card for card in page.texts("figcaption"))
    assert any(attrs["alt"] == shown for attrs, _ in page.all("img"))


def test_a_page_holds_all_that_it_shows(run):
    text = render_run(run)
    page = Page(text)
    for name, attrs, _ in page.elements:
        for key in ("src", "href", "xlink:href", "data", "action"):
            assert attrs.get(key, "#").startswith(("#", "data:")), (name, attrs)
    assert "@import" not in text
    assert not re.findall(r"url\((?!#)", text)
    ids = [attrs["id"] for _, attrs, _ in page.elements if "id" in attrs]
    assert len(set(ids)) == len(ids)
    targets = re.findall(r'(?:href="|url\()#([^")]+)', text)
    assert set(targets) <= set(ids)


def test_no_other_script_may_run(run):
    page = Page(render_run(run))
    (policy,) = (a["content"] for a, _ in page.all("meta") if "http-equiv" in a)
    text = render_run(run)
    script = text[text.rindex("<script>") + 8 : text.rindex("</script>")]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert policy.startswith("default-src 'none'; ")
    assert f"script-src 'sha256-{digest}'" in policy


def test_plots_take_the_colours_of_the_page(run):
    text = render_run(run)
    plots = "".join(re.findall(r'<svg[^>]*class="plot".*?</svg>', text, flags=re.DOTALL))
    assert "currentColor" in plots
    assert "var(--series-0)" in plots
    assert not re.findall(r"(?:fill|stroke): #", plots)
    assert "<style" not in plots


def test_small_values_stay_in_plots(run):
    """Digits of coordinates are cut, those of text are not."""
    curve = [{**row, "voc/mAP": 0.0123 + 0.0001 * i} for i, row in enumerate(run.curve)]
    assert "0.01232" in Page(render_run(replace(run, curve=curve))).texts("text")


def test_of_many_rounds_fewer_pictures(run):
    path = run.rounds[0].picks[0].path
    picks = [PickedImage(str(i), path, rank=i + 1) for i in range(48)]
    rounds = [RoundReport(i, 10, query="Random", budget=60, picks=picks) for i in range(30)]
    page = Page(render_run(RunReport("many", rounds=rounds)))

    # 640 pictures by 30 rounds are 21 each, of which two thirds may be picks.
    assert len(page.all("img")) == 30 * 14
    assert page.texts("h3")[0] == "Picked: 14 of 60, best first"
    first = Page(render_run(RunReport("one", rounds=rounds[:1])))
    assert len(first.all("img")) == 48


def test_a_page_of_many_photographs_stays_below_ten_megabytes(run, tmp_path):
    rng = np.random.default_rng(0)
    coarse = Image.fromarray(rng.integers(0, 256, (120, 160, 3), dtype=np.uint8))
    path = tmp_path / "photo.jpg"
    coarse.resize((640, 480), Image.Resampling.BICUBIC).save(path)
    picks = [PickedImage(str(i), str(path), rank=i + 1) for i in range(48)]
    rounds = [
        RoundReport(i, 10, picks=picks, budget=48, easiest=picks, wrong=picks) for i in range(10)
    ]
    assert len(render_run(RunReport("many", rounds=rounds))) < 10e6


def test_images_without_files_are_named_and_nothing_is_wrong():
    rounds = [RoundReport(0, 5, query="Random", budget=1, picks=[PickedImage("CIFAR10/7", rank=1)])]
    page = Page(render_run(RunReport("memory", rounds=rounds)))

    assert page.texts("p", class_="picture missing") == ["No picture: the image has no file."]
    assert page.texts("p", class_="name") == ["1. CIFAR10/7"]
    assert not page.texts("p", class_="note")
    assert "no round has a metric" in page.texts("p")[1]


@pytest.fixture
def comparison() -> ComparisonReport:
    runs = {
        name: [
            [
                {"labeled": 10 * i, "boxes": 30 * i, "mAP": 0.1 * i + shift + 0.01 * seed}
                for i in (1, 2)
            ]
            for seed in range(3)
        ]
        for name, shift in (("Random", 0), (HOSTILE, 0.1))
    }
    return ComparisonReport(
        "compare",
        ["Ours: above Random", HOSTILE],
        (("metric", "mAP"),),
        runs,
        "mAP",
        ("labeled", "boxes"),
        [
            ReportTable(
                "Areas", [["query", "area"], ["Random", "0.15"], [HOSTILE, "0.25"]], ["a line"]
            )
        ],
        [ReportTable("Common", [["picks in common", "Random"], ["Random", "100%"]])],
        (("Command", "python x.py --query '<b>'"), ("Config", "model = dict()\n")),
        ("Not finished: x",),
    )


def test_a_comparison_says_what_it_amounts_to(comparison):
    page = Page(render_comparison(comparison))

    headings = ["Verdict", "Learning curves", "Queries", "Picks in common", "Settings"]
    assert page.texts("h2") == headings
    shown = HOSTILE.replace("\udcff", r"\udcff")
    assert page.texts("li")[5:7] == ["Ours: above Random", shown]
    assert page.texts("caption") == ["Areas", "Common"]
    assert page.texts("td") == ["0.15", "0.25", "100%"]
    assert page.texts("li")[7:] == ["a line"]
    assert page.texts("pre") == ["python x.py --query '<b>'", "model = dict()"]
    assert page.texts("p", class_="note") == ["Not finished: x"]
    assert len(page.all("svg", role="img")) == 2
    assert len(page.all("script")) == 1
    assert any(text.startswith(shown[:44]) for text in page.texts("text"))  # in the legend


def test_a_verdict_is_not_said_twice(comparison):
    (table,) = comparison.tables
    tables = [replace(table, lines=comparison.verdicts), replace(table, lines=["over boxes"])]
    page = Page(render_comparison(replace(comparison, tables=tables)))
    assert page.texts("li").count("Ours: above Random") == 1
    assert page.texts("li")[-1] == "over boxes"


def test_nothing_to_compare_yet():
    page = Page(render_comparison(ComparisonReport("compare")))
    assert page.texts("h2") == ["Queries"]


@needs_chromium
@pytest.mark.parametrize("width", [1200, 500])
def test_a_browser_shows_all_of_a_run(run, tmp_path, width):
    write_page(render_run(run), tmp_path / "report.html")
    # Two picks, the labelled one beside the first, and the easiest.
    assert check_in_chromium(tmp_path / "report.html", width) == "fine | 4 pictures, 2 tables"


@needs_chromium
def test_a_browser_shows_all_of_a_comparison(comparison, tmp_path):
    write_page(render_comparison(comparison), tmp_path / "report.html")
    assert check_in_chromium(tmp_path / "report.html") == "fine | 0 pictures, 2 tables"


@needs_chromium
def test_the_policy_of_a_page_lets_its_own_script_run(run, tmp_path):
    write_page(render_run(run), tmp_path / "report.html")
    assert console_of(tmp_path / "report.html") == ""
    # And no other: that the check sees something is checked, too.
    text = (tmp_path / "report.html").read_text()
    (tmp_path / "other.html").write_text(text.replace("</body>", "<script>x()</script></body>"))
    assert "Content Security Policy" in console_of(tmp_path / "other.html")


def test_a_page_is_not_changed_by_data_of_another_round(run):
    """Deterministic: no dates, no random ids."""
    assert render_run(run) == render_run(run)


def test_pictures_are_small(run, tmp_path):
    path = save_image(tmp_path / "large.png", (1000, 500))
    rounds = [RoundReport(0, 1, picks=[PickedImage("x", path, rank=1)], budget=1)]
    ((attrs, _),) = Page(render_run(RunReport("x", rounds=rounds))).all("img")
    assert (attrs["width"], attrs["height"], attrs["loading"]) == ("240", "120", "lazy")
    content = base64.b64decode(attrs["src"].removeprefix("data:image/jpeg;base64,"))
    assert Image.open(io.BytesIO(content)).size == (240, 120)
