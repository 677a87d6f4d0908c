from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from mmal.visualization import plot_losses


def test_shows_all_finite_samples_and_their_ranks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    figures: list[Figure] = []
    monkeypatch.setattr(
        Figure, "savefig", lambda self, path, **_: (figures.append(self), path.touch())
    )
    pred = np.array([0.3, -2.0, 0.3, 9.0, 1.0])
    target = np.array([5.0, 1.0, 7.0, 8.0, np.inf])
    plot_losses(pred, target, "Losses", tmp_path / "losses.png")

    assert (tmp_path / "losses.png").exists()
    by_value, by_rank = figures[0].axes
    np.testing.assert_allclose(
        by_value.collections[0].get_offsets(), [[5, 0.3], [1, -2], [7, 0.3], [8, 9]]
    )
    np.testing.assert_allclose(
        by_rank.collections[0].get_offsets(), [[2, 2.5], [1, 1], [3, 2.5], [4, 4]]
    )
    assert figures[0].get_suptitle() == "Losses"


@pytest.mark.parametrize("count", [0, 1])
def test_can_show_nothing(tmp_path: Path, count: int) -> None:
    plot_losses(np.zeros(count), np.ones(count), "Losses", tmp_path / "losses.png")
    assert (tmp_path / "losses.png").stat().st_size > 1000
