"""How well predicted losses rank, as a metric of any evaluator."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from mmengine.evaluator import BaseMetric

from mmal.registry import METRICS

from .functional import kendall_correlation, pair_ranking_accuracy, spearman_correlation


@METRICS.register_module()
class RankingAccuracy(BaseMetric):
    """Compares the predicted with the true target losses of labelled images.

    In a ``val_evaluator`` or ``test_evaluator``, alone or beside other metrics::

        val_evaluator = [dict(type='VOCMetric'), dict(type='mmal.RankingAccuracy')]

    Predictions do not hold what it needs, and other metrics want annotations in the coordinates
    of the original image, the target loss in those of the input: so
    :class:`mmal.ActiveLearningHook` measures the losses in a pass of its own over the same data
    set, before each evaluation.

    It gives ``ranking/accuracy`` (share of pairs in the right order), ``ranking/spearman`` and
    ``ranking/kendall``; see :mod:`mmal.evaluation.functional`. Beside them, as a yardstick, stands
    the accuracy of the model's own uncertainties where its heads give them, such as
    ``ranking/entropy_mean``: a prediction that does not rank better has learnt nothing of use.

    Args:
        prefix: Of the metrics' names.
        **kwargs: Those of :class:`mmengine.evaluator.BaseMetric`.

    Attributes:
        losses: Predicted and target losses of all ranks, each of shape (N,), until they are
            evaluated.
        yardsticks: Uncertainties of the same samples by name, each of shape (N,).
    """

    default_prefix = "ranking"

    def __init__(self, prefix: str | None = None, **kwargs) -> None:
        super().__init__(prefix=prefix, **kwargs)
        self.losses: tuple[np.ndarray, np.ndarray] | None = None
        self.yardsticks: dict[str, np.ndarray] = {}

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Look at nothing: the losses are measured before the predictions.

        Raises:
            RuntimeError: If no losses were measured.
        """
        self._measured()

    def evaluate(self, size: int) -> dict[str, float]:
        """Return the metrics, the same on all ranks.

        Raises:
            RuntimeError: If no losses were measured.
        """
        metrics = self.compute_metrics([self._measured()])
        for name, values in self.yardsticks.items():
            metrics[name] = pair_ranking_accuracy(values, self.losses[1])
        self.losses, self.yardsticks = None, {}
        return {f"{self.prefix}/{name}": value for name, value in metrics.items()}

    def compute_metrics(self, results: list) -> dict[str, float]:
        """Compare losses: a list of one pair of arrays, predicted and target losses."""
        return ranking_measures(*results[0])

    def _measured(self) -> tuple[np.ndarray, np.ndarray]:
        if self.losses is None:
            raise RuntimeError(
                "RankingAccuracy has no losses to compare. They are measured by the hook "
                "mmal.ActiveLearningHook before val and test loops: add "
                "dict(type='mmal.ActiveLearningHook') to custom_hooks."
            )
        return self.losses


def ranking_measures(pred: np.ndarray, target: np.ndarray) -> dict[str, float]:
    """Return ``accuracy``, ``spearman`` and ``kendall`` of predicted losses, see the functions.

    Args:
        pred: Predicted losses of shape (N,).
        target: Target losses of shape (N,).
    """
    return dict(
        accuracy=pair_ranking_accuracy(pred, target),
        spearman=spearman_correlation(pred, target),
        kendall=kendall_correlation(pred, target),
    )
