from .base import SampleLosses
from .dense import DenseHeadSampleLosses
from .detr import DETRSampleLosses
from .instance_segmentation import InstanceSegmentorSampleLosses
from .layouts import (
    BatchDim,
    CallPerSample,
    EntryPerSample,
    Recorded,
    RowsOfRois,
    Silenced,
)
from .select import sample_losses_for
from .sparse_rcnn import SparseRCNNSampleLosses
from .two_stage import TwoStageSampleLosses

__all__ = [
    "BatchDim",
    "CallPerSample",
    "DETRSampleLosses",
    "DenseHeadSampleLosses",
    "EntryPerSample",
    "InstanceSegmentorSampleLosses",
    "Recorded",
    "RowsOfRois",
    "SampleLosses",
    "Silenced",
    "SparseRCNNSampleLosses",
    "TwoStageSampleLosses",
    "sample_losses_for",
]
