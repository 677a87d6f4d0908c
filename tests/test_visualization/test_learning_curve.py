"""Tests of learning curves."""

import statistics
from pathlib import Path

import cv2
import matplotlib.figure
import numpy as np
import pytest

from mmal.visualization import plot_curves, read_curve
from mmal.visualization.learning_curve import metric_names


def curve(values: dict[int, float], metric: str = "voc/mAP") -> list[dict[str, float]]:
    """Rows as :func:`read_curve` gives them; the values by their number of labels."""
    return [
        {"round": i, "labeled": n, metric: value, "voc/AP50": 0.9, "train_seconds": 2}
        for i, (n, value) in enumerate(values.items())
    ]


@pytest.fixture
def axes(monkeypatch) -> list:
    """The axes of what is plotted."""
    found, savefig = [], matplotlib.figure.Figure.savefig

    def spy(figure, *args, **kwargs):
        found.extend(figure.axes)
        return savefig(figure, *args, **kwargs)

    monkeypatch.setattr(matplotlib.figure.Figure, "savefig", spy)
    return found


def legend(axes) -> list[str]:
    return [text.get_text() for text in axes.get_legend().get_texts()]


def test_read_curve(tmp_path):
    Path(tmp_path, "curve.csv").write_text(
        "round,labeled,voc/mAP,ranking_accuracy,train_seconds\n0,60,0.25,,1.5\n1,100,0.5,0.75,2\n"
    )

    assert read_curve(tmp_path) == [
        {"round": 0, "labeled": 60, "voc/mAP": 0.25, "train_seconds": 1.5},
        {"round": 1, "labeled": 100, "voc/mAP": 0.5, "ranking_accuracy": 0.75, "train_seconds": 2},
    ]


def test_read_curve_of_another_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"curve\.csv does not exist: .*no work directory"):
        read_curve(tmp_path)


def test_metric_names_leave_out_what_is_not_measured_on_the_test_set():
    columns = ["round", "labeled", "ranking_accuracy", "ranking_entropy_mean", "boxes"]
    columns += ["voc/mAP", "voc/AP50", "score_seconds"]

    assert metric_names([dict.fromkeys(columns, 1.0)]) == ["voc/mAP", "voc/AP50"]


def test_one_trial_is_a_line(axes, tmp_path):
    path = tmp_path / "curve.png"
    plot_curves({"ours": [curve({60: 0.2, 100: 0.5})], "random": [curve({60: 0.1})]}, path)

    assert cv2.imread(str(path)).std() > 0
    (plot,) = axes
    assert [line.get_xydata().tolist() for line in plot.lines] == [
        [[60, 0.2], [100, 0.5]],
        [[60, 0.1]],
    ]
    assert not plot.collections  # no band
    assert legend(plot) == ["ours", "random"]
    assert (plot.get_xlabel(), plot.get_ylabel()) == ("labelled samples", "voc/mAP")


def test_trials_become_mean_and_band_over_common_label_counts(axes, tmp_path):
    trials = [{60: 0.1, 100: 0.4, 140: 0.9}, {100: 0.5, 60: 0.2}, {60: 0.6, 100: 0.6, 80: 0}]
    plot_curves({"ours": [curve(trial) for trial in trials]}, tmp_path / "curve.png")

    (plot,) = axes
    by_count = {n: [trial[n] for trial in trials] for n in (60, 100)}
    means = {n: statistics.mean(values) for n, values in by_count.items()}
    assert legend(plot) == ["ours (3 trials)"]
    np.testing.assert_allclose(plot.lines[0].get_xydata(), list(means.items()))
    thin = plot.lines[1:]
    assert [line.get_ydata().tolist() for line in thin] == [[t[60], t[100]] for t in trials]
    assert {line.get_color() for line in thin} == {plot.lines[0].get_color()}
    assert max(line.get_linewidth() for line in thin) < plot.lines[0].get_linewidth()
    corners = plot.collections[0].get_paths()[0].vertices
    for n, values in by_count.items():
        band = corners[corners[:, 0] == n, 1]
        deviation = statistics.stdev(values)  # of a sample: over n - 1
        np.testing.assert_allclose(
            [band.min(), band.max()], [means[n] - deviation, means[n] + deviation]
        )


def test_metric_can_be_chosen(axes, tmp_path):
    plot_curves({"ours": [curve({60: 0.2})]}, tmp_path / "curve.png", metric="voc/AP50")

    assert axes[0].get_ylabel() == "voc/AP50"
    assert axes[0].lines[0].get_ydata().tolist() == [0.9]


def test_ending_chooses_the_format(tmp_path):
    plot_curves({"ours": [curve({60: 0.2})]}, tmp_path / "curve.pdf")

    assert Path(tmp_path, "curve.pdf").read_bytes().startswith(b"%PDF")


@pytest.mark.parametrize(
    ("trials", "message"),
    [
        (
            [curve({60: 0.2}), curve({60: 0.2}, metric="coco/bbox_mAP")],
            r"'ours' has no column 'voc/mAP'\. It has \['labeled', 'coco/bbox_mAP', 'voc/AP50'\]",
        ),
        (
            [curve({60: 0.2}), curve({80: 0.2})],
            r"trials of 'ours' have no number of labelled samples in common",
        ),
    ],
)
def test_curves_that_do_not_fit_leave_the_old_plot(tmp_path, trials, message):
    path = tmp_path / "curve.png"
    path.write_text("old")

    with pytest.raises(ValueError, match=message):
        plot_curves({"ours": trials}, path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_round_without_a_metric_is_a_gap(tmp_path):
    """CocoMetric has none where nothing was detected."""
    rows = curve({60: 0.2, 100: 0.3})
    early = [{k: v for k, v in rows[0].items() if not k.startswith("voc/")}, rows[1]]

    assert metric_names(early)[0] == "voc/mAP"
    plot_curves({"ours": [early]}, tmp_path / "curve.png")
    assert (tmp_path / "curve.png").stat().st_size > 0


def test_over_boxes_the_trials_have_costs_of_their_own(axes, tmp_path):
    trials = [curve({60: 0.2, 100: 0.4}), curve({60: 0.4, 100: 0.6})]
    for trial, boxes in zip(trials, [(100, 300), (200, 600)], strict=True):
        for row, count in zip(trial, boxes, strict=True):
            row["boxes"] = count
    plot_curves({"ours": trials}, tmp_path / "curve.png", cost="boxes")

    line, *_ = axes[0].lines
    assert line.get_xdata().tolist() == [150, 450]
    assert line.get_ydata().tolist() == pytest.approx([0.3, 0.5])
    assert axes[0].get_xlabel() == "boxes drawn"
    with pytest.raises(ValueError, match="'ours' has no column 'joints'"):
        plot_curves({"ours": trials}, tmp_path / "curve.png", cost="joints")
