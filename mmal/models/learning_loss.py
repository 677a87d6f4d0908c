"""The target model, extended with a loss prediction module."""

import functools
import inspect
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from mmal.registry import MODELS, TASK_UTILS
from mmal.utils import (
    evaluating,
    preserved_random_state,
    registered_class,
    single_process,
    without_trace,
)
from mmal.utils.record import recorded

from .feature_channels import UnknownChannelsError, feature_channels
from .necks.loss_prediction_neck import check_channels
from .sample_losses import SampleLosses, sample_losses_for
from .uncertainty import distributions_of, uncertainty_statistics


class LearningLossMixin:
    """What :func:`learning_loss` adds to a target model's class.

    Attributes:
        loss_predictor: The loss prediction module.
        ranking_loss: The loss that trains it.
        sample_losses: How the target's loss on each sample is found.
        feat_modules: Names of the submodules whose outputs feed the module, or None for what
            ``extract_feat`` returns.
        detach_features: Whether the ranking loss trains the loss prediction module alone, with
            no gradient into the target. The hook sets it from ``detach_epoch`` on.
    """

    loss_predictor: nn.Module
    ranking_loss: nn.Module
    sample_losses: SampleLosses
    feat_modules: list[str] | None
    detach_features: bool

    def loss(self, inputs: Tensor, data_samples: list) -> dict:
        """The target's losses on a batch, plus ``loss_rank`` and ``rank_acc``."""
        losses, pred_loss, target_loss = self._losses(inputs, data_samples)
        return {**losses, **self.ranking_loss(pred_loss, target_loss)}

    def predict(self, inputs: Tensor, data_samples: list | None = None, **kwargs) -> list:
        """The target's predictions; each data sample also gets ``pred_loss``, a scalar tensor."""
        with self.recorded_features() as feats:
            results = super().predict(inputs, data_samples, **kwargs)
        predicted = self.loss_predictor(*self.module_inputs(feats, data_samples))
        for sample, pred_loss in zip(results, predicted, strict=True):
            sample.set_field(pred_loss, "pred_loss", dtype=Tensor)
        return results

    def predict_loss(self, inputs: Tensor, data_samples: list | None = None) -> Tensor:
        """Predict the target loss of each image: backbone, neck and loss prediction only.

        Args:
            inputs: Preprocessed images of shape (N, C, H, W).
            data_samples: Their data samples, for a module that reads predictions, and so heads.

        Returns:
            Predicted losses of shape (N,); higher means a larger expected loss.
        """
        with self.recorded_features() as feats:
            self.extract_feat(inputs)
        return self.loss_predictor(*self.module_inputs(feats, data_samples))

    def module_inputs(self, feats: "RecordedFeatures", data_samples: list | None) -> tuple:
        """Return what the loss prediction module is called with.

        Args:
            feats: What :meth:`recorded_features` recorded.
            data_samples: The N data samples; see :meth:`predict_loss`.

        Returns:
            The features, one tensor a level; for a module that reads predictions also their
            statistics, of shape (N, S).
        """
        levels = feats.levels
        if self.detach_features:
            levels = [feat.detach() for feat in levels]
        if not _reads_predictions(self.loss_predictor):
            return (levels,)
        return levels, self._prediction_statistics(feats.extracted, data_samples)

    @torch.no_grad()
    def _prediction_statistics(self, extracted: object, data_samples: list | None) -> Tensor:
        """Run the heads as in evaluation, and leave no trace in them; shape (N, S)."""
        with ExitStack() as stack:
            stack.enter_context(preserved_random_state())
            for head in self.sample_losses.heads(self):
                stack.enter_context(without_trace(head))
            # Of detection transformers more than the head runs.
            stack.enter_context(evaluating(self))
            found = distributions_of(self).predict(self, extracted, data_samples)
            return torch.stack([uncertainty_statistics(d) for d in found])

    @torch.no_grad()
    def measure_losses(self, inputs: Tensor, data_samples: list) -> tuple[Tensor, Tensor]:
        """Predicted and true target loss of each labelled image, for checking the module.

        The model and its heads run as they do in training (some decode differently in evaluation,
        some compute no loss at all), their norm and dropout layers as in evaluation.

        Args:
            inputs: Preprocessed images of shape (N, C, H, W).
            data_samples: Their data samples, annotations in the coordinates of ``inputs``.

        Returns:
            Predicted and target losses, each of shape (N,).
        """
        # Ranks may hold different numbers of batches; DINO draws queries at random; some losses
        # count what they have seen, or move thresholds by it.
        with (
            without_trace(self),
            single_process(),
            preserved_random_state(),
            self.sample_losses.silenced(self),
        ):
            for module in (self, *self.sample_losses.heads(self)):
                module.training = True
            _, pred_loss, target_loss = self._losses(inputs, data_samples)
        return pred_loss, target_loss

    def _losses(self, inputs: Tensor, data_samples: list) -> tuple[dict, Tensor, Tensor]:
        """Return the target's losses on the batch, and each sample's predicted and true loss."""
        with (
            self.sample_losses.record(self, data_samples) as recording,
            self.recorded_features() as feats,
        ):
            losses = super().loss(inputs, data_samples)
        target_loss = self.sample_losses.losses(self, recording, super().loss, inputs)
        pred_loss = self.loss_predictor(*self.module_inputs(feats, data_samples))
        return losses, pred_loss, target_loss

    @contextmanager
    def recorded_features(self) -> Iterator["RecordedFeatures"]:
        """Yield what holds, after the target's forward, what feeds the module."""
        feats = RecordedFeatures()
        with ExitStack() as stack:
            if self.feat_modules is None:
                sources = {"extract_feat": (self, "extract_feat")}
            else:
                sources = {
                    name: (self.get_submodule(name), "forward") for name in self.feat_modules
                }
                if _reads_predictions(self.loss_predictor):
                    sources["extract_feat"] = (self, "extract_feat")
            calls = {
                name: stack.enter_context(recorded(*source)) for name, source in sources.items()
            }
            yield feats
            for name, made in calls.items():
                if not made:
                    raise RuntimeError(
                        f"{type(self).__name__} never called {name}, whose outputs feed the loss "
                        "prediction module."
                    )
                # Test-time augmentation calls it again, with other views of the images.
                result = made[0].result
                if name == "extract_feat":
                    feats.extracted = result
                if (name == "extract_feat") == (self.feat_modules is None):
                    feats.levels.extend(levels(result))


