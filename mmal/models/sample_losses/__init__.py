from .base import SampleLosses
from .classification import ClassifierSampleLosses
from .dense import DenseHeadSampleLosses
from .detr import DETRSampleLosses
from .instance_segmentation import InstanceSegmentorSampleLosses
from .layouts import (
    Arguments,
    BatchDim,
    CallPerSample,
    EntryPerSample,
    Recorded,
    RowsOfRois,
    Silenced,
)
from .mask_transformer import MaskTransformerSampleLosses
from .pose import BottomupSampleLosses, TopdownSampleLosses
from .select import sample_losses_for
from .sparse_rcnn import SparseRCNNSampleLosses
from .two_stage import TwoStageSampleLosses

__all__ = [
    "Arguments",
    "BatchDim",
    "BottomupSampleLosses",
    "CallPerSample",
    "ClassifierSampleLosses",
    "DETRSampleLosses",
    "DenseHeadSampleLosses",
    "EntryPerSample",
    "InstanceSegmentorSampleLosses",
    "MaskTransformerSampleLosses",
    "Recorded",
    "RowsOfRois",
    "SampleLosses",
    "Silenced",
    "SparseRCNNSampleLosses",
    "TopdownSampleLosses",
    "TwoStageSampleLosses",
    "sample_losses_for",
]
