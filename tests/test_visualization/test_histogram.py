from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from mmal.structures import PoolScores
from mmal.visualization import plot_histogram

HISTOGRAMS = dict(picks=dict(cat=1, dog=3), pool=dict(cat=30, dog=10))


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    drawn: list[Figure] = []
    monkeypatch.setattr(
        Figure, "savefig", lambda self, path, **_: (drawn.append(self), path.touch())
    )
    return drawn


def test_labels_and_scores_of_the_picks_against_the_rest(
    tmp_path: Path, figures: list[Figure]
) -> None:
    ids = [f"s{i}" for i in range(10)]
    fields = dict(pred_loss=np.arange(10.0), features=np.zeros((10, 4)))
    plot_histogram(
        ["s7", "s9"], PoolScores(ids, ids, fields), HISTOGRAMS, tmp_path / "histogram.png"
    )

    labels, scores = figures[0].axes  # none for the features
    np.testing.assert_allclose(
        [bar.get_height() for bar in labels.patches], [0.75, 0.25, 0.25, 0.75]
    )
    assert [tick.get_text() for tick in labels.get_xticklabels()] == ["cat", "dog"]
    *candidates, outline = scores.patches  # bars, and a line around those of the picks
    assert sum(bar.get_height() for bar in candidates) == pytest.approx(1)
    # Five bins of 0..9: s7 is in the fourth, s9 in the last.
    line = outline.get_xy()
    heights = [line[np.abs(line[:, 0] - left) < 1e-9][-1, 1] for left in (0, 1.8, 3.6, 5.4, 7.2)]
    assert heights == [0, 0, 0, 0.5, 0.5]
    legend = [text.get_text() for text in scores.get_legend().get_texts()]
    assert legend == ["10 candidates", "2 picks"]


def test_scores_that_are_nearly_equal(tmp_path: Path, figures: list[Figure]) -> None:
    values = np.array([1e6, 1e6, 1e6 + 0.0625], np.float32)
    scores = PoolScores(["a", "b", "c"], ["a", "b", "c"], dict(pred_loss=values))
    plot_histogram(["c"], scores, HISTOGRAMS, tmp_path / "histogram.png")
    bars = figures[0].axes[1].patches[:-1]
    assert sum(bar.get_height() for bar in bars) == pytest.approx(1)


def test_without_scores_labels_alone(tmp_path: Path, figures: list[Figure]) -> None:
    plot_histogram(["a"], None, HISTOGRAMS, tmp_path / "histogram.png")
    assert len(figures[0].axes) == 1


def test_picks_without_annotations(tmp_path: Path) -> None:
    histograms = dict(picks=dict(cat=0), pool=dict(cat=0))
    plot_histogram(["a"], None, histograms, tmp_path / "histogram.png")
    assert (tmp_path / "histogram.png").stat().st_size > 1000
