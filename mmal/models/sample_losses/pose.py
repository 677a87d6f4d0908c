"""Pose estimators."""

import warnings
from collections.abc import Callable, Sequence
from contextlib import ExitStack

import torch
from mmengine.logging import print_log
from mmengine.structures import InstanceData
from torch import Tensor, nn

from mmal.registry import TASK_UTILS
from mmal.utils import few, single_process, without_trace

from .base import Recording, SampleLosses
from .dense import targets_of
from .layouts import Arguments, BatchDim, Recorded, mapped
from .mm_classes import class_name, loss_is_of

# Of KL divergence torch.vmap makes a loop of its own, and says so.
warnings.filterwarnings(
    "ignore", message="There is a performance drop because we have not yet impl"
)

#: Heads for which tests show that losses of samples equal losses of batches of one.
EXACT_TOPDOWN_HEADS = (
    "CPMHead",
    "DSNTHead",
    "HeatmapHead",
    "IntegralRegressionHead",
    "MSPNHead",
    "RLEHead",
    "RTMCCHead",
    "RTMWHead",
    "RegressionHead",
    "SimCCHead",
    "ViPNASHead",
    "VisPredictHead",
)
#: CIDHead calls no ``forward`` in training: all of it runs again on the features of an image.
EXACT_BOTTOMUP_HEADS = ("AssociativeEmbeddingHead", "CIDHead", "DEKRHead", "YOLOXPoseHead")
#: What heads compute of features, where their ``loss`` makes more of it than one loss module does;
#: a dot leads to the head inside.
_REPLAYED = {"DSNTHead": ("forward",), "VisPredictHead": ("vis_forward", "pose_head.forward")}


