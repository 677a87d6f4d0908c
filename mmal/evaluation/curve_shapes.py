"""Shapes that learning curves take, and fitting them within bounds."""

from dataclasses import dataclass

import numpy as np

#: Exponents c of ``-n^-c / c``: the root (-0.5), the logarithm (0), power laws. With straight lines
#: and steeper power laws, forecasts of the data sets that they were chosen on got worse.
EXPONENTS = (-0.5, 0.0, 0.5, 1.0)
#: Lengths of exponential approaches, in widths of the labels that were measured.
LENGTHS = (1.0, 2.0)


@dataclass(frozen=True)
class CurveShapes:
    """G shapes ``y = a + b g(n)`` of rising curves, each linear in its height a and its rise b.

    The first are power laws ``g(n) = (1 - x^-c) / c`` with ``x = n / first``, that is the
    ``a - b n^-c`` that learning curves were most often found to follow (Viering & Loog, "The Shape
    of Learning Curves: A Review", IEEE TPAMI 2022), scaled such that ``c -> 0`` is the logarithm;
    below 0 are roots, which is what curves look like before they bend. The others are exponential
    approaches ``g(n) = 1 - exp(-(n - first) / length)``, which end sooner than any power law.

    Args:
        first: Labels of the first round, from which both are scaled.
        exponents: The c of the power laws, shape (P,).
        lengths: Of the exponential approaches, in labels, shape (G - P,).
    """

    first: float
    exponents: np.ndarray
    lengths: np.ndarray

    @classmethod
    def of(cls, labels: np.ndarray) -> "CurveShapes":
        """Return the shapes that are tried on a curve with these ascending numbers of labels."""
        width = labels[-1] - labels[0]
        return cls(float(labels[0]), np.array(EXPONENTS), width * np.array(LENGTHS))

    def __len__(self) -> int:
        return len(self.exponents) + len(self.lengths)

    def rise(self, labels: np.ndarray) -> np.ndarray:
        """Return g at numbers of labels, (R,) -> (G, R); 0 at the first round's."""
        labels = np.asarray(labels, float)
        log = np.log(labels / self.first)
        c = self.exponents[:, None]
        power = np.where(c == 0, log, -np.expm1(-c * log) / np.where(c == 0, 1, c))
        approach = -np.expm1(-(labels - self.first) / self.lengths[:, None])
        return np.concatenate([power, approach])

    def labels_at(self, shape: np.ndarray, rise: np.ndarray) -> np.ndarray:
        """Return where shapes have risen so far: the inverse of :meth:`rise`.

        Args:
            shape: Which shape, of G, shape (B,).
            rise: The g that is to be reached, shape (B,).

        Returns:
            Numbers of labels of shape (B,); infinite where the shape ends below.
        """
        powers = len(self.exponents)
        c = np.append(self.exponents, np.ones(len(self.lengths)))[shape]
        length = np.append(np.ones(powers), self.lengths)[shape]
        with np.errstate(all="ignore"):  # logarithms of what is out of reach
            log = np.where(c == 0, rise, -np.log1p(-c * rise) / np.where(c == 0, 1, c))
            labels = np.where(
                shape < powers, self.first * np.exp(log), self.first - length * np.log1p(-rise)
            )
        return np.where(np.isnan(labels), np.inf, labels)

    def ends(self) -> np.ndarray:
        """Return g for endless labels, shape (G,); infinite for roots and logarithms."""
        c = self.exponents
        power = np.where(c > 0, 1 / np.where(c > 0, c, 1), np.inf)
        return np.append(power, np.ones(len(self.lengths)))


def fit_within(
    rises: np.ndarray, ends: np.ndarray, values: np.ndarray, upper: float = np.inf
) -> tuple[np.ndarray, np.ndarray]:
    """Fit ``a + b g`` by least squares with ``b >= 0`` and ``a + b g(end) <= upper``.

    The sum of squares is convex in a and b, so where its minimum is out of bounds, the best fit
    lies on a bound: a flat line, or a curve that ends at ``upper``.

    Args:
        rises: The g of the rounds, shape (..., R).
        ends: The g for endless labels, shape (...); infinite ends have no upper bound.
        values: The metric, shape (..., R).
        upper: What no curve may end above.

    Returns:
        Heights a and rises b, of shape (...).
    """
    g, y = rises.mean(axis=-1), values.mean(axis=-1)
    dg, dy = rises - g[..., None], values - y[..., None]
    b = np.maximum((dg * dy).sum(axis=-1) / (dg**2).sum(axis=-1), 0)
    a = y - b * g
    bounded = np.isfinite(ends) & np.isfinite(upper)
    end = np.where(bounded, ends, 0.0)
    limit = upper if np.isfinite(upper) else 0.0
    # On the bound, y - upper = -b (g(end) - g): one number is left to fit.
    left = end[..., None] - rises
    kept = np.maximum((left * (limit - values)).sum(axis=-1) / (left**2).sum(axis=-1), 0)
    over = bounded & (a + b * end > limit)
    return np.where(over, limit - kept * end, a), np.where(over, kept, b)
