"""Whether picks mean anything."""

from collections.abc import Iterable

import numpy as np

from mmal.structures import PoolScores


def chance_limit(samples: int) -> float:
    """The ranking accuracy that predictions without any meaning exceed in one case of forty.

    Without ties the accuracy is (tau + 1) / 2, and under independence Kendall's tau is nearly
    normal with the variance 2 (2 N + 5) / (9 N (N - 1)) (Kendall, "A New Measure of Rank
    Correlation", Biometrika 1938).

    Args:
        samples: How many samples N were ranked, at least 2.
    """
    variance = 2 * (2 * samples + 5) / (9 * samples * (samples - 1))
    return 0.5 + 1.96 * variance**0.5 / 2


def doubt_about_ranking(accuracy: float, samples: int, dead: float | None = None) -> str | None:
    """Say why a loss prediction module's order means nothing, if it does not.

    Args:
        accuracy: Its ranking accuracy on test samples; NaN if no two of them have an order, or a
            prediction is NaN.
        samples: How many.
        dead: The share of its units that are 0 on all of them.

    Returns:
        A reason, or None.
    """
    limit = chance_limit(samples) if samples > 1 else 1.0
    if accuracy > limit:
        return None
    if np.isnan(accuracy):
        return f"of {samples} test samples no two have losses in an order, or a prediction is NaN"
    found = f"ranking accuracy {accuracy:.3f} of {samples} test samples"
    if limit >= 1:
        return f"{found} says nothing: they are too few"
    if accuracy < 1 - limit:
        return f"{found} is worse than chance"
    reason = f"{found} is within chance ({1 - limit:.3f} to {limit:.3f})"
    if dead is not None and dead > 0.5:
        reason += f", and {dead:.0%} of the module's units are 0 on all of them: it has collapsed"
    return reason


def doubt_about_scores(scores: PoolScores, names: Iterable[str]) -> str | None:
    """Say which scores of the candidates are all the same but for rounding, if some are.

    Args:
        scores: Scores.
        names: Those that are looked at; columns of vectors, which the main process alone has, are
            not.

    Returns:
        A reason, or None.
    """
    for name in names:
        values = scores.fields.get(name)
        if values is None or values.ndim > 1 or len(values) < 2:
            continue
        finite = values[np.isfinite(values)].astype(np.float64)
        if not len(finite):
            return f"{name} of all {len(values)} candidates is not finite"
        # Predicted losses are learnt to differ by a margin of the order of 1.
        if np.ptp(finite) <= 1e-5 * max(1.0, np.abs(finite).max()):
            low, high = finite.min(), finite.max()
            return f"{name} of all {len(values)} candidates is the same ({low:.7g} to {high:.7g})"
    return None
