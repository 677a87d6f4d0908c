"""Tests of gains and their verdicts."""

import math

import numpy as np
import pytest

from mmal.evaluation import Gain, Interval


def gain(by_seed: list[float], p_value: float, area: float = 20.0) -> Gain:
    nan = float("nan")
    mean = float(np.mean(by_seed))
    return Gain(np.array(by_seed), Interval(mean, nan, nan), area, p_value, 1.5, 0.5, 10.0)


@pytest.mark.parametrize(
    ("by_seed", "p_value", "expected"),
    [
        ([1, 2, -1, 3, 2], 0.021, "Q: above Random (4 of 5 seeds, Holm p = 0.021)."),
        ([-1, -2, -3], 0.05, "Q: below Random (3 of 3 seeds, Holm p = 0.05)."),
        (
            [1, -2, 3],
            0.74,
            "Q: level with Random within the noise (2 of 3 seeds above, Holm p = 0.74): with 3 "
            "seeds only a gain above 1.50 (7.5%) could have been seen.",
        ),
        (
            [-1, -2, -3],
            0.07,
            "Q: level with Random within the noise, though below it with all 3 seeds (Holm p = "
            "0.07): with 3 seeds only a gain above 1.50 (7.5%) could have been seen.",
        ),
        (  # signed ranks are above, the mean is not
            [1, 2, 3, 4, 5, -30],
            0.03,
            "Q: level with Random within the noise (5 of 6 seeds above, Holm p = 0.03): with 6 "
            "seeds only a gain above 1.50 (7.5%) could have been seen.",
        ),
        (
            [1],
            math.nan,
            "Q: not decided (1 of 1 above Random): 1 seed is too few; a verdict takes at least 3.",
        ),
    ],
)
def test_verdict_in_a_sentence(by_seed, p_value, expected):
    assert gain(by_seed, p_value).sentence("Q", "Random", 2) == expected


@pytest.mark.parametrize(
    ("p_value", "expected"),
    [(0.5, "= 0.5"), (1.0, "= 1"), (0.00195, "= 0.0019"), (2e-5, "< 0.001")],
)
def test_p_values_have_no_exponent(p_value, expected):
    assert f"Holm p {expected})" in gain([1, 2, 3], p_value).sentence("Q", "R")


def test_baseline_without_area_has_no_per_cent():
    assert "only a gain above 1.500 could" in gain([1, -1, 1], 0.5, 0).sentence("Q", "R")
