"""Tests of the contact sheet of picks."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image

from mmal.structures import ImageLabels, ObjectLabel
from mmal.visualization import plot_picks
from mmal.visualization.report import PickedImage


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """Collects the figures that are saved."""
    saved: list[Figure] = []
    savefig = Figure.savefig

    def keep(figure: Figure, *args: object, **kwargs: object) -> None:
        saved.append(figure)
        savefig(figure, *args, **kwargs)

    monkeypatch.setattr(Figure, "savefig", keep)
    return saved


def test_pictures_stand_in_order_with_score_and_predictions(tmp_path: Path, figures: list):
    colors = [(200, 0, 0), (0, 200, 0)]
    for i, color in enumerate(colors):
        Image.new("RGB", (480, 240), color).save(tmp_path / f"{i}.png")
    box = ObjectLabel("dog", (40.0, 20.0, 80.0, 60.0), score=0.9)
    joints = ((10.0, 10.0, 2), (20.0, 20.0, 2))
    labels = ImageLabels("", objects=(box, ObjectLabel("person", None, joints)))
    facts = (("predicted loss", "1.5"),)
    picks = [
        PickedImage("a/$x$", str(tmp_path / "0.png"), (labels,), ((0, 1),), facts=facts, rank=1),
        PickedImage("b", str(tmp_path / "1.png"), (ImageLabels("", image_class="cat"),), rank=2),
        PickedImage("c", str(tmp_path / "gone.png"), rank=3),
    ]
    plot_picks(picks, tmp_path / "picks.png", "Round 0")

    figure = figures[0]
    first, second, third = (axes for axes in figure.axes if axes.get_title(loc="left"))
    assert first.get_title(loc="left") == "1. \\$x\\$\npredicted loss 1.5"
    assert second.get_title(loc="left") == "2. b"
    for axes, color in zip((first, second), colors, strict=True):
        assert (np.asarray(axes.images[0].get_array())[0, 0] == color).all()
    # The picture is half as large as the image, and so is the box.
    (drawn,) = (p for p in first.patches if isinstance(p, Rectangle))
    assert (*drawn.get_xy(), drawn.get_width(), drawn.get_height()) == (20, 10, 20, 20)
    (link,) = first.collections[0].get_segments()
    np.testing.assert_allclose(link, [[5, 5], [10, 10]])
    assert "dog 0.90" in [text.get_text() for text in first.texts]
    assert [text.get_text() for text in second.texts] == ["cat"]
    assert "no picture: FileNotFoundError" in third.texts[0].get_text()
    assert figure.get_suptitle() == "Round 0"
    assert Image.open(tmp_path / "picks.png").size[0] > 400


def test_of_many_picks_the_first(tmp_path: Path, figures: list):
    picks = [PickedImage(f"\udcff{i}", rank=i + 1) for i in range(60)]
    plot_picks(picks, tmp_path / "picks.png")
    titles = [axes.get_title(loc="left") for axes in figures[0].axes]
    assert titles[0] == r"1. \udcff0"
    assert len(titles) == 48
