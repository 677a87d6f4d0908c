"""Two-stage detectors."""

from torch import nn

from mmal.registry import TASK_UTILS

from .base import SampleLosses
from .dense import targets_of
from .layouts import (
    BatchDim,
    CallPerSample,
    EntryPerSample,
    Recorded,
    RowsOfRois,
    Silenced,
)
from .mm_classes import class_name, loss_is_of
from .one_pass import OnePass
from .one_pass_heads import one_pass_of

#: RoI heads for which tests show that replayed losses equal single-sample losses.
EXACT_ROI_HEADS = (
    "StandardRoIHead",
    "CascadeRoIHead",
    "DoubleHeadRoIHead",
    "DynamicRoIHead",
    "GridRoIHead",
    "HybridTaskCascadeRoIHead",
    "MaskScoringRoIHead",
    "MultiInstanceRoIHead",
    "PISARoIHead",
    "SCNetRoIHead",
)

#: Those whose losses are the box heads' and nothing else.
_ONE_PASS_ROI_HEADS = ("StandardRoIHead", "CascadeRoIHead", "DoubleHeadRoIHead")
#: Heads of a RoI head that see whole images: of HTC and SCNet.
_OF_IMAGES = ("semantic_head", "glbctx_head")


@TASK_UTILS.register_module()
class TwoStageSampleLosses(SampleLosses):
    """Replays what RPN and RoI head computed: outputs, proposals, assignment and sampling.

    A sample's loss is that of the anchors and RoIs that were drawn for it in the batch. Fast R-CNN
    has no RPN: proposals come with the data samples.
    """

    @classmethod
    def supports(cls, model: nn.Module) -> bool:
        """Whether ``model`` has one of :data:`EXACT_ROI_HEADS`, and an RPN head if any."""
        return (
            (loss_is_of("TwoStageDetector", model) or _is_panoptic(model))
            and (not model.with_rpn or class_name(model.rpn_head) == "RPNHead")
            and class_name(getattr(model, "roi_head", None)) in EXACT_ROI_HEADS
            # Grid R-CNN's jitter moves the RoIs that boxes are measured from, if it learns boxes.
            and not (class_name(model.roi_head) == "GridRoIHead" and _learns_boxes(model.roi_head))
            # A mask head on the box head's RoIs gets no RoIs of its own to tell the images by.
            and not (
                model.roi_head.with_mask and getattr(model.roi_head, "share_roi_extractor", False)
            )
        )

    def heads(self, model: nn.Module) -> list[nn.Module]:
        """The RPN head, the RoI head and, of Panoptic FPN, the head that sees whole images."""
        heads = [*_rpn(model), model.roi_head]
        return [*heads, model.semantic_head] if _is_panoptic(model) else heads

    def recorded_methods(self, model: nn.Module) -> list[Recorded]:
        """Features, outputs and targets of the RPN, proposals; RoIs drawn and their outputs."""
        roi = model.roi_head
        methods = [BatchDim(model, "extract_feat")]
        for rpn in _rpn(model):
            methods += [BatchDim(rpn, "forward"), *targets_of(rpn)]
            methods.append(EntryPerSample(rpn, "predict_by_feat"))
        methods.append(RowsOfRois(roi, "_bbox_forward"))
        if roi.with_mask:
            methods.append(RowsOfRois(roi, "_mask_forward"))
        of_images = [getattr(roi, name, None) for name in _OF_IMAGES]
        if _is_panoptic(model):
            of_images.append(model.semantic_head)
        methods += [BatchDim(head, "forward") for head in of_images if head is not None]
        if hasattr(roi, "_random_jitter"):  # Grid R-CNN's, of the RoIs that it was drawn for
            methods.append(EntryPerSample(roi, "_random_jitter"))
        if hasattr(roi, "update_hyperparameters"):  # Dynamic R-CNN's move with batches alone
            methods.append(Silenced(roi, "update_hyperparameters", (None, None)))
        for assigner in _each(roi.bbox_assigner):
            methods.append(CallPerSample(assigner, "assign"))
        for sampler in _each(roi.bbox_sampler):
            methods.append(CallPerSample(sampler, "sample"))
        return methods

    def one_pass(self, model: nn.Module) -> list[tuple[nn.Module, OnePass]]:
        """Those of the RPN and of the box head of every stage; none with masks."""
        roi = model.roi_head
        boxes = roi.bbox_head if isinstance(roi.bbox_head, nn.ModuleList) else [roi.bbox_head]
        rpn = _rpn(model)
        factors = [1.0] * len(rpn) + list(getattr(roi, "stage_loss_weights", [1.0]))
        ways = list(map(one_pass_of, [*rpn, *boxes]))
        known = class_name(roi) in _ONE_PASS_ROI_HEADS and loss_is_of("TwoStageDetector", model)
        if roi.with_mask or not (known and all(ways)):
            return []
        return [
            (head, way.times(factor))
            for head, way, factor in zip([*rpn, *boxes], ways, factors, strict=True)
        ]


def _rpn(model: nn.Module) -> list[nn.Module]:
    """The RPN head; none of Fast R-CNN, which is given proposals."""
    return [model.rpn_head] if model.with_rpn else []


def _is_panoptic(model: nn.Module) -> bool:
    return loss_is_of("TwoStagePanopticSegmentor", model) and model.with_semantic_head


def _learns_boxes(roi_head: nn.Module) -> bool:
    return getattr(roi_head.bbox_head, "with_reg", True)


def _each(stages: object | list) -> list:
    """One assigner or sampler a stage."""
    return stages if isinstance(stages, list) else [stages]