@dataclass
class RecordedFeatures:
    """What a target's forward leaves for the loss prediction module.

    Attributes:
        levels: The features that feed it, one tensor a level.
        extracted: What ``extract_feat`` returned, if it was recorded: the heads' input.
    """

    levels: list[Tensor] = field(default_factory=list)
    extracted: object = None


def levels(feats: Tensor | Sequence) -> Iterator[Tensor]:
    """Yield the levels of nested features: stages of levels, stacks of units.

    Raises:
        TypeError: If there is something else than tensors among them.
    """
    if isinstance(feats, Tensor):
        yield feats
        return
    if not isinstance(feats, list | tuple):
        raise TypeError(
            f"The features that feed the loss prediction module hold an object of type "
            f"{type(feats).__name__}; they must be tensors, or lists and tuples of such. Choose "
            "other modules with feat_modules, or the backbone's out_indices."
        )
    for feat in feats:
        yield from levels(feat)


def _reads_predictions(loss_predictor: nn.Module) -> bool:
    return getattr(loss_predictor, "reads_predictions", False)


@functools.cache
def _extended(target_class: type) -> type:
    return type(f"LearningLoss{target_class.__name__}", (LearningLossMixin, target_class), {})


@MODELS.register_module(name="LearningLoss")
def learning_loss(
    target: dict,
    loss_predictor: dict,
    ranking_loss: dict,
    feat_modules: Sequence[str] | None = None,
    sample_losses: dict | None = None,
    data_preprocessor: dict | None = None,
) -> nn.Module:
    """Build the target model and extend it with a loss prediction module.

    What comes back is the target itself, its class replaced by a subclass: parameter names and
    ``state_dict`` keys are the target's plus ``loss_predictor.*``. A plain checkpoint initialises
    it, its checkpoint loads into the plain config, and whatever looks at the model (optimizer
    rules, EMA, hooks, ``isinstance``) sees the target.

    Args:
        target: Config of any MMDetection, MMPose or MMPretrain model that
            :func:`sample_losses_for` supports.
        loss_predictor: Config of the loss prediction module. Its ``in_channels`` may be left out.
        ranking_loss: Config of the ranking loss.
        feat_modules: Names of submodules whose outputs feed the module, such as
            ``['backbone.layer2', 'backbone.layer3']``; by default what ``extract_feat`` returns.
        sample_losses: Config of the per-sample loss strategy; by default chosen by the target.
        data_preprocessor: For a target without one; a Runner passes the config's top-level one.

    Raises:
        TypeError: If no strategy is known for the target.
        ValueError: If the target has no submodule of a name in ``feat_modules``, or other channels
            than ``loss_predictor.in_channels``; or if these are neither given nor to be found.
    """
    if data_preprocessor is not None:
        target = {"data_preprocessor": data_preprocessor, **target}
    model = MODELS.build(target)
    strategy = TASK_UTILS.build(sample_losses) if sample_losses else sample_losses_for(model)
    known = dict(model.named_modules())
    if unknown := [name for name in feat_modules or () if name not in known]:
        raise ValueError(
            f"The 'feat_modules' parameter of LearningLoss names {unknown}, which "
            f"{type(model).__name__} does not have. Its children are "
            f"{[name for name, _ in model.named_children()]}."
        )
    model.__class__ = _extended(type(model))
    model.feat_modules = list(feat_modules) if feat_modules else None
    model.loss_predictor = _loss_predictor(model, loss_predictor)
    if _reads_predictions(model.loss_predictor):
        distributions_of(model)  # refuses heads that give none
    model.ranking_loss = MODELS.build(ranking_loss)
    model.sample_losses = strategy
    model.detach_features = False
    return model


def _loss_predictor(model: nn.Module, cfg: dict) -> nn.Module:
    """Build the loss prediction module of a model, for the channels of its features."""
    kind = registered_class(cfg, MODELS)
    given = cfg.get("in_channels")
    if kind is None or "in_channels" not in inspect.signature(kind).parameters:
        return MODELS.build(cfg)
    model.loss_predictor = None  # until it is built, nothing reads the features
    if given is None:
        return MODELS.build({**cfg, "in_channels": feature_channels(model)})
    if given:  # an empty list reads predictions alone
        with suppress(UnknownChannelsError):  # the first batch is checked, too
            check_channels(given, feature_channels(model, shapes_alone=True))
    return MODELS.build(cfg)
