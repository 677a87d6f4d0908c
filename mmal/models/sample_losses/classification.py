"""Image classifiers."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from mmal.registry import TASK_UTILS
from mmal.utils import preserved_random_state, single_process, without_trace
from mmal.utils.record import Call

from .base import Recording, SampleLosses
from .layouts import Arguments, Recorded
from .mm_classes import class_name, loss_is_of

#: Heads for which tests show that losses of samples equal losses of batches of one. Their loss is
#: that of ``loss_module`` and nothing else.
EXACT_HEADS = (
    "ArcFaceClsHead",
    "CSRAClsHead",
    "ClsHead",
    "ConformerHead",
    "DeiTClsHead",
    "EfficientFormerClsHead",
    "LeViTClsHead",
    "LinearClsHead",
    "MultiLabelClsHead",
    "MultiLabelLinearClsHead",
    "StackedLinearClsHead",
    "VigClsHead",
    "VisionTransformerClsHead",
)
#: Losses whose elements, unreduced, add up to a sample's: one call gives those of the whole batch.
_SUMS_OF_ELEMENTS = ("AsymmetricLoss", "CrossEntropyLoss", "FocalLoss", "LabelSmoothLoss")


@TASK_UTILS.register_module()
class ClassifierSampleLosses(SampleLosses):
    """Calls the head's loss module again with its arguments: scores and labels of each sample.

    MMPretrain sums a loss over samples and classes and divides it by the number of samples, which
    for a batch of one is one. Of its own losses the elements are taken in one call for the batch:
    batches of images are large, and a loop would cost a GPU more than the network does. Any other
    loss module is called sample by sample.

    Batch augmentations (Mixup, CutMix, ResizeMix of the data preprocessor) mix images and their
    labels before the model sees them. A sample is then a mixed image, its loss that under the
    mixed labels, and the loss prediction module, too, sees the mixed image: both are of the same
    input, as everywhere. Scoring mixes nothing.
    """

    @classmethod
    def supports(cls, model: nn.Module) -> bool:
        """Whether ``model`` is an image classifier with one of :data:`EXACT_HEADS`."""
        return (
            loss_is_of("ImageClassifier", model)
            and class_name(getattr(model, "head", None)) in EXACT_HEADS
        )

    def heads(self, model: nn.Module) -> list[nn.Module]:
        """The head."""
        return [model.head]

    def recorded_methods(self, model: nn.Module) -> list[Recorded]:
        """What the loss module is called with; Conformer's twice, once a branch."""
        return [Arguments(model.head.loss_module, "forward")]

    @contextmanager
    def record(self, model: nn.Module, data_samples: list) -> Iterator[Recording]:
        """Record; see the base class.

        For batch augmentations the preprocessor makes scores of the labels. In evaluation, when
        it mixes nothing, they are integers, which the cross-entropy does not take.
        """
        for sample in data_samples:
            if "gt_score" in sample and not sample.gt_score.is_floating_point():
                sample.set_gt_score(sample.gt_score.float())
        with super().record(model, data_samples) as recording:
            yield recording

    @torch.no_grad()
    def replay(
        self,
        model: nn.Module,
        recording: Recording,
        loss: Callable[[Tensor, list], dict],
        inputs: Tensor,
    ) -> Tensor:
        """Return the loss module's loss of each sample; see the base class."""
        total = inputs.new_zeros(len(inputs), dtype=torch.float32)
        for method, calls in recording.calls:
            module: nn.Module = method.owner
            with single_process(), without_trace(module):
                if class_name(module) in _SUMS_OF_ELEMENTS and module.reduction == "mean":
                    for call in calls:
                        total += _summed(module, call, len(inputs))
                else:
                    for i in range(len(inputs)):
                        recording.restore_statistics()
                        total[i] += _of_one(module, method.cut(calls, i, len(inputs)))
        return total


def _summed(module: nn.Module, call: Call, size: int) -> Tensor:
    """Sum each sample's elements of the loss; shape (N,)."""
    elements = module(**{**call.arguments, "reduction_override": "none"})
    return elements.reshape(size, -1).sum(dim=1).float()


def _of_one(module: nn.Module, calls: list[dict]) -> Tensor:
    """Return the loss module's loss of one sample, as the head asks for it in a batch of one."""
    with preserved_random_state():
        # The mean is what a model reports of a loss that it does not reduce.
        return sum(module(**{**arguments, "avg_factor": 1}).mean() for arguments in calls)