@TASK_UTILS.register_module()
class TopdownSampleLosses(SampleLosses):
    """Calls the head's loss modules again with their arguments, cut to the sample.

    All samples at once, by ``torch.vmap``; one after the other where a module cannot be run so. The
    head's own ``loss`` would compute the accuracy of its keypoints, too, on the CPU. It is
    replayed for the few heads that weigh several losses by themselves.

    MMPose averages over all joints, those that are not annotated included, so people of whom
    little is visible would look easy. With ``per_visible_joint`` the loss is divided by the
    visible joints instead; one without any has a NaN loss and is left out of pairs.

    Args:
        per_visible_joint: Whether to divide by the visible joints. The paper does not.
    """

    def __init__(self, per_visible_joint: bool = True) -> None:
        self.per_visible_joint = per_visible_joint
        self._one_by_one = False

    @classmethod
    def supports(cls, model: nn.Module) -> bool:
        """Whether ``model`` is top-down with one of :data:`EXACT_TOPDOWN_HEADS`."""
        return (
            loss_is_of("TopdownPoseEstimator", model)
            and class_name(model.head) in EXACT_TOPDOWN_HEADS
            and class_name(getattr(model.head, "pose_head", model.head)) in EXACT_TOPDOWN_HEADS
        )

    def heads(self, model: nn.Module) -> list[nn.Module]:
        """The head."""
        return [model.head]

    def recorded_methods(self, model: nn.Module) -> list[Recorded]:
        """What the loss modules are called with; of some heads, what they computed of features."""
        if names := _REPLAYED.get(class_name(model.head)):
            paths = [name.rpartition(".") for name in names]
            found = [(model.head.get_submodule(owner), method) for owner, _, method in paths]
            return [BatchDim(model, "extract_feat"), *(BatchDim(*place) for place in found)]
        modules = model.head.loss_module
        modules = modules if isinstance(modules, nn.ModuleList) else [modules]
        return [Arguments(module, "forward") for module in modules]

    @torch.no_grad()
    def losses(
        self, model: nn.Module, recording: Recording, loss: Callable, inputs: Tensor
    ) -> Tensor:
        """Return each sample's loss, of all samples at once where that can be; see the base."""
        if class_name(model.head) not in _REPLAYED and not self._one_by_one:
            try:
                return self._at_once(model, recording, inputs)
            except torch.cuda.OutOfMemoryError:
                raise
            except RuntimeError as error:  # of a module that asks for the numbers, or draws some
                self._one_by_one = True
                kinds = sorted({type(method.owner).__name__ for method, _ in recording.calls})
                print_log(
                    f"{few(kinds)} cannot be called for all samples at once, but one by one: "
                    f"{str(error).splitlines()[0]}",
                    logger="current",
                )
        return self.replay(model, recording, loss, inputs)

    def _at_once(self, model: nn.Module, recording: Recording, inputs: Tensor) -> Tensor:
        visible = _visible([sample.gt_instance_labels for sample in recording.data_samples])
        terms = []
        with single_process(), ExitStack() as stack:
            for method, calls in recording.calls:
                module: nn.Module = method.owner
                stack.enter_context(without_trace(module))
                for arguments in method.whole(calls, len(inputs)):
                    terms.append(self._per_joint(module, _of_each(module, arguments), visible))
        return sum(terms[1:], start=terms[0].float())

    def sample_loss(
        self, model: nn.Module, recording: Recording, loss: Callable, inputs: Tensor, index: int
    ) -> Tensor:
        """Sum the loss modules' losses of one sample."""
        visible = _visible([recording.data_samples[index].gt_instance_labels])[0]
        if class_name(model.head) in _REPLAYED:
            terms = self.sample_terms(recording, loss, inputs, index)
            # Whether a joint is visible is a question of all joints.
            scaled = {
                k: v if k == "loss_vis" else self._per_joint(model.head, v, visible)
                for k, v in terms.items()
            }
            return model.parse_losses(scaled)[0]
        total = inputs.new_zeros(())
        for method, calls in recording.calls:
            module: nn.Module = method.owner
            for arguments in method.cut(calls, index, len(inputs)):
                total = total + self._per_joint(module, module(**arguments), visible)
        return total

    def _per_joint(self, module: nn.Module, losses: Tensor, visible: Tensor) -> Tensor:
        """Divide what ``module`` averages over joints by the visible ones instead."""
        if not self.per_visible_joint:
            return losses
        # Online hard keypoint mining averages over the hardest joints alone.
        joints = visible.shape[-1]
        averaged = min(getattr(module, "topk", joints), joints)
        share = visible.mean(-1, dtype=torch.float32)
        if averaged < joints:
            share = (share * (joints / averaged)).clamp(max=1)
        # Without a visible joint something is divided by 0: 0, or more without weights.
        return (losses / share).nan_to_num(nan=torch.nan, posinf=torch.nan, neginf=torch.nan)


def _visible(labels: Sequence[InstanceData]) -> Tensor:
    """Whether each of K joints of N people is annotated; shape (N, K)."""
    weights = torch.stack([label.keypoint_weights for label in labels]).flatten(1, -2)
    return weights[:, 0] > 0 if weights.shape[1] == 1 else (weights > 0).any(1)


def _of_each(module: nn.Module, arguments: dict) -> Tensor:
    """Return the module's loss of each sample as a batch of one, shape (N,)."""
    tensors: list[Tensor] = []
    mapped(arguments, tensors.append)

    def of_one(*parts: Tensor) -> Tensor:
        own = iter(parts)
        return module(**mapped(arguments, lambda _: next(own)[None]))

    return torch.vmap(of_one)(*tensors)


@TASK_UTILS.register_module()
class BottomupSampleLosses(SampleLosses):
    """Replays ``extract_feat``, the head's ``forward`` and, where it has one, its assignment."""

    @classmethod
    def supports(cls, model: nn.Module) -> bool:
        """Whether ``model`` is bottom-up with one of :data:`EXACT_BOTTOMUP_HEADS`."""
        return (
            loss_is_of("BottomupPoseEstimator", model)
            and class_name(model.head) in EXACT_BOTTOMUP_HEADS
        )

    def heads(self, model: nn.Module) -> list[nn.Module]:
        """The head."""
        return [model.head]

    def recorded_methods(self, model: nn.Module) -> list[Recorded]:
        """Features, head outputs and targets."""
        head = model.head
        return [BatchDim(model, "extract_feat"), BatchDim(head, "forward"), *targets_of(head)]
