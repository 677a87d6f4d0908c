"""Tests of forecasts as plot and table."""

import io

import matplotlib.figure
import numpy as np
import pytest
from rich.console import Console

from mmal.evaluation.forecast import fit_curve
from mmal.visualization.forecast_plot import forecast_table, plot_forecast

FORECAST = fit_curve([100, 200, 300], [[0.2, 0.3, 0.35], [0.22, 0.3, 0.33]], upper=1)


def test_the_plot_is_the_curve_with_a_fan(monkeypatch, tmp_path):
    found, savefig = [], matplotlib.figure.Figure.savefig

    def spy(figure, *args, **kwargs):
        found.extend(figure.axes)
        return savefig(figure, *args, **kwargs)

    monkeypatch.setattr(matplotlib.figure.Figure, "savefig", spy)
    path = tmp_path / "forecast.png"
    plot_forecast(FORECAST, path, "mAP", until=500, target=0.4)

    (axes,) = found
    forecast, measured, target = axes.lines
    np.testing.assert_allclose(measured.get_xydata(), [[100, 0.21], [200, 0.3], [300, 0.34]])
    assert forecast.get_xydata()[-1].tolist() == [500, FORECAST.at(500).estimate]
    assert set(target.get_ydata()) == {0.4}
    for band, level in zip(axes.collections, (0.95, 0.8, 0.5), strict=True):
        corners = band.get_paths()[0].vertices
        ends = corners[corners[:, 0] == 500, 1]
        np.testing.assert_allclose([ends.min(), ends.max()], FORECAST.at(500, level)[1:])
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert "measured (mean of 2 seeds)" in labels
    assert axes.get_ylabel() == "mAP"
    assert path.stat().st_size > 0


def test_a_plot_out_of_reach_leaves_the_old_file(tmp_path):
    path = tmp_path / "forecast.png"
    path.write_text("old")

    with pytest.raises(ValueError, match="to 3000, 10 times"):
        plot_forecast(FORECAST, path, "mAP", until=3001)
    assert path.read_text() == "old"


def test_the_table_has_a_row_a_batch():
    text = io.StringIO()
    table = forecast_table(FORECAST, [50, 1000], "mAP", 4.0, "boxes")
    Console(file=text, width=160).print(table)

    printed = text.getvalue()
    assert "mAP from 3 rounds, mean of 2 seeds" in printed
    then, gain = FORECAST.at(1300), FORECAST.gain(1000)
    row = next(line for line in printed.splitlines() if "1,300" in line)
    assert "1,000" in row
    assert "4,000" in row
    assert f"{then.estimate:.3f} │ {then.low:.3f} to {then.high:.3f}" in row
    assert f"{gain.estimate:+.3f} │ {gain.low:+.3f} to {gain.high:+.3f}" in row
    assert len(forecast_table(FORECAST, [50], "mAP").columns) == 7
