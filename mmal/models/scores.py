"""What a model says about unlabelled samples."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from itertools import product

import torch
from torch import Tensor, nn

from .last_layer import check_last_layer, last_layer_gradient
from .learning_loss import LearningLossMixin, levels
from .necks.loss_prediction_neck import pooled
from .uncertainty import AGGREGATIONS, MEASURES, aggregate, distributions_of

#: Scores of the loss prediction module.
_OF_THE_MODULE = ("pred_loss", "embedding")
#: The two factors of a classifier's gradient embedding.
_OF_THE_LAST_LAYER = ("logit_gradient", "penultimate")
#: Scores by the target's predictions: measure and aggregation by name.
_UNCERTAINTIES = {f"{m}_{a}": (m, a) for m, a in product(MEASURES, AGGREGATIONS)}
#: Uncertainties by which nothing was learnt, and which a predicted loss should rank better than.
YARDSTICKS = ("entropy_mean", "entropy_sum", "margin_mean")
#: All scores by name.
SCORES = (*_OF_THE_MODULE, "features", *_OF_THE_LAST_LAYER, *_UNCERTAINTIES)


def yardsticks_of(model: nn.Module) -> tuple[str, ...]:
    """Return those of :data:`YARDSTICKS` that a model gives: all, or none of heads without such."""
    try:
        distributions_of(model)
    except TypeError:
        return ()
    return YARDSTICKS


def score_function(model: nn.Module, names: Sequence[str]) -> Callable[[dict], dict[str, Tensor]]:
    """Return what computes scores of a batch, in one pass and no more of the model than needed.

    ====================  =======  ==============================================================
    score                 shape    what, and what of the model it takes
    ====================  =======  ==============================================================
    ``pred_loss``         (N,)     predicted target loss; no head, unless the module reads
                                   predictions
    ``embedding``         (N, D)   the loss prediction module's embedding, of which ``pred_loss``
                                   is a linear function; no head
    ``features``          (N, D)   what ``extract_feat`` returns, averaged over the positions,
                                   levels concatenated; no head
    ``logit_gradient``    (N, C)   of classifiers, the gradient by the scores and the last layer's
    ``penultimate``       (N, D)   input: :func:`~mmal.models.last_layer.last_layer_gradient`
    ``entropy_mean`` …    (N,)     ``entropy``, ``margin`` or ``least_confidence``; ``mean``,
                                   ``max`` or ``sum`` over boxes, joints or labels: heads without
                                   NMS
    ====================  =======  ==============================================================

    Args:
        model: A LearningLoss model, or a plain one if no score of the module is asked for.
        names: Scores of the list above.

    Returns:
        A function of a preprocessed batch (``inputs`` and ``data_samples``), to be called in
        evaluation mode and without gradient, that returns the scores by name.

    Raises:
        ValueError: If there is no score of that name.
        TypeError: If the model cannot give one.
    """
    if unknown := [name for name in names if name not in SCORES]:
        raise ValueError(f"There are no scores {unknown}. Known are {list(SCORES)}.")
    with_module = isinstance(model, LearningLossMixin)
    if (of_module := [name for name in names if name in _OF_THE_MODULE]) and not with_module:
        raise TypeError(
            f"{type(model).__name__} has no loss prediction module, of which the scores "
            f"{of_module} are. Wrap its config: model = dict(type='mmal.LearningLoss', "
            "target=<the model's config>, …)."
        )
    uncertainties = [name for name in names if name in _UNCERTAINTIES]
    family = distributions_of(model) if uncertainties else None
    if of_last_layer := [name for name in names if name in _OF_THE_LAST_LAYER]:
        check_last_layer(model)

    def score(data: dict) -> dict[str, Tensor]:
        found = {}
        with model.recorded_features() if of_module else nullcontext() as recorded:
            feats = model.extract_feat(data["inputs"])
        if of_module:
            inputs = model.module_inputs(recorded, data["data_samples"])
            embedding = model.loss_predictor.embed(*inputs)
            found["embedding"] = embedding
            found["pred_loss"] = model.loss_predictor.regress(embedding)
        if "features" in names:
            found["features"] = torch.cat([pooled(feat) for feat in levels(feats)], dim=1)
        if of_last_layer:
            found.update(zip(_OF_THE_LAST_LAYER, last_layer_gradient(model, feats), strict=True))
        if uncertainties:
            distributions = family.predict(model, feats, data["data_samples"])
            for name in uncertainties:
                measure, aggregation = _UNCERTAINTIES[name]
                values = [aggregate(MEASURES[measure](d), aggregation) for d in distributions]
                found[name] = torch.stack(values)
        return {name: found[name] for name in names}

    return score
