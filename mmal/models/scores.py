"""What a model says about unlabelled samples."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from itertools import product

import torch
from torch import Tensor, nn

from mmal.utils.record import Call, recorded, replayed

from .features import FEATURES, check_backbone, feature_vectors, sources_of
from .last_layer import check_last_layer, last_layer_gradient
from .learning_loss import LearningLossMixin
from .objects import check_objects, heads_of_objects, object_features
from .uncertainty import AGGREGATIONS, MEASURES, aggregate, distributions_of

#: Scores of the loss prediction module.
_OF_THE_MODULE = ("pred_loss", "embedding")
#: The two factors of a classifier's gradient embedding.
_OF_THE_LAST_LAYER = ("logit_gradient", "penultimate")
#: Scores by the target's predictions: measure and aggregation by name.
_UNCERTAINTIES = {f"{m}_{a}": (m, a) for m, a in product(MEASURES, AGGREGATIONS)}
#: How many distributions these are of: of boxes, say.
_COUNT = "num_predictions"
#: What a predicted loss should rank better than, as nothing was learnt for it.
YARDSTICKS = ("entropy_mean", "entropy_sum", "margin_mean", _COUNT)
#: All scores by name.
SCORES = (*_OF_THE_MODULE, *FEATURES, *_OF_THE_LAST_LAYER, *_UNCERTAINTIES, _COUNT)


def yardsticks_of(model: nn.Module) -> tuple[str, ...]:
    """Return those of :data:`YARDSTICKS` that a model gives: none of heads without such.

    Samples of classifiers and pose estimators have equally many predictions: no count tells them
    apart.
    """
    try:
        family = distributions_of(model)
    except TypeError:
        return ()
    return tuple(name for name in YARDSTICKS if family.of_objects or name != _COUNT)


def score_function(
    model: nn.Module, names: Sequence[str], pretrained: nn.Module | None = None
) -> Callable[[dict], dict[str, Tensor]]:
    """Return what computes scores of a batch, in one pass and no more of the model than needed.

    =======================  =======  ===========================================================
    score                    shape    what, and what of the model it takes
    =======================  =======  ===========================================================
    ``pred_loss``            (N,)     predicted target loss; no head, unless the module reads
                                      predictions
    ``embedding``            (N, D)   the loss prediction module's embedding, of which
                                      ``pred_loss`` is a linear function; no head
    ``features``             (N, D)   what ``extract_feat`` returns, averaged over the positions,
                                      levels concatenated; no head
    ``backbone_features``    (N, D)   the same of the backbone's output; backbone alone
    ``pretrained_features``  (N, D)   the same of the output of ``pretrained``; nothing of the
                                      model
    ``object_features``      (N, C)   the finest level of what ``extract_feat`` returns, averaged
                                      over predicted boxes or joints; heads, with NMS:
                                      :func:`~mmal.models.objects.object_features`
    ``features_unit`` …      (N, D)   of each of the four, every level scaled to length 1
    ``logit_gradient``       (N, C)   of classifiers, the gradient by the scores and the last
    ``penultimate``          (N, D)   layer's input:
                                      :func:`~mmal.models.last_layer.last_layer_gradient`
    ``entropy_mean`` …       (N,)     ``entropy``, ``margin`` or ``least_confidence``; ``mean``,
                                      ``max`` or ``sum`` over boxes, joints or labels: heads
                                      without NMS
    ``num_predictions``      (N,)     how many boxes, joints or labels these are of
    =======================  =======  ===========================================================

    Args:
        model: A LearningLoss model, or a plain one if no score of the module is asked for.
        names: Scores of the list above.
        pretrained: What :func:`~mmal.models.pretrained.pretrained_backbone` returned for these
            names; it is moved to the device of the model.

    Returns:
        A function of a preprocessed batch (``inputs`` and ``data_samples``), to be called in
        evaluation mode and without gradient, that returns the scores by name.

    Raises:
        ValueError: If there is no score of that name, or ``pretrained`` is missing.
        TypeError: If the model cannot give one.
    """
    if unknown := [name for name in names if name not in SCORES]:
        raise ValueError(f"There are no scores {unknown}. Known are {list(SCORES)}.")
    of_module = [name for name in names if name in _OF_THE_MODULE]
    of_last_layer = [name for name in names if name in _OF_THE_LAST_LAYER]
    uncertainties = [name for name in names if name in _UNCERTAINTIES]
    predicts = bool(uncertainties) or _COUNT in names
    features = [name for name in names if name in FEATURES]
    sources = sources_of(features)
    if of_module:
        _check_module(model, of_module)
    if of_last_layer:
        check_last_layer(model)
    family = distributions_of(model) if predicts else None
    if "backbone" in sources:
        check_backbone(model)
    if "pretrained" in sources:
        pretrained = _beside(model, pretrained)
    if "objects" in sources:
        check_objects(model)
    extracts = bool(sources & {"target", "objects"}) or len(features) < len(names)
    # Heads that both uncertainties and objects need run once.
    shared = heads_of_objects(model) if predicts and "objects" in sources else []

    def score(data: dict) -> dict[str, Tensor]:
        found: dict[str, Tensor] = {}
        inputs, samples = data["inputs"], data["data_samples"]
        with ExitStack() as stack:
            if of_module:
                recording = stack.enter_context(model.recorded_features())
            if "backbone" in sources:
                calls = stack.enter_context(recorded(model.backbone, "forward"))
            if extracts:
                feats = model.extract_feat(inputs)
            elif "backbone" in sources:
                model.backbone(inputs)
        if of_module:
            embedding = model.loss_predictor.embed(*model.module_inputs(recording, samples))
            found["embedding"] = embedding
            found["pred_loss"] = model.loss_predictor.regress(embedding)
        if of_last_layer:
            found.update(zip(_OF_THE_LAST_LAYER, last_layer_gradient(model, feats), strict=True))
        with ExitStack() as stack:
            outputs = {head: stack.enter_context(recorded(head, "forward")) for head in shared}
            distributions = family.predict(model, feats, samples) if predicts else []
        for name in uncertainties:
            measure, aggregation = _UNCERTAINTIES[name]
            values = [aggregate(MEASURES[measure](d), aggregation) for d in distributions]
            found[name] = torch.stack(values)
        found[_COUNT] = inputs.new_tensor([len(d) for d in distributions])
        read = dict(
            target=lambda: feats,
            backbone=lambda: calls[0].result,
            pretrained=lambda: pretrained(inputs),
            objects=lambda: _objects(model, feats, samples, outputs),
        )
        by_source = {source: read[source]() for source in sources}
        for name in features:
            (source,) = sources_of([name])
            found[name] = feature_vectors(by_source[source], name)
        return {name: found[name] for name in names}

    return score


def _check_module(model: nn.Module, names: Sequence[str]) -> None:
    if not isinstance(model, LearningLossMixin):
        raise TypeError(
            f"{type(model).__name__} has no loss prediction module, of which the scores "
            f"{names} are. Wrap its config: model = dict(type='mmal.LearningLoss', "
            "target=<the model's config>, …)."
        )


def _beside(model: nn.Module, pretrained: nn.Module | None) -> nn.Module:
    if pretrained is None:
        raise ValueError(
            "Features of the source 'pretrained' need the backbone that pretrained_backbone(cfg, "
            "names) builds, as the 'pretrained' parameter. Got None instead."
        )
    return pretrained.to(next(model.parameters()).device)


def _objects(
    model: nn.Module, feats: object, samples: Sequence, outputs: dict[nn.Module, list[Call]]
) -> Tensor:
    """Read features of objects by what the heads returned, or else by running them."""
    with ExitStack() as stack:
        for head, calls in outputs.items():
            stack.enter_context(replayed(head, "forward", [call.result for call in calls]))
        return object_features(model, feats, samples)
