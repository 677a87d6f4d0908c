"""Features of the objects in an image: inside its predicted boxes, at its joints."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from .learning_loss import levels
from .necks.loss_prediction_neck import pooled
from .uncertainty.dense import DenseHeadDistributions
from .uncertainty.heatmap import HeatmapDistributions, final_heatmaps
from .uncertainty.two_stage import TwoStageDistributions, regions


def check_objects(model: nn.Module) -> None:
    """Check that :func:`object_features` knows how ``model`` predicts objects.

    Raises:
        TypeError: If it does not, or the model predicts none, as classifiers.
    """
    if _painter(model) is None:
        raise TypeError(
            f"The predictions of {type(model).__name__} cannot be read as boxes or joints, which "
            "features of the source 'objects' need. Use another source (target, backbone, "
            "pretrained), or a model of a family that docs/queries.md names, 'Which features'."
        )


def heads_of_objects(model: nn.Module) -> list[nn.Module]:
    """Return the heads that predict them; others, such as those of masks, are not run."""
    found = [getattr(model, name, None) for name in ("head", "bbox_head", "rpn_head")]
    of_regions = getattr(getattr(model, "roi_head", None), "bbox_head", None)
    found += of_regions if isinstance(of_regions, nn.ModuleList) else [of_regions]
    return [head for head in found if head is not None]


def object_features(model: nn.Module, feats: object, data_samples: Sequence) -> Tensor:
    """Average the finest level of features over the objects that the model predicts.

    Of detectors: the mean over the positions inside each box that is left after NMS, and of these
    means the average weighted by the boxes' scores. Of pose estimators: the features where the
    joints' heatmaps are highest, weighted by these heights.

    Args:
        model: A model that :func:`check_objects` lets pass, in evaluation mode.
        feats: What its ``extract_feat`` returned. The level of most positions is looked at; of
            equal ones, such as those of stacked hourglasses, the last.
        data_samples: The N data samples; their annotations are not looked at.

    Returns:
        Vectors of shape (N, C), float32. Where nothing is predicted, the average over all
        positions.

    Raises:
        TypeError: If no level has positions.
    """
    maps = [feat for feat in levels(feats) if feat.dim() == 4]
    if not maps:
        raise TypeError(
            f"The features of {type(model).__name__} have no positions, at which features of the "
            "source 'objects' are read. Use another source (target, backbone, pretrained)."
        )
    finest = max(reversed(maps), key=lambda feat: feat.shape[2:].numel())
    weights = _painter(model)(model, feats, data_samples, tuple(finest.shape[2:]))
    total = weights.sum(dim=(1, 2))[:, None]
    inside = torch.einsum("nchw,nhw->nc", finest.float(), weights) / total
    return inside.where(total != 0, pooled(finest))


def _paint_boxes(results: Sequence, data_samples: Sequence, size: tuple[int, int]) -> Tensor:
    """Spread the score of each box evenly over the positions in it; shape (N, H, W)."""
    return torch.stack(
        [
            _painted(result.bboxes.float(), result.scores.float(), sample, size)
            for result, sample in zip(results, data_samples, strict=True)
        ]
    )


def _painted(boxes: Tensor, scores: Tensor, sample: object, size: tuple[int, int]) -> Tensor:
    # A position has the middle of its share of the input, padding included.
    height, width = sample.metainfo["batch_input_shape"]
    columns = _inside(boxes[:, 0::2], width / size[1], size[1])
    rows = _inside(boxes[:, 1::2], height / size[0], size[0])
    areas = rows.sum(dim=1) * columns.sum(dim=1)
    return torch.einsum("bh,bw,b->hw", rows, columns, scores / areas)


def _inside(edges: Tensor, stride: float, count: int) -> Tensor:
    """Which of ``count`` positions a stride apart each interval holds: 0 or 1, shape (B, count).

    One that is too short to hold any has that nearest to its middle.
    """
    centers = (torch.arange(count, device=edges.device) + 0.5) * stride
    held = (centers >= edges[:, :1]) & (centers <= edges[:, 1:])
    nearest = (centers - edges.mean(dim=1, keepdim=True)).abs().argmin(dim=1)
    held[torch.arange(len(edges), device=edges.device), nearest] |= ~held.any(dim=1)
    return held.float()


def _paint_dense(
    model: nn.Module, feats: Sequence[Tensor], data_samples: Sequence, size: tuple[int, int]
) -> Tensor:
    results = model.bbox_head.predict(feats, data_samples, rescale=False)
    return _paint_boxes(results, data_samples, size)


def _paint_two_stage(
    model: nn.Module, feats: Sequence[Tensor], data_samples: Sequence, size: tuple[int, int]
) -> Tensor:
    results = regions(model, feats, data_samples, model.roi_head.test_cfg)
    return _paint_boxes(results, data_samples, size)


def _paint_joints(
    model: nn.Module, feats: Sequence[Tensor], data_samples: Sequence, size: tuple[int, int]
) -> Tensor:
    """Put the height of each joint's highest peak where it is; shape (N, H, W)."""
    heatmaps = final_heatmaps(model, feats)
    height, width = heatmaps.shape[2:]
    heights, places = heatmaps.flatten(2).max(dim=2)
    rows = ((places // width + 0.5) * (size[0] / height)).long().clamp(max=size[0] - 1)
    columns = ((places % width + 0.5) * (size[1] / width)).long().clamp(max=size[1] - 1)
    weights = heights.new_zeros(len(heights), size[0] * size[1])
    return weights.scatter_add(1, rows * size[1] + columns, heights).unflatten(1, size)


_PAINTERS: dict[type, Callable] = {
    DenseHeadDistributions: _paint_dense,
    TwoStageDistributions: _paint_two_stage,
    HeatmapDistributions: _paint_joints,
}


def _painter(model: nn.Module) -> Callable | None:
    found = (paint for family, paint in _PAINTERS.items() if family.supports(model))
    return next(found, None)
