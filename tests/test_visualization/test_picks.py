from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from mmal.structures import PoolScores
from mmal.visualization import plot_picks

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
    plot_picks(["s7", "s9"], PoolScores(ids, ids, fields), HISTOGRAMS, tmp_path / "picks.png")

    labels, scores = figures[0].axes  # none for the features
    np.testing.assert_allclose(
        [bar.get_height() for bar in labels.patches], [0.75, 0.25, 0.25, 0.75]
    )
    assert [tick.get_text() for tick in labels.get_xticklabels()] == ["cat", "dog"]
    heights = np.array([bar.get_height() for bar in scores.patches]).reshape(2, -1)
    assert heights.sum(axis=1).tolist() == [10, 2]
    # Picks stand in their own bins, inside those of all candidates.
    assert (heights[0] >= heights[1]).all()
    centers = [bar.get_x() + bar.get_width() / 2 for bar in scores.patches[len(heights[0]) :]]
    assert np.average(centers, weights=heights[1]) == pytest.approx(8, abs=0.2)


def test_scores_that_are_nearly_equal(tmp_path: Path, figures: list[Figure]) -> None:
    values = np.array([1e6, 1e6, 1e6 + 0.0625], np.float32)
    scores = PoolScores(["a", "b", "c"], ["a", "b", "c"], dict(pred_loss=values))
    plot_picks(["c"], scores, HISTOGRAMS, tmp_path / "picks.png")
    heights = np.array([bar.get_height() for bar in figures[0].axes[1].patches])
    assert heights.sum() == 4


def test_without_scores_labels_alone(tmp_path: Path, figures: list[Figure]) -> None:
    plot_picks(["a"], None, HISTOGRAMS, tmp_path / "picks.png")
    assert len(figures[0].axes) == 1


def test_picks_without_annotations(tmp_path: Path) -> None:
    histograms = dict(picks=dict(cat=0), pool=dict(cat=0))
    plot_picks(["a"], None, histograms, tmp_path / "picks.png")
    assert (tmp_path / "picks.png").stat().st_size > 1000
