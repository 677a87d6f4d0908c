"""Tests of the shapes of learning curves, against their formulas and SciPy."""

import numpy as np
import pytest
from scipy.optimize import lsq_linear

from mmal.evaluation.curve_shapes import CurveShapes, fit_within

LABELS = np.array([50.0, 80, 200, 350])
SHAPES = CurveShapes.of(LABELS)


def test_rises_are_power_laws_and_exponential_approaches():
    x = LABELS / 50
    expected = [2 * (x**0.5 - 1), np.log(x), (1 - x**-0.5) / 0.5, 1 - 1 / x]
    expected += [1 - np.exp(-(LABELS - 50) / 300), 1 - np.exp(-(LABELS - 50) / 600)]

    assert len(SHAPES) == 6
    np.testing.assert_allclose(SHAPES.rise(LABELS), expected, atol=1e-12)


def test_ends_are_what_endless_labels_rise_to():
    np.testing.assert_allclose(SHAPES.ends(), [np.inf, np.inf, 2, 1, 1, 1])
    np.testing.assert_allclose(SHAPES.rise([1e12])[2:, 0], SHAPES.ends()[2:], rtol=1e-5)


def test_labels_at_is_the_inverse_and_infinite_beyond_the_end():
    for shape in range(len(SHAPES)):
        rises = SHAPES.rise(LABELS)[shape]
        found = SHAPES.labels_at(np.full(4, shape), rises)
        np.testing.assert_allclose(found, LABELS)
    for shape in range(2, len(SHAPES)):
        beyond = SHAPES.labels_at(np.array([shape]), SHAPES.ends()[[shape]] * 1.01)
        assert beyond.tolist() == [np.inf]


def test_fit_without_bounds_met_is_least_squares():
    rises, values = SHAPES.rise(LABELS)[1], np.array([0.1, 0.25, 0.3, 0.5])
    a, b = fit_within(rises, np.array(np.inf), values)

    assert [b, a] == pytest.approx(np.polyfit(rises, values, 1).tolist())


@pytest.mark.parametrize("values", [[0.5, 0.7, 0.9, 0.99], [0.9, 0.6, 0.7, 0.2], [0.1, 0.4, 1, 1]])
@pytest.mark.parametrize("shape", range(2, 6))
def test_fit_within_bounds_is_that_of_a_solver(shape, values):
    """In the end e = a + b g(end) and b, the bounds are a box: e <= 1, b >= 0."""
    rises, end = SHAPES.rise(LABELS)[shape], SHAPES.ends()[shape]
    design = np.stack([np.ones(4), rises - end], axis=1)
    solved = lsq_linear(design, values, bounds=([-np.inf, 0], [1, np.inf]), tol=1e-12).x

    a, b = fit_within(rises, end, np.array(values), upper=1.0)
    assert [a + b * end, b] == pytest.approx(solved.tolist(), abs=1e-5)


def test_falling_values_are_fitted_by_their_mean():
    a, b = fit_within(SHAPES.rise(LABELS)[0], np.array(np.inf), np.array([0.4, 0.3, 0.2, 0.1]))

    assert (a, b) == (pytest.approx(0.25), 0)
